"""`files show`: chosen members of each post as columns."""

from collections.abc import Iterable, Sequence
from typing import Any

from harvester.documents import Tree
from harvester.exports.csv_table import writer
from harvester.exports.output import output
from harvester.exports.posts import Posts
from harvester.exports.written import Written, written


def show(posts: Posts, to: str, columns: Sequence[str], *, as_csv: bool) -> Written:
    """A line for each post, separated by tabs; as csv with the names of the columns above."""
    number = 0
    missing = {name: place for place, name in enumerate(columns)}
    paths = [column.replace("/", ".").split(".") for column in columns]
    with output(to) as file:
        table = writer(file.write)
        if as_csv:
            table.writerow(columns)
        for number, cells in enumerate(_cells(posts, paths), 1):  # noqa: B007
            if as_csv:
                table.writerow(cells)
            else:
                file.write("\t".join(map(_flat, cells)).encode("utf-8", "replace") + b"\n")
            if missing:
                missing = {name: place for name, place in missing.items() if not cells[place]}
    notes = (_no_such(list(missing)),) if missing and number else ()
    return written(number, file, notes=notes)


def _no_such(names: Sequence[str]) -> str:
    return f"No post has {', '.join(names)}: `files sample FILE -n 1` shows a post with all its members."


def _cells(posts: Posts, paths: Sequence[Sequence[str]]) -> Iterable[list[str]]:
    if paths:
        return ([_at(tree, path) for path in paths] for tree in posts.trees())
    return ([post.row.created_at, post.row.username, post.row.text] for post in posts.read())


def _at(tree: Tree, path: Sequence[str]) -> str:
    """The value of a member; empty if it is missing. Members of all objects in a list are joined."""
    found: list[Any] = [tree]
    for name in path:
        inner = [each.get(name) for each in found if isinstance(each, dict)]
        found = [one for each in inner for one in (each if isinstance(each, list) else [each])]
    return ",".join(_text(each) for each in found if each is not None)


def _text(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _flat(cell: str) -> str:
    return " ".join(cell.split()) if any(mark in cell for mark in "\t\n\r") else cell
