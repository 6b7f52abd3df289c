"""What harvests of lists of followers stored, and the end of a crawl."""

import gzip
import json
from collections.abc import Iterable
from typing import Any

from tests.support.harvest_stage import Ended, Stage

Line = dict[str, Any]


def read_jsonl(stage: Stage, key: str) -> list[Line]:
    data = stage.store.read(key).data
    data = gzip.decompress(data) if key.endswith(".gz") else data
    return [json.loads(line) for line in data.splitlines()]


def files_of(stage: Stage, ended: Ended, begin: str) -> list[Line]:
    """The lines of the files of a harvest whose names begin so."""
    names = [each.key for each in stage.store.entries(f"{ended.folder}{begin}")]
    return [line for name in sorted(names) for line in read_jsonl(stage, name)]


def lists_of(stage: Stage, *harvests: Ended) -> list[Line]:
    return [line for each in harvests for line in files_of(stage, each, "lists.jsonl")]


def edges_of(stage: Stage, *harvests: Ended) -> list[Line]:
    return [line for each in harvests for line in files_of(stage, each, "edges-")]


def ids_of_list(lines: Iterable[Line], end: Line) -> list[str]:
    """The ids on the pages of one list, as they came."""
    of = end["user"], end["direction"], end["from"]
    return [
        each
        for line in lines
        if (line["user"], line["direction"], line["list"]) == of
        for each in line["ids"]
    ]


def end_crawl(stage: Stage, collection_id: str) -> None:
    """The next harvest begins another crawl, as after the last depth was closed."""
    stage.edit(collection_id, lambda tree: {**tree, "graph": {**tree["graph"], "crawl": None}})
