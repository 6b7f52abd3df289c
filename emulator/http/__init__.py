"""Requests are received, dispatched to an endpoint, and answered at the pace of the network."""
