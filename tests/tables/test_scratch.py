"""Rows come back from a scratch as they went in, sorted, grouped and distinct, whatever they hold."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.tables.scratch import scratch

_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
_ROWS = st.lists(st.tuples(st.integers(-(1 << 63), (1 << 63) - 1), _TEXT | st.none()), max_size=30)


@settings(max_examples=15)
@given(_ROWS)
def test_rows_are_the_same_afterwards(rows: list[tuple[int, str | None]]) -> None:
    # Of this text alone another stands for it.
    rows = [row for row in rows if row[1] != "\\N"]
    with scratch() as there:
        assert there.add("rows", {"number": "BIGINT", "words": "VARCHAR"}, rows) == len(rows)
        assert list(there.ask("SELECT * FROM rows ORDER BY number, words NULLS FIRST")) == sorted(
            rows, key=lambda row: (row[0], row[1] is not None, (row[1] or "").encode())
        )


def test_edges_are_counted_and_ids_are_distinct(tmp_path: Path) -> None:
    edges = [(str(number % 7), str(number % 3)) for number in range(50_000)]
    with scratch(tmp_path, memory_mb=80) as there:
        there.add("edges", {"source": "VARCHAR", "target": "VARCHAR"}, edges)
        weights = there.ask("SELECT source, target, count(*) FROM edges GROUP BY ALL ORDER BY ALL")
        assert sum(weight for _, _, weight in weights) == 50_000
        assert len(list(there.ask("SELECT DISTINCT source FROM edges"))) == 7
        # Two questions at once.
        first = there.ask("SELECT source FROM edges")
        assert next(first) and next(there.ask("SELECT count(*) FROM edges")) == (50_000,)
        assert len(list(first)) == 49_999
    assert list(tmp_path.iterdir()) == []


def test_more_than_the_memory_is_sorted(tmp_path: Path) -> None:
    count = 200_000
    rows = ((number * 7919 % count, "x" * 400) for number in range(count))
    with scratch(tmp_path, memory_mb=80) as there:
        there.add("rows", {"number": "BIGINT", "words": "VARCHAR"}, rows)
        found = there.ask("SELECT number FROM rows ORDER BY number")
        assert all(number == expected for expected, (number,) in enumerate(found))
