"""The X API: one page a call, one typed outcome an answer, and streams that reconnect."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harvester.networks.x.client import XClient as XClient
    from harvester.networks.x.errors import ApiCode as ApiCode
    from harvester.networks.x.errors import Problem as Problem
    from harvester.networks.x.errors import XError as XError
    from harvester.networks.x.included import included_name as included_name
    from harvester.networks.x.keys import Keys as Keys
    from harvester.networks.x.keys import keys_from as keys_from
    from harvester.networks.x.keys import keys_of as keys_of
    from harvester.networks.x.page import Page as Page
    from harvester.networks.x.page import name_in as name_in
    from harvester.networks.x.page import posts_in as posts_in
    from harvester.networks.x.prices import price as price
    from harvester.networks.x.rules.arrangement import compile_rules as compile_rules
    from harvester.networks.x.rules.live_rules import Rule as Rule
    from harvester.networks.x.rules.live_rules import RuleCaps as RuleCaps
    from harvester.networks.x.rules.live_rules import plan_rules as plan_rules
    from harvester.networks.x.rules.live_rules import tag_prefix as tag_prefix
    from harvester.networks.x.streaming.connection import StreamConnection as StreamConnection
    from harvester.networks.x.streaming.read import StreamRead as StreamRead
    from harvester.networks.x.streaming.reconnect import StreamSupervisor as StreamSupervisor

_HOMES = {
    "prices": ("price",),
    "client": ("XClient",),
    "keys": ("Keys", "keys_from", "keys_of"),
    "included": ("included_name",),
    "page": ("Page", "name_in", "posts_in"),
    "errors": ("ApiCode", "Problem", "XError"),
    "rules.arrangement": ("compile_rules",),
    "rules.live_rules": ("Rule", "RuleCaps", "plan_rules", "tag_prefix"),
    "streaming.connection": ("StreamConnection",),
    "streaming.read": ("StreamRead",),
    "streaming.reconnect": ("StreamSupervisor",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    # To read an outcome should not cost an import of requests and twarc.
    if name not in _HOME:
        raise AttributeError(name)
    return getattr(import_module(f"harvester.networks.x.{_HOME[name]}"), name)
