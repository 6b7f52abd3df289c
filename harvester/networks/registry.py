"""Which networks there are: X, and those that other packages offer as entry points of the group below."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from harvester.errors import Exit, HarvesterError
from harvester.networks import Network
from harvester.text import unexpected

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "twarc_cloud.networks"
_X = "x"


def name_of(tree: Mapping[str, Any]) -> str:
    """The name of a collection's network: X where it names none."""
    return str(tree.get("network", _X))


def network_of(tree: Mapping[str, Any]) -> Network:
    """The network of a collection; raises if no package here offers it."""
    return _named(name_of(tree))


def usual() -> Network:
    """The network of a collection that names none."""
    return _named(_X)


@cache
def _named(name: str) -> Network:
    if name == _X:
        from harvester.networks.x.network import X

        return X()
    # Takes as long as the rest of the registry, and X needs none of it.
    from importlib.metadata import entry_points

    offered = sorted({point.name for point in entry_points(group=GROUP)} | {_X})
    for point in entry_points(group=GROUP, name=name):
        return _loaded(point)
    raise HarvesterError(
        f"The network {name} is not installed.",
        hint=f"Install the package that offers it. There are: {', '.join(offered)}.",
        exit_code=Exit.USAGE,
    )


def _loaded(point: "EntryPoint") -> Network:
    try:
        network: Network = point.load()()
    except Exception as error:
        raise HarvesterError(
            f"The network {point.name} cannot be loaded from {point.value}: {unexpected(error)}.",
            hint="Update or reinstall the package that offers it.",
            exit_code=Exit.USAGE,
        ) from error
    return network
