"""The forms in which posts are exported: a table that the command line, the docs and the tests use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from harvester.exports.posts import Posts
    from harvester.exports.written import Written

Write: TypeAlias = "Callable[[Posts, str, Mapping[str, Any]], Written]"
# The number of what would be written at most, and what one of them is called.
Plan: TypeAlias = "Callable[[Posts, Mapping[str, Any]], tuple[int, str]]"


@dataclass(frozen=True)
class Choice:
    """An option of one form: a flag without `metavar` and `choices`, else with a value."""

    name: str
    help: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    # The least number it can be, where it is one.
    least: int | None = None
    default: Any = None


@dataclass(frozen=True)
class Form:
    """One form. `loaded` imports what writes it; `ending` ends the usual name of what is written."""

    name: str
    help: str
    ending: str
    loaded: Callable[[], Write]
    options: tuple[Choice, ...] = ()
    # Whether it holds collections as they are, so that no posts can be selected.
    is_whole: bool = False
    # Where the form has formats: each with its own ending. A folder has none of a file.
    endings: tuple[tuple[str, str], ...] = ()
    # What a dry run counts, if not posts.
    planned: Callable[[], Plan] | None = None


def _csv() -> Write:
    from harvester.exports.csv_table import write

    return write


def _jsonl() -> Write:
    from harvester.exports.jsonl import write

    return write


def _ids() -> Write:
    from harvester.exports.ids import write

    return write


def _tables() -> Write:
    from harvester.exports.tables import write

    return write


def _sorted() -> Write:
    from harvester.exports.sorted_by_time import write

    return write


def _per_user() -> Write:
    from harvester.exports.per_user import write

    return write


def _network() -> Write:
    from harvester.exports.network.write import write

    return write


def _bag() -> Write:
    from harvester.exports.bag import write

    return write


def _datapackage() -> Write:
    from harvester.exports.datapackage import write

    return write


def _ro_crate() -> Write:
    from harvester.exports.ro_crate import write

    return write


def _edges() -> Write:
    from harvester.exports.edges.write import write

    return write


def _planned_edges() -> Plan:
    from harvester.exports.edges.write import planned

    return planned


_EDGES = ("mention", "repost", "reply", "quote", "hashtag-cooccurrence", "user-hashtag")
_ENDINGS = (
    ("gexf", ".gexf"),
    ("graphml", ".graphml"),
    ("csv", "-network"),
    ("jsonl", ".network.jsonl"),
)
_FORMATS = tuple(name for name, _ in _ENDINGS)
_FOLLOW_ENDINGS = (
    ("csv", ".edges.csv"),
    ("parquet", ".edges.parquet"),
    ("graphml", ".graphml"),
    ("gexf", ".gexf"),
    ("npz", ".npz"),
    ("per-user", "-followers"),
)

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
    Form(
        "tables",
        "Export tables of posts, hashtags, mentions, links, references and accounts, to be joined.",
        "-tables",
        _tables,
    ),
    Form(
        "sorted",
        "Export one post a line, oldest first.",
        ".sorted.jsonl.gz",
        _sorted,
    ),
    Form(
        "per-user",
        "Export a file for each user, newest posts first, in a folder.",
        "-per-user",
        _per_user,
    ),
    Form(
        "network",
        "Export who mentions, reposts, answers and quotes whom, for Gephi and other programs.",
        ".gexf",
        _network,
        (
            Choice(
                "edges",
                "What connects two nodes, once for each.  [default: mention, repost, reply, quote]",
                choices=_EDGES,
                default=_EDGES[:4],
            ),
            Choice("format", "Format; csv is a folder.", choices=_FORMATS, default=_FORMATS[0]),
            Choice("min_weight", "Only edges of at least N connections.", metavar="N", least=0),
            Choice("min_degree", "Only nodes with at least N edges.", metavar="N", least=0),
            Choice("top", "Only the N nodes with the most connections.", metavar="N", least=1),
            Choice("between_collected", "Only users whose posts are in the collection."),
        ),
        endings=_ENDINGS,
    ),
    Form(
        "edges",
        "Export who follows whom, from the lists of graph collections.",
        ".edges.csv",
        _edges,
        (
            Choice(
                "format",
                "Format; per-user is a folder.",
                choices=tuple(name for name, _ in _FOLLOW_ENDINGS),
                default=_FOLLOW_ENDINGS[0][0],
            ),
            Choice("direction", "Only lists of this direction.", choices=("followers", "following")),
            Choice("harvest", "Only lists that ended in this harvest.", metavar="TIMESTAMP"),
            Choice("depth", "Only lists of users of this depth; seeds have 0.", metavar="N", least=0),
            Choice("incomplete", "Of users without a complete list, the last one, marked."),
            Choice("force", "Write gexf and graphml files of more than 5,000,000 edges."),
        ),
        is_whole=True,
        endings=_FOLLOW_ENDINGS,
        planned=_planned_edges,
    ),
    Form(
        "bag",
        "Export whole collections as a bag (BagIt) for archives, with checksums.",
        "-bag",
        _bag,
        (Choice("fetch", "Leave files of records in the store; fetch.txt says where they are."),),
        is_whole=True,
    ),
    Form(
        "datapackage",
        "Export tables of posts and accounts with a description of their columns (Frictionless).",
        "-datapackage",
        _datapackage,
    ),
    Form(
        "ro-crate",
        "Export whole collections with a description for machines (RO-Crate).",
        "-ro-crate",
        _ro_crate,
        is_whole=True,
    ),
)
