"""A crawl as a store holds it: which harvests are its own."""

import json
from pathlib import Path

from harvester.clock import moment
from harvester.graph.crawls import Crawl, spent
from harvester.store.folder import FolderStore
from harvester.store.keys import CollectionKeys

_FIRST, _SECOND = "2026-11-27T22:00:00+00:00", "2026-11-28T22:00:00+00:00"


def test_the_harvest_of_a_crawl_after_it_is_not_its_own(tmp_path: Path) -> None:
    """Until its first harvest is over, the collection does not tell of the new one."""
    store, keys = FolderStore(tmp_path), CollectionKeys("libraries")
    for began, usd in ((_FIRST, 2.0), (_SECOND, 3.0)):
        summary = {
            "harvest_timestamp": began,
            "state": "running",
            "billed": {"usd": usd},
            "crawl": {"started": began, "depth": 0},
        }
        store.create(keys.harvest(moment(began)).harvest, json.dumps(summary).encode())
    section = {"last_crawl": {"started": _FIRST, "depth": 0}}
    harvests = Crawl(store, keys, {"id": "libraries", "graph": section}, _FIRST).harvests()
    assert [of.harvest.timestamp for of in harvests] == [_FIRST]
    assert spent(harvests) == 2.0
