"""Numbers and times as a person reads them."""

import json
import logging
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.commands.cli.log_lines import JsonLines
from harvester.text import counted, when, whole_number

_ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("number", "what", "told"),
    [(0, "user", "0 users"), (1, "user", "1 user"), (2000, "user", "2,000 users"), (2, "entry", "2 entries")]
    + [(1, "entry", "1 entry"), (2, "day", "2 days")],
)
def test_what_is_counted_agrees_with_its_number(number: int, what: str, told: str) -> None:
    assert counted(number, what) == told


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        ("2026-11-26T09:40:14.000000+00:00", "2026-11-26 09:40:14"),
        ("2026-11-26T09:40:14.999999+02:00", "2026-11-26 07:40:14"),
        ("0001-01-01T00:00:00.000Z", "0001-01-01 00:00:00"),
        # Of 2019; they were UTC.
        ("2019-03-09T15:35:07.464791", "2019-03-09 15:35:07"),
        ("", ""),
        ("yesterday", "yesterday"),
    ],
)
def test_a_moment_is_told_to_the_second_in_utc(stored: str, told: str) -> None:
    assert when(stored) == told


def test_no_command_counts_in_words_of_its_own() -> None:
    """`1 files` comes of a number beside a plural; `counted` is the one place that knows both forms."""
    plurals = "accounts|events|files|gaps|harvests|manifests|names|objects|posts|rules|schedules|users"
    beside = re.compile(r"\{[^{}]*\} (?:" + plurals + r")\b")
    wrong = [
        f"{path.name}: {found[0]}"
        for path in (_ROOT / "harvester" / "commands").glob("*.py")
        for found in beside.finditer(path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


@given(st.text())
def test_a_line_of_the_log_for_programs_is_one_line_whatever_stands_in_it(message: str) -> None:
    record = logging.LogRecord("twarc-cloud", logging.INFO, "", 0, "%s", (message,), None)
    line = JsonLines().format(record)
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == message


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("0", 0), ("007", 7), (str((1 << 63) - 1), (1 << 63) - 1), (str(1 << 63), None)),
        *((text, None) for text in ("", "-1", "1.5", " 7", "\u0667", "\xb2", "9" * 5000)),
    ],
)
def test_digits_of_64_bits_are_a_number_and_no_other_text(text: str, number: int | None) -> None:
    assert whole_number(text) == number
