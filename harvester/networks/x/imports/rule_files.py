"""Rows of rules from text: JSON lines, a JSON list, a rule file of GNIP's, or CSV with a header."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from harvester.documents.repeated_keys import given_twice
from harvester.networks.x.imports.rows import Row
from harvester.networks.x.imports.rule_text import unusable

_DELIMITERS = ",;\t"
# The line that Excel writes and reads as the first one.
_SEPARATOR = re.compile(r'"?sep=(?P<sign>[^\w"\r\n])"?\r?(\n|$)', re.IGNORECASE)
_VALUE = "value"
# The csv module refuses cells above 128 KB as errors of its own, so that no cell can hide the rest of a file.
_FORMATS = 'A file of rules is JSON lines, a JSON list, {"rules": [...]}, or CSV with a header.'


def rows_in(text: str, name: str) -> Iterator[Row]:
    """The rows of a text whose format is seen in how it begins."""
    begin = text.lstrip()[:1]
    if begin == "[":
        return _listed(_document(text, name), name)
    if begin == "{":
        return _of_object(text, name)
    return _of_csv(text, name)


def _of_object(text: str, name: str) -> Iterator[Row]:
    """One object for each line, or one object of several lines."""
    first = _object(text.strip().partition("\n")[0])
    if first is None:
        found = _document(text, name)
        return _listed(found["rules"] if isinstance(found, dict) and "rules" in found else [found], name)
    if "rules" in first and _VALUE not in first:
        found = _document(text, name)
        return _listed(found["rules"], name)
    return _of_lines(text)


def _document(text: str, name: str) -> Any:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise unusable(f"{name} is cut off or not JSON ({where}: {error.msg})", _FORMATS) from error
    if twice := given_twice(text, found):
        raise unusable(f"{name} is ambiguous: {twice[0].rstrip('.')}", "Keep one of each.")
    return found


def _listed(rules: Any, name: str) -> Iterator[Row]:
    if not isinstance(rules, list):
        raise unusable(f"{name} has no list of rules", _FORMATS)
    for number, rule in enumerate(rules, start=1):
        yield _row(f"rule {number}", rule)


def _row(place: str, rule: Any) -> Row:
    if isinstance(rule, str):
        return Row(place, {_VALUE: rule})
    if isinstance(rule, dict):
        return Row(place, rule)
    return Row(place, problem="is neither an object nor text")


def _of_lines(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError:
            yield Row(f"line {number}", {_VALUE: line.strip()}, "is cut off or not JSON")
            continue
        twice = given_twice(line, found)
        row = _row(f"line {number}", found)
        yield Row(row.place, row.fields, twice[0].partition(",")[0]) if twice else row


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _of_csv(text: str, name: str) -> Iterator[Row]:
    named = _SEPARATOR.match(text)
    lines = iter(_cells(text, named["sign"] if named else _delimiter(text), name))
    if named:
        next(lines)
    header = next(((place, cells) for place, cells in lines if any(cells)), ("", []))[1]
    columns = [column.strip() for column in header]
    _require_columns(columns, name)
    for place, cells in lines:
        if any(cell.strip() for cell in cells):
            yield _of_cells(place, columns, cells)


def _of_cells(place: str, columns: Sequence[str], cells: Sequence[str]) -> Row:
    shown = {_VALUE: " ".join(cells)}
    if len(cells) != len(columns):
        return Row(place, shown, f"has {len(cells)} cells, and the header {len(columns)}")
    given = {column: cell for column, cell in zip(columns, cells, strict=True) if cell.strip()}
    if "" in given:
        return Row(place, shown, "has a cell in a column without a name")
    return Row(place, given)


def _require_columns(columns: Sequence[str], name: str) -> None:
    named = [column.lower() for column in columns if column]
    if _VALUE not in named:
        hint = "The first line names the columns: value, and perhaps type, tag, id, status and others."
        raise unusable(f"{name} has no column {_VALUE}; its columns are: {', '.join(columns)[:200]}", hint)
    if twice := next((column for column in named if named.count(column) > 1), ""):
        raise unusable(f"{name} has two columns {twice}", "Rename one of them.")


def _delimiter(text: str) -> str:
    """What stands between the cells of the header."""
    header = next(line for line in text.splitlines() if line.strip())
    found = {each: [cell.strip(' "').lower() for cell in header.split(each)] for each in _DELIMITERS}
    return max(_DELIMITERS, key=lambda each: (_VALUE in found[each], len(found[each])))


def _cells(text: str, delimiter: str, name: str) -> Iterator[tuple[str, list[str]]]:
    """Each row's cells, with the line that it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            hint = "A cell with a quote in it is written in quotes, and each quote in it twice."
            raise unusable(f"{name} cannot be read from line {line} on: {error}", hint) from error
        if cells is None:
            return
        yield f"line {line}", cells
