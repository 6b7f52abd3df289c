"""The columns of each table, and the SQL that makes it from rows; docs/tables.md explains them."""

from dataclasses import dataclass

INT, BIG, TEXT, TIME, REAL, BOOL, LIST = (
    *("INTEGER", "BIGINT", "VARCHAR", "TIMESTAMP_MS", "DOUBLE", "BOOLEAN", "VARCHAR[]"),
)
# The types in rows as JSON, where a moment is text.
_JSON = {TIME: TEXT}

Columns = dict[str, str]

POST: Columns = {
    "key": BIG,
    "id": TEXT,
    "file": TEXT,
    "line": INT,
    "retrieved_at": TIME,
    "created_at": TIME,
    "day": TEXT,
    "author_id": TEXT,
    "username": TEXT,
    "text": TEXT,
    "lang": TEXT,
    "source": TEXT,
    "conversation_id": TEXT,
    "kind": TEXT,
    "reposted_id": TEXT,
    "replied_to_id": TEXT,
    "quoted_id": TEXT,
    "reply_to_user_id": TEXT,
    **dict.fromkeys(("likes", "reposts", "replies", "quotes", "bookmarks", "impressions"), BIG),
    "possibly_sensitive": BOOL,
    "reply_settings": TEXT,
    **dict.fromkeys(("withheld", "hashtags", "cashtags", "mentions", "mention_names", "urls"), LIST),
    "media_keys": LIST,
    "media_types": LIST,
    "lat": REAL,
    "lon": REAL,
    "place_id": TEXT,
    "place_name": TEXT,
    "country_code": TEXT,
    "matching_rules": LIST,
    "edit_history": LIST,
    "edits_remaining": BIG,
    "included": BOOL,
}
ACCOUNT: Columns = {
    "id": TEXT,
    "username": TEXT,
    "name": TEXT,
    "created_at": TIME,
    "description": TEXT,
    "location": TEXT,
    "url": TEXT,
    "verified_type": TEXT,
    "protected": BOOL,
    **dict.fromkeys(("followers", "following", "posts", "listed", "likes", "media"), BIG),
    "seen_at": TIME,
    "file": TEXT,
    "line": INT,
}
# The columns that a row derived from a post has about the post.
_OF_POST: Columns = {
    "key": BIG,
    "id": TEXT,
    "author_id": TEXT,
    "created_at": TIME,
    "day": TEXT,
    "included": BOOL,
}
HARVEST: Columns = {
    "harvest": TIME,
    "ended": TIME,
    "state": TEXT,
    "reason": TEXT,
    "repair": BOOL,
    "posts": BIG,
    "files": BIG,
    "file_bytes": BIG,
    "gaps": BIG,
    "exit_code": INT,
    "collection_version": BIG,
    "software": TEXT,
    "folder": TEXT,
}
GAP: Columns = {
    "harvest": TIME,
    "begins": TEXT,
    "ends": TEXT,
    "reason": TEXT,
    "user_id": TEXT,
    "repaired": BOOL,
    "folder": TEXT,
}


@dataclass(frozen=True)
class Derived:
    """A table that is made of the posts, by `select` from them."""

    columns: Columns
    select: str


def _of_lists(**names: str) -> Derived:
    """One row for each member of the lists of a post, under a name of its own."""
    first = next(iter(names.values()))
    taken = ", ".join(f"unnest({source}) AS {name}" for name, source in names.items())
    select = f"SELECT {', '.join(_OF_POST)}, {taken} FROM posts WHERE len({first}) > 0"
    return Derived(_OF_POST | dict.fromkeys(names, TEXT), select)


_REFERENCED = ", ".join(
    f"{{'kind': '{kind}', 'other_id': {source}}}"
    for kind, source in (("repost", "reposted_id"), ("reply", "replied_to_id"), ("quote", "quoted_id"))
)
_PLACE = {"place_id": TEXT, "place_name": TEXT, "country_code": TEXT, "lat": REAL, "lon": REAL}

DERIVED: dict[str, Derived] = {
    "hashtags": _of_lists(tag="hashtags"),
    "mentions": _of_lists(account_id="mentions", username="mention_names"),
    "urls": _of_lists(url="urls"),
    "media": _of_lists(media_key="media_keys", type="media_types"),
    "places": Derived(
        _OF_POST | _PLACE,
        f"SELECT {', '.join((*_OF_POST, *_PLACE))} FROM posts WHERE place_id IS NOT NULL OR lat IS NOT NULL",
    ),
    "referenced": Derived(
        _OF_POST | {"kind": TEXT, "other_id": TEXT, "other_account_id": TEXT},
        f"SELECT {', '.join(_OF_POST)}, other.kind AS kind, other.other_id AS other_id, "
        "CASE WHEN other.kind = 'reply' THEN reply_to_user_id END AS other_account_id "
        f"FROM (SELECT *, unnest([{_REFERENCED}]) AS other FROM posts) WHERE other.other_id IS NOT NULL",
    ),
}
# Each table with its columns, those that partition it (collection, harvested) left out.
TABLES: dict[str, Columns] = {
    "posts": POST,
    "accounts": ACCOUNT,
    **{name: derived.columns for name, derived in DERIVED.items()},
    "harvests": HARVEST,
    "gaps": GAP,
}
PARTITIONS: Columns = {"collection": TEXT, "harvested": TEXT}


def from_json(source: str, columns: Columns, *, held: Columns | None = None, **given: str) -> str:
    """The SELECT of rows that are lines of JSON in a file; `source` is its path as a literal.

    Stored columns have no empty texts, and moments as timestamps, or the SQL that is `given` for them. `held`
    are the columns of the lines, if they have others.
    """
    selected = (f"{given.get(name) or _stored(name, kind)} AS {name}" for name, kind in columns.items())
    read = (f"{name}: '{_JSON.get(kind, kind)}'" for name, kind in (held or columns).items())
    return (
        f"SELECT {', '.join(selected)} "
        f"FROM read_json({source}, format = 'newline_delimited', columns = {{{', '.join(read)}}})"
    )


def _stored(name: str, kind: str) -> str:
    if kind == TEXT:
        return f"nullif({name}, '')"
    return f"try_cast(nullif({name}, '') AS {TIME})" if kind == TIME else name
