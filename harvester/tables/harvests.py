"""Harvests and their gaps as rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from harvester.clock import timestamp
from harvester.harvest.progress import RUNNING
from harvester.reading.files import HarvestFolder, summary_of
from harvester.store.keys import is_of_repairs
from harvester.store.reading import Reader
from harvester.tables import columns
from harvester.tables.duck import connected, in_words, literal, parquet
from harvester.tables.records import Part


@dataclass(frozen=True)
class Harvest:
    """One harvest with what its harvest.json says."""

    folder: HarvestFolder
    summary: dict[str, Any]

    @classmethod
    def read(cls, reader: Reader, folder: HarvestFolder) -> "Harvest | None":
        """The harvest; None if it has no summary."""
        summary = summary_of(reader, folder)
        return None if summary is None else cls(folder, summary)

    @property
    def is_over(self) -> bool:
        return self.summary.get("state") != RUNNING

    @property
    def row(self) -> dict[str, Any]:
        summary = self.summary
        return {
            **self._place,
            "ended": str(summary.get("harvest_end_timestamp") or ""),
            **{name: str(summary.get(name) or "") for name in ("state", "reason", "software")},
            "repair": is_of_repairs(self.folder.folder),
            "posts": _number(summary.get("tweets")),
            "gaps": len(self._gaps),
            **{
                name: _number(summary.get(name))
                for name in ("files", "file_bytes", "exit_code", "collection_version")
            },
        }

    @property
    def gaps(self) -> list[dict[str, Any]]:
        return [
            {
                **self._place,
                "begins": str(gap.get("from") or ""),
                "ends": str(gap.get("to") or ""),
                "reason": str(gap.get("reason") or ""),
                "user_id": str(gap.get("user_id") or ""),
                "repaired": bool(gap.get("repaired")),
            }
            for gap in self._gaps
        ]

    @property
    def _place(self) -> dict[str, Any]:
        return {"harvest": timestamp(self.folder.started), "folder": self.folder.folder}

    @property
    def _gaps(self) -> list[dict[str, Any]]:
        found = self.summary.get("gaps")
        return [gap for gap in found if isinstance(gap, dict)] if isinstance(found, list) else []


def harvest_parts(harvests: Sequence[Harvest], folder: Path, notes: dict[str, str]) -> Iterator[Part]:
    """The files of the tables of harvests and gaps."""
    gaps = [gap for harvest in harvests for gap in harvest.gaps]
    for table, rows in (("harvests", [harvest.row for harvest in harvests]), ("gaps", gaps)):
        if not rows:
            continue
        path, source = folder / f"{table}.parquet", folder / f"{table}.ndjson"
        source.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
        read = columns.from_json(literal(str(source)), columns.TABLES[table])
        with connected(folder) as connection, in_words(harvests[0].folder.folder):
            connection.execute(parquet(read, path, **notes))
        yield Part(table, path, len(rows))


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
