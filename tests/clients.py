"""What a harvest looks at in every client of X, for those that tests put in its place."""

from harvester.x.billing import Billing
from harvester.x.fields import Fields


class Client:
    def __init__(self) -> None:
        self.billing, self.fields = Billing(), Fields()

    def close(self) -> None:
        pass
