"""The pages say what the code does: settings, exit codes, states and keys, links and examples."""

import configparser
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from harvester.collection.kinds import KINDS
from harvester.errors import Exit
from harvester.harvest import progress
from harvester.networks.validation import problems
from harvester.settings import Settings, settings, variable

_ROOT = Path(__file__).resolve().parents[2]
_PAGES = sorted([*_ROOT.glob("*.md"), *(_ROOT / "docs").glob("*.md"), *(_ROOT / "bench").glob("*.md")])


def _page(name: str) -> str:
    return (_ROOT / name).read_text(encoding="utf-8")


def _rows(text: str) -> list[list[str]]:
    """The cells of all tables on a page."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_every_setting_is_explained_with_its_variable_and_default() -> None:
    told = {row[0]: tuple(row[1:3]) for row in _rows(_page("docs/settings.md")) if row[0].startswith("`")}
    true = {
        f"`{entry.name}`": (f"`{variable(entry.name)}`", f"`{_written(entry.default)}`")
        for entry in fields(Settings)
    }
    assert told == true


def _written(value: object) -> object:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def test_the_example_ini_holds_every_default(tmp_path: Path) -> None:
    example = _ROOT / "example.twarc_cloud.ini"
    assert settings(environment={}, ini=example) == Settings()
    parser = configparser.ConfigParser()
    parser.read(example)
    assert set(parser.defaults()) == {entry.name for entry in fields(Settings)}


def test_every_exit_code_is_explained() -> None:
    told = {row[0]: row[1] for row in _rows(_page("docs/exit-codes.md")) if row[0].isdigit()}
    assert told == {str(int(code)): code.name for code in Exit}


def test_every_state_of_a_harvest_is_explained() -> None:
    told = {row[0].strip("`") for row in _rows(_page("docs/data-layout.md")) if len(row) == 2}
    assert {
        progress.RUNNING,
        progress.COMPLETE,
        progress.PARTIAL,
        progress.STOPPED,
        progress.FAILED,
        progress.INTERRUPTED,
    } <= told


def test_every_event_is_explained() -> None:
    cells = " ".join(row[0] for row in _rows(_page("docs/data-layout.md")))
    code = "".join(path.read_text() for path in (_ROOT / "harvester").rglob("*.py"))
    named = set(re.findall(r'"event": "([^"]+)"', code))
    assert len(named) > 5
    assert {name for name in named if f"`{name}`" not in cells} == set()


def test_every_key_that_a_harvest_learns_is_explained() -> None:
    page = _page("docs/data-layout.md")
    learnt = {key for keys in KINDS.values() for key in (*keys.learned, *keys.learned_above)}
    assert {key for key in learnt if not re.search(rf"`(\w*\.)?{key}`", page)} == set()


def test_the_example_collection_is_valid() -> None:
    example = next(text for text in _json_blocks("docs/data-layout.md") if '"delete_users_for"' in text)
    assert problems(json.loads(example)) == []


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_every_example_is_json_and_every_link_leads_somewhere(page: Path) -> None:
    for text in _json_blocks(str(page.relative_to(_ROOT))):
        json.loads(text)
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    inner = [link for link in links if "://" not in link]
    assert [link for link in inner if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s:]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    assert [
        (name, anchor)
        for name, anchor in links
        if anchor not in _anchors(page.parent / name if name else page)
    ] == []


def _anchors(page: Path) -> set[str]:
    """The headings of a page, as GitHub and GitLab name them in addresses."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _json_blocks(name: str) -> list[str]:
    return re.findall(r"```json\n(.*?)```", _page(name), re.DOTALL)


def _prose(text: str) -> list[str]:
    """The lines of a page that can be wrapped: no examples, tables and headings."""
    lines, example = [], False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            example = not example
        elif not example and not line.startswith(("|", "#")):
            lines.append(line)
    return lines


# Written by programs, whose own lines are longer.
_GENERATED = ("commands.md", "fault-matrix.md", "results.md")


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_prose_is_wrapped(page: Path) -> None:
    if page.name not in _GENERATED:
        text = page.read_text(encoding="utf-8")
        assert [line for line in _prose(text) if len(line) > 100 and " " in line.strip()] == []


# Words that this project used in a sense of its own; the glossary has the terms.
_PRIVATE = r"\b(so many|whoever|nobody|somebody|anybody|of then|anew|be rid|belongs? into|is told|are told)\b"


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_pages_are_in_plain_english(page: Path) -> None:
    text = re.sub(r"`[^`]*`", "", re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL))
    found = [line for line in text.splitlines() if re.search(_PRIVATE, line, re.IGNORECASE)]
    assert page.name == "commands.md" or found == []
