"""A rule that a record matched, and who says so."""

from dataclasses import dataclass
from typing import Literal

from harvester.networks.x.rules.collection_rules import CollectionRule

# `filter.attribution`: where it is stored which rules a post matched. Without it they are in a side file as
# soon as a record by itself does not say it.
RECORD, FILE, OFF = ATTRIBUTIONS = ("record", "file", "off")


@dataclass(frozen=True, slots=True)
class Match:
    """`by` the network where it names the rule, and locally where it names none, or several."""

    rule: CollectionRule
    by: Literal["network", "local"]
