"""`export datapackage`: tables of posts and accounts, with a description of columns (Data Package 2.0)."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import msgspec
import orjson

from harvester.documents import Tree
from harvester.exports import csv_table, described
from harvester.exports.ids import sort_key
from harvester.exports.output import folder, output
from harvester.exports.posts import Posts
from harvester.exports.written import Written, written
from harvester.networks.rows import AccountRow
from harvester.reading.external_sort import Sorter

_COUNTS = ("_count", "duration_minutes", "edits_remaining")
_TRUTHS = ("protected", "verified", "possibly_sensitive", "is_edit_eligible", "copyright")
_TIMES = ("created_at", "seen_at", "editable_until", "end_datetime", "retrieved_at")
_LISTS = (
    *("edit_history_tweet_ids", "country_codes", "annotations", "cashtags", "hashtags", "mentions", "urls"),
    *(
        "context_annotations",
        "media",
        "media_keys",
        "options",
        "poll_ids",
        "coordinates",
        "bbox",
        "matching_rules",
    ),
)


def write(posts: Posts, to: str, options: Mapping[str, Any]) -> Written:
    """Write the folder."""
    with folder(to, known_by=["datapackage.json"]) as made:
        table = csv_table.write(posts, str(made / "posts.csv"), {})
        accounts = write_accounts(posts, str(made / "accounts.csv"))
        package = {
            "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
            **_about(posts),
            "created": options["now"].isoformat(timespec="seconds"),
            "resources": [
                _resource("posts", table, {name: _kind(name) for name in posts.network.flat.columns}),
                _resource("accounts", accounts, {name: _kind_of_account(name) for name in _ACCOUNT}),
            ],
        }
        (made / "datapackage.json").write_bytes(orjson.dumps(package, option=orjson.OPT_INDENT_2))
    size = table.bytes + accounts.bytes
    return Written(table.number, size, files=3, figures={"accounts": accounts.number})


_ACCOUNT = AccountRow.__struct_fields__
_line = msgspec.json.Encoder()
_account = msgspec.json.Decoder(AccountRow)


def write_accounts(posts: Posts, to: str) -> Written:
    """Each account once, as it was seen last."""
    number = 0
    with Sorter() as sorter, output(to) as file:
        for each in posts.accounts():
            sorter.add(sort_key(each.id), each.seen_at.encode() + b"\0" + _line.encode(each))
        table = csv_table.writer(file.write)
        table.writerow(_ACCOUNT)
        for account in _last_seen(sorter):
            table.writerow([csv_table.cell_of(getattr(account, name)) for name in _ACCOUNT])
            number += 1
    return written(number, file, what="account")


def _last_seen(sorter: Sorter) -> Iterator[AccountRow]:
    for _, same in groupby(sorter, lambda pair: pair[0]):
        *_, (_, value) = same
        yield _account.decode(value.partition(b"\0")[2])


def _about(posts: Posts) -> Tree:
    """The names are of the collections."""
    store = posts.whole
    trees = [(keys, described.collection(store.reader, keys)) for keys in store.collections]
    return {
        "name": "-".join(keys.id.lower() for keys in store.collections),
        "title": ", ".join(described.title(tree, keys) for keys, tree in trees),
        "description": " ".join(described.description(tree, keys) for keys, tree in trees),
        "sources": [{"title": f"Collection {keys.id}"} for keys in store.collections],
    }


def _resource(name: str, table: Written, columns: Mapping[str, str]) -> Tree:
    return {
        "name": name,
        "type": "table",
        "path": f"{name}.csv",
        "scheme": "file",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": table.bytes,
        "hash": f"sha256:{table.sha256}",
        "schema": {"fields": [{"name": column, "type": kind} for column, kind in columns.items()]},
    }


def _kind(column: str) -> str:
    """The type of a column. Ids are text, because programs round numbers of more than 15 digits."""
    name = column.rpartition(".")[2]
    if name in _LISTS:
        return "array"
    if name in _TIMES:
        return "string" if column.startswith("__twarc") else "datetime"
    if name in _TRUTHS:
        return "boolean"
    return "integer" if name.endswith(_COUNTS) else "string"


def _kind_of_account(name: str) -> str:
    if name in ("followers", "following", "posts", "listed", "likes", "media"):
        return "integer"
    return "boolean" if name == "protected" else "datetime" if name in _TIMES else "string"
