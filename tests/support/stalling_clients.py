"""What a harvest looks at in every client, for those that tests put in its place."""

from harvester import networks
from harvester.networks.x.prices import billing


class Client(networks.Client):
    def __init__(self) -> None:
        self.billing = billing()
