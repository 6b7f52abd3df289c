"""What X is to the rest: the contract of a network, kept by the modules beside this one."""

from datetime import datetime
from typing import Any

from harvester.networks import Network, Source
from harvester.networks.x import post_ids


class X(Network):
    """The X API v2."""

    name, title = "x", "X"
    delivery = post_ids.DELIVERY

    def source(self, kind: str) -> Source[Any]:
        from harvester.networks.x.sources import source_for

        return source_for(kind)

    def published(self, post_id: str | None) -> datetime | None:
        return post_ids.published(post_id)
