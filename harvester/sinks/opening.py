"""The types of sinks, and the one that a collection asks for, opened with its secret."""

import os
from collections.abc import Mapping

from harvester.collection.sinks import SINK_TYPES, name_of
from harvester.documents import Tree, text_in
from harvester.errors import Exit, HarvesterError
from harvester.sinks import Asked, Open, Sink, Surroundings
from harvester.text import similar


def asked_of(tree: Mapping[str, object], collection_id: str) -> list[Asked]:
    """The sinks of a valid collection, in order."""
    entries = tree.get("sinks")
    found = entries if isinstance(entries, list) else []
    return [Asked(collection_id, name_of(entry), entry["type"], entry) for entry in found]


def named(asked: list[Asked], name: str, collection_id: str) -> Asked:
    """The sink of this name; raises if the collection has none."""
    names = [each.name for each in asked]
    if name in names:
        return asked[names.index(name)]
    near = similar(name, names)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    there = f"It has: {', '.join(names)}." if names else 'Add one under "sinks" (docs/sinks.md).'
    raise HarvesterError(
        f"The collection {collection_id} has no sink {name!r}.{meant}", hint=there, exit_code=Exit.USAGE
    )


def open_sink(asked: Asked, around: Surroundings) -> Sink:
    """The sink of a type; what one type needs is imported only for it."""
    opened: Open
    if asked.type == "stdout":
        from harvester.sinks.stdout import opened
    elif asked.type == "webhook":
        from harvester.sinks.webhook import opened
    elif asked.type == "kafka":
        from harvester.sinks.kafka import opened
    else:
        raise HarvesterError(f"{asked.type!r} is not a type of sink; use one of {', '.join(SINK_TYPES)}.")
    return opened(asked, around)


def secret_of(entry: Tree, *, region: str) -> str:
    """What the `secret` of a sink leads to, in the parameter store or the environment; "" without one."""
    place, _, name = text_in(entry, "secret").partition(":")
    if place == "env":
        if found := os.environ.get(name):
            return found
        raise HarvesterError(
            f"The environment variable {name}, which holds the sink's secret, is not set.",
            hint=f"Set {name} where the sink runs.",
            exit_code=Exit.UNAUTHORIZED,
        )
    if place == "ssm":
        from harvester.aws.parameters import Parameters

        path, _, last = name.rpartition("/")
        return Parameters(path, region=region).read(last)
    return ""
