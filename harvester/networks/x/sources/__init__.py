"""The sources of X: one module and one line of the table for each kind of collection."""

from harvester.collection.kinds.names import FILTER, GRAPH, SEARCH, USER_TIMELINE
from harvester.networks import Source
from harvester.networks.x.client import XClient
from harvester.networks.x.job import Job as Job


def _user_timeline() -> Source[XClient]:
    from harvester.networks.x.sources import user_timeline

    return user_timeline.collect


def _search() -> Source[XClient]:
    from harvester.networks.x.sources import search

    return search.collect


def _filter() -> Source[XClient]:
    from harvester.networks.x.sources import filter

    return filter.collect


def _graph() -> Source[XClient]:
    from harvester.networks.x.sources import graph

    return graph.collect


# Each imports its module alone: a search needs nothing of what streams need.
_SOURCES = {USER_TIMELINE: _user_timeline, SEARCH: _search, FILTER: _filter, GRAPH: _graph}


def source_for(kind: str) -> Source[XClient]:
    """The source of a kind of collection, imported when it is needed."""
    return _SOURCES[kind]()
