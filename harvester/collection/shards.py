"""A stream whose rules do not fit one app is several collections, its shards, each with an app of its own.

The collection that a person describes has all rules, and under `shards` the apps. Each shard is a collection
with a part of the rules, made of it: `ID.1`, `ID.2`. So a shard has the lock, harvests and history that any
stream has, and this module only says what belongs together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor
from typing import Any

from harvester.documents import Tree, text_in
from harvester.errors import Exit, HarvesterError
from harvester.text import counted, in_dollars

SHARDS, SHARD_OF = "shards", "shard_of"
# For a shard that has no rule now: a stream without an active rule waits, and misses nothing.
NO_RULE: Tree = {"id": "none", "type": "keyword", "value": "none", "status": "inactive"}
# The keys that shards copy from their collection; limits are divided among them.
_SHARED = ("network", "title", "description", "labels", "task", "sinks")
_WORDS = ("track", "follow", "locations", "rules", "max_records")


@dataclass(frozen=True)
class App:
    """The app of one shard: the profile of its keys, and how many rules of what length it may have."""

    profile: str
    rules: int
    length: int

    def to_tree(self) -> Tree:
        return {"profile": self.profile, "rules": self.rules, "length": self.length}


@dataclass(frozen=True)
class Shards:
    """The apps in the order of their shards, and the profiles that stand by for one that is refused."""

    apps: tuple[App, ...]
    spares: tuple[str, ...] = ()

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> "Shards | None":
        """The apps of a valid collection; None if it has no shards."""
        section = tree.get(SHARDS)
        if not section:
            return None
        apps = tuple(App(each["profile"], each["rules"], each["length"]) for each in section["apps"])
        return cls(apps, tuple(section.get("spares") or ()))

    def to_tree(self) -> Tree:
        return {"apps": [app.to_tree() for app in self.apps], "spares": list(self.spares)}

    def ids(self, collection_id: str) -> list[str]:
        return [shard_id(collection_id, number) for number in range(1, len(self.apps) + 1)]

    def with_spare(self, number: int) -> "Shards | None":
        """The first spare becomes that shard's profile; None if there is no spare."""
        if not self.spares:
            return None
        first, *others = self.spares
        apps = [*self.apps]
        apps[number - 1] = replace(apps[number - 1], profile=first)
        return Shards(tuple(apps), tuple(others))


def shard_id(collection_id: str, number: int) -> str:
    return f"{collection_id}.{number}"


def shard_number(tree: Mapping[str, Any]) -> int:
    """The number of this shard in its collection; 0 if it is not a shard."""
    of, _, number = text_in(tree, "id").rpartition(".")
    return int(number) if of and of == tree.get(SHARD_OF) and number.isdecimal() else 0


def budget_share(usd: float, *, among: int) -> float:
    """The dollars of one, so that all together have no more: whole cents, or tenths where that is less.

    0 if that is not a tenth of a cent, which `budget_problems` refuses.
    """
    tenths = floor(round(usd * 1000, 6)) // among
    return (tenths if tenths < 10 else tenths // 10 * 10) / 1000


def budget_problems(tree: Mapping[str, Any], *, among: int, name: str) -> Iterator[str]:
    """Whether a part of the budget of a collection would be less than a part can be."""
    usd = tree.get("budget_usd")
    if isinstance(usd, int | float) and usd > 0 and not budget_share(usd, among=among):
        least = in_dollars(among / 1000)
        yield f"budget_usd is {usd!r}; divided among {counted(among, name)}, it must be at least {least}."


def shard_tree(tree: Mapping[str, Any], shards: Shards, number: int, rules: Sequence[Tree]) -> Tree:
    """The collection that is one shard, with these rules."""
    section = {name: value for name, value in (tree.get("filter") or {}).items() if name not in _WORDS}
    section["rules"] = list(rules) or [NO_RULE]
    if most := tree.get("filter", {}).get("max_records"):
        section["max_records"] = max(1, int(most) // len(shards.apps))
    made: Tree = {name: tree[name] for name in _SHARED if name in tree}
    if usd := tree.get("budget_usd"):
        made["budget_usd"] = budget_share(usd, among=len(shards.apps))
    return {
        "id": shard_id(str(tree["id"]), number),
        "type": tree["type"],
        SHARD_OF: tree["id"],
        **made,
        "keys": {"profile": shards.apps[number - 1].profile},
        "filter": section,
    }


def require_no_shards(tree: Mapping[str, Any]) -> None:
    """Raise for a collection whose shards are harvested in its place."""
    if shards := Shards.of(tree):
        ids = " ".join(shards.ids(str(tree["id"])))
        raise HarvesterError(
            f"{tree['id']} has shards, which are harvested in its place.",
            hint=f"Harvest these: {ids}.",
            exit_code=Exit.USAGE,
        )


def shard_problems(tree: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with `shards` and `shard_of`, which commands write."""
    if SHARD_OF in tree and not shard_number(tree):
        yield f"{SHARD_OF} is {tree[SHARD_OF]!r}, and {tree.get('id')!r} is not one of its shards."
    if tree.get(SHARDS) is not None:
        problems = list(_section_problems(tree[SHARDS]))
        yield from problems or budget_problems(tree, among=len(tree[SHARDS]["apps"]), name="shard")


def _section_problems(section: Any) -> Iterator[str]:
    if not isinstance(section, dict) or set(section) - {"apps", "spares"}:
        yield "shards is not an object with apps and spares; `collection-config shards` makes it."
        return
    apps, spares = section.get("apps"), section.get("spares", [])
    if not isinstance(apps, list) or not apps or not all(map(_is_app, apps)):
        yield "shards.apps is not a list of objects with profile, rules and length."
    elif not isinstance(spares, list) or not all(map(_is_name, spares)):
        yield "shards.spares is not a list of names of profiles."
    elif twice := named_twice([*(app["profile"] for app in apps), *spares]):
        yield f"shards names the profile {twice} twice."


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_app(app: Any) -> bool:
    return (
        isinstance(app, dict)
        and set(app) == {"profile", "rules", "length"}
        and _is_name(app["profile"])
        and all(type(app[name]) is int and app[name] > 0 for name in ("rules", "length"))
    )


def named_twice(names: Sequence[str]) -> str:
    """The first name that is there more than once; empty if none is."""
    return next((name for name in names if names.count(name) > 1), "")
