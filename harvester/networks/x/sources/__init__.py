"""The sources of X: one module and one line of the table for each kind of collection."""

from harvester.collection.kinds.names import FILTER, SEARCH, USER_TIMELINE
from harvester.networks import Source
from harvester.networks.x.client import XClient
from harvester.networks.x.job import Job as Job


def source_for(kind: str) -> Source[XClient]:
    """The source of a kind of collection, imported when it is needed."""
    from harvester.networks.x.sources import filter, search, user_timeline

    return {USER_TIMELINE: user_timeline.collect, SEARCH: search.collect, FILTER: filter.collect}[kind]
