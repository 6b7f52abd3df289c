"""Files of records become one Parquet file for each table that they have rows for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from harvester.networks.rows import AccountRow
from harvester.reading import Line
from harvester.tables import columns
from harvester.tables.duck import Connection, connected, in_words, literal, parquet
from harvester.tables.spool import Spool

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Part:
    """A Parquet file on this machine, of one table."""

    table: str
    path: Path
    rows: int


class Rows:
    """Rows of posts and accounts, on their way into tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._posts, self._accounts = Spool(folder, "posts"), Spool(folder, "accounts")
        self._files: list[str] = []
        # Each page repeats its accounts; of a file, unchanged ones are left out.
        self._seen: dict[str, int] = {}

    @property
    def count(self) -> int:
        return self._posts.count

    def begin(self, file: str) -> None:
        """The lines that follow are of the file of records with this key."""
        self._files.append(file)
        self._seen = {}

    def add(self, line: Line) -> None:
        number = b'{"file":%d,"line":%d,' % (len(self._files), line.number)
        for post in line.rows.posts:
            self._posts.add(post.key, number + _encode(post)[1:] + b"\n")
        for account in line.rows.accounts:
            self._account(number, account)

    def _account(self, number: bytes, account: AccountRow) -> None:
        encoded = _encode(account)
        same = hash(encoded[: encoded.rindex(b'"seen_at":')])
        if self._seen.get(account.id) != same:
            self._seen[account.id] = same
            self._accounts.add(_order(account.id), number + encoded[1:] + b"\n")

    def parts(self, notes: dict[str, str]) -> Iterator[Part]:
        """The files of all tables that have rows."""
        if not self._files:
            return
        with connected(self.folder) as connection, in_words(self._files[0]):
            posts = self.folder / "posts.parquet"
            for table, spool, path in (
                ("posts", self._posts, posts),
                ("accounts", self._accounts, self.folder / "accounts.parquet"),
            ):
                if spool.count:
                    made = _write(connection, parquet(_of_rows(table, spool, self._files), path, **notes))
                    yield Part(table, path, made)
            if self._posts.count:
                yield from _derived(connection, posts, self.folder, notes)


def _of_rows(table: str, spool: Spool, files: Sequence[str]) -> str:
    of_table = columns.TABLES[table]
    # Rows have the numbers of their files, and no days.
    held = {name: kind for name, kind in of_table.items() if name != "day"} | {"file": columns.INT}
    file = f"[{', '.join(map(literal, files))}][file]"
    source = literal(str(spool.write()))
    return columns.from_json(source, of_table, held=held, file=file, day="nullif(left(created_at, 10), '')")


def _derived(connection: Connection, posts: Path, folder: Path, notes: dict[str, str]) -> Iterator[Part]:
    """The tables that are derived from posts; none without rows."""
    connection.execute(f"CREATE VIEW posts AS SELECT * FROM read_parquet({literal(str(posts))})")
    for table, derived in columns.DERIVED.items():
        path = folder / f"{table}.parquet"
        if rows := _write(connection, parquet(derived.select, path, **notes)):
            yield Part(table, path, rows)


def _write(connection: Connection, statement: str) -> int:
    (written,) = connection.execute(statement).fetchone() or (0,)
    return int(written)


def _order(account_id: str) -> int:
    return int(account_id) if account_id.isascii() and account_id.isdigit() else 0
