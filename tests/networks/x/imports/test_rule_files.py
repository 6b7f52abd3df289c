"""Files of rules in each format and encoding are read row by row, or refused with the line at fault."""

import io
import json
from pathlib import Path

import pytest

from harvester.errors import Exit, HarvesterError
from harvester.networks.x.imports import rule_text
from harvester.networks.x.imports.rows import Row
from harvester.networks.x.imports.rule_files import rows_in
from harvester.networks.x.imports.rule_text import text_in


def _rows(data: bytes | str) -> list[Row]:
    data = data.encode() if isinstance(data, str) else data
    return list(rows_in(text_in(io.BytesIO(data), "rules"), "rules"))


def _refused(data: bytes | str) -> str:
    with pytest.raises(HarvesterError) as caught:
        _rows(data)
    assert caught.value.exit_code == Exit.USAGE
    assert "\n" not in str(caught.value)
    return str(caught.value)


_HAPPY = {"value": "happy", "tag": "mood"}
_SAD = {"value": "sad", "tag": "mood"}
_GNIP = json.dumps({"rules": [_HAPPY, _SAD]})


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (f"{json.dumps(_HAPPY)}\n\n{json.dumps(_SAD)}", ["line 1", "line 3"]),
        (json.dumps([_HAPPY, _SAD]), ["rule 1", "rule 2"]),
        (json.dumps([_HAPPY, _SAD], indent=1), ["rule 1", "rule 2"]),
        (_GNIP, ["rule 1", "rule 2"]),
        (json.dumps({"rules": [_HAPPY, _SAD]}, indent=1), ["rule 1", "rule 2"]),
        ("value,tag\nhappy,mood\n\n,\nsad,mood\n", ["line 2", "line 5"]),
        ("sep=;\r\nvalue;tag\r\nhappy;mood\r\nsad;mood\r\n", ["line 3", "line 4"]),
        ("sep=|\nvalue|tag\nhappy|mood\nsad|mood\n", ["line 3", "line 4"]),
        ("\ufeffsep=\t\nvalue\ttag\nhappy\tmood\nsad\tmood\n", ["line 3", "line 4"]),
        ("\nvalue;tag\r\nhappy;mood\r\nsad;mood", ["line 3", "line 4"]),
        ('"value"\t"tag"\nhappy\tmood\nsad\tmood\n', ["line 2", "line 3"]),
    ],
    ids=[
        *("lines", "list", "long list", "gnip", "long gnip", "commas", "Excel", "a bar"),
        *("Excel with a mark", "semicolons", "tabs"),
    ],
)
def test_every_format_gives_the_same_rows(text: str, places: list[str]) -> None:
    assert _rows(text) == [Row(places[0], _HAPPY), Row(places[1], _SAD)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("text", ["value,tag\n今日中国,é\n", '{"value":"今日中国","tag":"é"}\n'])
def test_text_in_unicode_is_read_with_and_without_its_mark(text: str, encoding: str) -> None:
    (row,) = _rows(text.encode(encoding))
    assert row.fields == {"value": "今日中国", "tag": "é"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("value\nhappy\ncafé\n".encode("latin-1"), "Line 3 of rules is not text in UTF-8."),
        ("value\nhappy\n".encode("utf-16-le"), "Line 1 of rules contains a null character."),
        ("value\nhappy\n".encode("utf-16")[:-1], "Line 2 of rules is not text in UTF-16."),
        (b"\x1f\x8b\x08\0\0", "it is compressed by gzip"),
        (b"PK\x03\x04\x14", "Save the table as CSV"),
        (b"", "rules is empty."),
        (b" \n\n", "rules is empty."),
        ("\ufeff", "rules is empty."),
        ("happy\nsad\n", "has no column value; its columns are: happy."),
        ("term,tag\nhappy,mood\n", "has no column value; its columns are: term, tag."),
        ("value,Value\na,b\n", "rules has two columns value."),
        ('value,tag\nhappy,mood\n"sad,mood\n', "rules cannot be read from line 3 on: "),
        ('value,tag\n"happy" cats,mood\n', "rules cannot be read from line 2 on: "),
        (_GNIP[:-4], "rules is cut off or not JSON (line 1, column "),
        (json.dumps([_HAPPY, _SAD], indent=1)[:-9], "rules is cut off or not JSON (line "),
        ('{"rules": {"value": "a"}}', "rules has no list of rules."),
        ('[{"value": "a",\n"value": "b"}]', "ambiguous"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(data: bytes | str, words: str) -> None:
    assert words in _refused(data)


def test_a_file_of_any_size_is_read_up_to_the_limit_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_text, "LARGEST", 1 << 20)
    with Path("/dev/zero").open("rb") as endless, pytest.raises(HarvesterError, match="more than 1 MB"):
        text_in(endless, "rules")


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("value,tag\nhappy\nsad,mood\n", "line 2", "has 1 cells, and the header 2"),
        ("value,tag\nhappy,mood,more\nsad,mood\n", "line 2", "has 3 cells, and the header 2"),
        ("value,tag,\nhappy,mood,more\nsad,mood,\n", "line 2", "has a cell in a column without a name"),
        ('{"value":"sad"}\n{"value":"hap', "line 2", "is cut off or not JSON"),
        ('{"value":"sad"}\n{"value":"a","value":"b"}', "line 2", "value is given twice"),
        ('{"value":"sad"}\n7', "line 2", "is neither an object nor text"),
        ('[{"value":"sad"}, null]', "rule 2", "is neither an object nor text"),
    ],
)
def test_one_row_that_cannot_be_read_is_named_and_the_others_are_read(
    text: str, place: str, problem: str
) -> None:
    rows = _rows(text)
    assert [(row.place, row.problem) for row in rows if row.problem] == [(place, problem)]
    assert [row.fields["value"] for row in rows if not row.problem] == ["sad"]


def test_a_cell_may_span_lines_and_the_next_row_has_its_own_line() -> None:
    text = 'value,note\n"happy","two\nlines"\nsad,one\n'
    assert [row.place for row in _rows(text)] == ["line 2", "line 4"]
