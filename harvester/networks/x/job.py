"""What a source of X is given: the contract's job, with X's client."""

from typing import TypeAlias

from harvester.networks import Job as AnyJob
from harvester.networks.x.client import XClient

Job: TypeAlias = AnyJob[XClient]
