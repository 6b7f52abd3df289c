"""The X API: one page a call, one typed outcome an answer, and streams that mend themselves."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harvester.x.billing import Billing as Billing
    from harvester.x.billing import BudgetReached as BudgetReached
    from harvester.x.billing import price as price
    from harvester.x.client import XClient as XClient
    from harvester.x.keys import Keys as Keys
    from harvester.x.keys import keys_from as keys_from
    from harvester.x.keys import keys_of as keys_of
    from harvester.x.outcomes import Outcome as Outcome
    from harvester.x.outcomes import Problem as Problem
    from harvester.x.outcomes import Stopped as Stopped
    from harvester.x.outcomes import XError as XError
    from harvester.x.page import Page as Page
    from harvester.x.page import included_name as included_name
    from harvester.x.page import name_in as name_in
    from harvester.x.page import posts_in as posts_in
    from harvester.x.rules import Rule as Rule
    from harvester.x.rules import RuleCaps as RuleCaps
    from harvester.x.rules import compile_rules as compile_rules
    from harvester.x.rules import plan_rules as plan_rules
    from harvester.x.rules import tag_prefix as tag_prefix
    from harvester.x.stream import StreamConnection as StreamConnection
    from harvester.x.stream import StreamRead as StreamRead
    from harvester.x.supervisor import StreamSupervisor as StreamSupervisor

_HOMES = {
    "billing": ("Billing", "BudgetReached", "price"),
    "client": ("XClient",),
    "keys": ("Keys", "keys_from", "keys_of"),
    "page": ("Page", "included_name", "name_in", "posts_in"),
    "outcomes": ("Outcome", "Problem", "Stopped", "XError"),
    "rules": ("Rule", "RuleCaps", "compile_rules", "plan_rules", "tag_prefix"),
    "stream": ("StreamConnection", "StreamRead"),
    "supervisor": ("StreamSupervisor",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    # Whoever only wants to read an outcome should not pay for importing requests and twarc.
    if name not in _HOME:
        raise AttributeError(name)
    return getattr(import_module(f"harvester.x.{_HOME[name]}"), name)
