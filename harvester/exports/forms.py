"""The forms in which posts are exported: a table that the command line, the docs and the tests go through."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from harvester.exports.posts import Posts
    from harvester.exports.written import Written

Write: TypeAlias = "Callable[[Posts, str, Mapping[str, Any]], Written]"


@dataclass(frozen=True)
class Choice:
    """An option of one form: a flag without `metavar` and `choices`, else with a value."""

    name: str
    help: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    number: bool = False
    default: Any = None


@dataclass(frozen=True)
class Form:
    """One form. `loaded` imports what writes it; `ending` ends the usual name of what is written."""

    name: str
    help: str
    ending: str
    loaded: Callable[[], Write]
    options: tuple[Choice, ...] = ()


def _csv() -> Write:
    from harvester.exports.csv_table import write

    return write


def _jsonl() -> Write:
    from harvester.exports.jsonl import write

    return write


def _ids() -> Write:
    from harvester.exports.ids import write

    return write


FORMS: tuple[Form, ...] = (
    Form(
        "csv",
        "Export a table of posts, with the columns of twarc-csv.",
        ".csv",
        _csv,
        (
            Choice("columns", "Comma-separated columns, e.g. id,text,author.username.", metavar="NAMES"),
            Choice("tsv", "Separate columns by tabs."),
            Choice("excel", "For Excel: ids keep all digits, and no text becomes a formula."),
        ),
    ),
    Form(
        "jsonl",
        "Export one post a line, with its author, media, place and referenced posts inside it.",
        ".jsonl",
        _jsonl,
        (Choice("raw", "Export the lines as they are stored, which may be pages of many posts."),),
    ),
    Form(
        "ids",
        "Export ids, sorted, each once, one a line.",
        ".txt",
        _ids,
        (
            Choice(
                "of",
                "Ids of posts, or of the users who wrote them.",
                choices=("posts", "users"),
                default="posts",
            ),
        ),
    ),
)
