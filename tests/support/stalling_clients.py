"""What a harvest looks at in every client, for those that tests put in its place."""

from harvester import networks
from harvester.clock import SystemClock
from harvester.networks.x.network_time import NetworkTime
from harvester.networks.x.prices import billing


class Client(networks.Client):
    def __init__(self) -> None:
        self.billing = billing()
        self.time = NetworkTime(SystemClock())
