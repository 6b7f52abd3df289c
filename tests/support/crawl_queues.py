"""A queue and its dead letters on moto, as Terraform makes them, for one test."""

import itertools
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
import pytest

from harvester.aws.service import Service
from harvester.documents import Tree
from harvester.graph.workers.queue import HIDDEN
from harvester.networks.crawl import Earlier
from tests.support.servers import S3Server

REGION = "us-east-1"
_numbers = itertools.count(1)


@cache
def _client(endpoint: str) -> Any:
    return boto3.client(
        "sqs",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


class Queues:
    """The two queues, and what a test does to them past any worker."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.client = _client(server.endpoint)
        name = f"crawl-{os.getpid()}-{next(_numbers)}"
        self.dead = self.client.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        arn = self.client.get_queue_attributes(QueueUrl=self.dead, AttributeNames=["QueueArn"])
        redrive = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 8}
        attributes = {"VisibilityTimeout": str(HIDDEN), "RedrivePolicy": json.dumps(redrive)}
        self.url = self.client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def put(self, *bodies: str, dead: bool = False) -> None:
        for body in bodies:
            self.client.send_message(QueueUrl=self.dead if dead else self.url, MessageBody=body)

    def emptied(self, *, dead: bool = False) -> list[str]:
        """What could be received, which is gone now; AWS purges a queue once a minute at most."""
        found: list[str] = []
        url = self.dead if dead else self.url
        while some := self.client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=30
        ).get("Messages"):
            found += [each["Body"] for each in some]
            for each in some:
                self.client.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
        return found


@dataclass
class PlayedLists:
    """The lists of one worker, which outlive it as its harvests do; it has none at first.

    `all` are those of each worker, by its name.
    """

    lines: dict[str, dict[str, Tree]] = field(default_factory=dict)
    chains: dict[tuple[str, str], Tree] = field(default_factory=dict)
    all: dict[str, "PlayedLists"] = field(default_factory=dict)

    def ended(self) -> Mapping[str, Mapping[str, Tree]]:
        return self.lines

    def ended_by(self, worker: str) -> Mapping[str, Mapping[str, Tree]]:
        return self.all[worker].lines

    def chain(self, user: str, direction: str) -> Tree:
        return self.chains.get((user, direction), {})

    def earlier(self, user: str, direction: str) -> Earlier | None:
        return None

    def received(self, user: str, direction: str) -> Iterator[str]:
        return iter(())


@contextmanager
def sqs(server: S3Server) -> Iterator[Service]:
    """The service as this process finds it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        service = Service("sqs", region=REGION)
    yield service
