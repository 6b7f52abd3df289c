"""A rule that a record matched, and who says so."""

from dataclasses import dataclass
from typing import Literal

from harvester.networks.x.rules.collection_rules import CollectionRule


@dataclass(frozen=True, slots=True)
class Match:
    """`by` the network where it names the rule, and locally where it names none, or several."""

    rule: CollectionRule
    by: Literal["network", "local"]
