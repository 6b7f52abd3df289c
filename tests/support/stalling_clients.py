"""What a harvest looks at in every client of X, for those that tests put in its place."""

from harvester.networks.x.fields import Fields
from harvester.networks.x.prices import Billing


class Client:
    def __init__(self) -> None:
        self.billing, self.fields = Billing(), Fields()

    def close(self) -> None:
        pass
