"""A post is shown as it was stored, in whatever form it says its time, its ids and its author."""

from datetime import datetime

from hypothesis import example, given
from hypothesis import strategies as st

from harvester.networks.rows import PostRow
from harvester.search.facts import facts_of
from harvester.search.hits import metrics_in_words, packed, unpacked

_IDS = st.one_of(st.integers(0, 1 << 70).map(str), st.text(max_size=5), st.just("007"))
_TIMES = st.one_of(
    st.datetimes().map(lambda moment: f"{moment.isoformat(timespec='milliseconds')}Z"),
    st.text(max_size=24),
)


def test_one_of_something_is_no_plural() -> None:
    told = metrics_in_words({"likes": 1, "reposts": 0, "replies": 1, "quotes": 2})
    assert told == "1 like, 1 reply, 2 quotes"


@given(id=_IDS, author=_IDS, created_at=_TIMES, key=st.integers(0, (1 << 63) - 1))
@example(id="1", author="1", created_at="2026-11-01 12:00:00.000Z", key=1)
@example(id="1", author="1", created_at="2026-W44-7T12:00:00.000Z", key=1)
@example(id="1", author="1", created_at="2026-11-01T12:00:00.00\u0661Z", key=1)
def test_a_hit_says_what_the_post_says(id: str, author: str, created_at: str, key: int) -> None:
    row = PostRow(id=id, key=key, created_at=created_at, author_id=author, text="x", likes=3, lat=1.5)
    stored = packed(row, at=facts_of(row, "c").at, collection=1, file=2, line=4)
    hit = unpacked(stored, key, {1: "c"}, {2: "f"})
    assert (hit.id, hit.author_id, hit.created_at, hit.key) == (id, author, created_at, key)
    assert (hit.text, hit.metrics, hit.lat, hit.collection, hit.file, hit.line) == (
        *("x", {"likes": 3}, 1.5),
        *("c", "f", 4),
    )


def test_a_post_of_its_own_time_takes_little_room() -> None:
    created = datetime.fromisoformat("2026-11-01T12:00:00.000+00:00")
    key = (int(created.timestamp() * 1000) + 7 - 1_288_834_974_657) << 22 | 5
    row = PostRow(id=str(key), key=key, created_at="2026-11-01T12:00:00.000Z", author_id="1" * 19)
    assert len(packed(row, at=facts_of(row, "c").at, collection=1, file=1, line=1)) < 45
