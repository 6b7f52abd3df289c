"""Who mentions, reposts, answers and quotes whom, counted by DuckDB in the tables of posts and accounts."""

import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harvester.tables.ask import opened
from harvester.tables.duck import Connection, in_words
from harvester.tables.posts import MOMENT, Doubtful

TABLES = ("posts", "accounts")
MENTION, REPOST, REPLY, QUOTE = "mention", "repost", "reply", "quote"


@dataclass(frozen=True)
class Connections:
    """The connections from an account to another one, while the tables are open."""

    database: Connection

    def edges(self) -> Iterator[tuple[Any, ...]]:
        """Source, target, first and last time, a post of the first time, weight, and the number of each KIND.

        They are in the order of both ids.
        """
        with in_words("The edges cannot be counted"):
            yield from self.database.cursor().execute("SELECT * FROM edges ORDER BY source, target").rows()

    def nodes(self) -> Iterator[tuple[str, int, int]]:
        """Of each account, the number of its edges and the sum of their weights."""
        yield from self.database.execute("SELECT * FROM nodes").fetchall()

    def names(self) -> dict[str, str]:
        """The name that each account had last, or by which it is mentioned first; "" for none."""
        return dict(self.database.execute("SELECT id, name FROM named").fetchall())

    def authors(self) -> set[str]:
        """Those of the selected posts that were collected themselves."""
        found = self.database.execute("SELECT DISTINCT author_id FROM selected WHERE NOT included")
        return {author or "" for (author,) in found.fetchall()}


@contextmanager
def connections(
    paths: Mapping[str, Sequence[str]], places: Sequence[str], condition: str, kinds: Collection[str]
) -> Iterator[Connections]:
    """Count the connections of these kinds in the posts for which an SQL condition holds.

    `places` are the files of records in their order. Raises Doubtful where records may show others.
    """
    with (
        tempfile.TemporaryDirectory(prefix="twarc-cloud-") as temp,
        opened(paths, Path(temp)) as database,
    ):
        with in_words("The tables cannot be read"):
            database.execute(
                "CREATE TABLE ordered AS SELECT unnest($1) AS file, unnest(range(len($1))) AS place", [places]
            )
            database.execute(f"CREATE VIEW selected AS SELECT * FROM posts WHERE {condition}")
            for statement in (_CONNECTED, _edges(kinds), _NAMES):
                database.execute(statement)
            for why, doubt in _DOUBTS.items():
                if database.execute(f"SELECT EXISTS ({doubt})").fetchone() != (False,):
                    raise Doubtful(why)
        yield Connections(database)


# The posts that connect accounts, and the authors of those that they refer to.
_CONNECTED = """
CREATE VIEW seen AS SELECT id, coalesce(username, '') AS name, place::BIGINT << 32 | line AS spot
    FROM accounts JOIN ordered USING (file) WHERE id IS NOT NULL;
CREATE TABLE connected AS SELECT file, line, coalesce(id, '') AS id, created_at, author_id AS source,
    reposted_id, replied_to_id, quoted_id, reply_to_user_id,
    list_contains(mentions, '') AND regexp_matches(array_to_string(mention_names, ''), '[^\\x00-\\x7F]')
        AS foreign_names,
    CASE WHEN list_contains(mentions, '') THEN list_transform(list_zip(mentions, mention_names), lambda each:
        CASE WHEN each[1] <> '' THEN each[1] WHEN each[2] <> '' THEN '@' || lower(each[2]) ELSE '' END)
    ELSE mentions END AS mentioned,
    reposted_id IS NOT NULL AND len(mentions) > 0 AND coalesce(text, '') LIKE 'RT @%' AS begins
FROM selected WHERE author_id IS NOT NULL AND (len(mentions) > 0
    OR coalesce(reposted_id, replied_to_id, quoted_id, reply_to_user_id) IS NOT NULL);
CREATE TABLE authors AS SELECT file, line, id, max(author_id) AS author FROM posts WHERE id IN
    (SELECT unnest([reposted_id, replied_to_id, quoted_id]) FROM connected
     WHERE coalesce(reposted_id, replied_to_id, quoted_id) IS NOT NULL)
GROUP BY file, line, id;
"""
# Of each kind, the target of a post; `RT @name: ...` begins with the reposted account.
_TARGETS = {
    MENTION: "unnest(CASE WHEN begins THEN mentioned[2:] ELSE mentioned END)",
    REPOST: "coalesce(author, CASE WHEN begins THEN mentioned[1] END)",
    REPLY: "coalesce(reply_to_user_id, author)",
    QUOTE: "author",
}
KINDS = tuple(_TARGETS)
_REFERRED = {REPOST: "reposted_id", REPLY: "replied_to_id", QUOTE: "quoted_id"}
# A post without a time comes before all others.
_EARLIEST = -(1 << 62)


def _edges(kinds: Collection[str]) -> str:
    found = " UNION ALL ".join(_connections(kind) for kind in _TARGETS if kind in kinds)
    numbers = ", ".join(f"count(*) FILTER (kind = '{kind}')" for kind in _TARGETS)
    return f"""
    CREATE TABLE edges AS SELECT source, target,
        CASE WHEN count(created_at) = count(*) THEN strftime(min(created_at), '{MOMENT}') ELSE '' END,
        coalesce(strftime(max(created_at), '{MOMENT}'), ''),
        min({{'at': coalesce(epoch_ms(created_at), {_EARLIEST}), 'id': id}}).id,
        count(*) AS weight, {numbers}
    FROM ({found}) WHERE target <> '' GROUP BY source, target
    """


def _connections(kind: str) -> str:
    select = f"SELECT source, {_TARGETS[kind]} AS target, created_at, connected.id AS id, '{kind}' AS kind"
    if kind == MENTION:
        return f"{select} FROM connected"
    referred = _REFERRED[kind]
    return (
        f"{select} FROM connected LEFT JOIN authors ON connected.file = authors.file "
        f"AND connected.line = authors.line AND {referred} = authors.id "
        f"WHERE {referred} IS NOT NULL" + (" OR reply_to_user_id IS NOT NULL" if kind == REPLY else "")
    )


# The name that an account had last, else that by which it is mentioned first.
_NAMES = """
CREATE TABLE nodes AS SELECT id, count(*) AS degree, sum(weight)::BIGINT AS weight FROM
    (SELECT source AS id, weight FROM edges UNION ALL SELECT target, weight FROM edges WHERE source <> target)
    GROUP BY id;
CREATE TABLE named AS SELECT id, min(name) AS name, max(name) <> min(name) AS doubtful FROM seen
    JOIN (SELECT id, max(spot) AS spot FROM seen JOIN nodes USING (id) GROUP BY id) USING (id, spot)
    GROUP BY id;
INSERT INTO named SELECT id, min({'spot': spot, 'name': name}).name, false FROM
    (SELECT place::BIGINT << 32 | line AS spot, unnest(mentions) AS id, unnest(mention_names) AS name
     FROM selected JOIN ordered USING (file))
    WHERE id IN (SELECT id FROM nodes) AND id NOT IN (SELECT id FROM named) GROUP BY id;
"""
# Where there is one of these, records may show other edges or names.
_DOUBTS = {
    # A table has NULL for what is no time.
    "posts have no times that are times": "FROM posts WHERE created_at IS NULL AND day IS NOT NULL",
    # Python and DuckDB have different small letters.
    "accounts are mentioned by foreign names": "FROM connected WHERE foreign_names",
    # Tables have no order within a line.
    "accounts have two names in one record": "FROM named WHERE doubtful",
}
