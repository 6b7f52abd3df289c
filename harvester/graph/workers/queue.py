"""The queue of a crawl's workers: a hint who may be next, which may come twice, late, or not at all.

A message is `crawl:depth:` and the line of the user in the order of the depth. Its receiver has it for two
minutes, and may extend that. What was received eight times without an end becomes a dead letter, in the queue
whose name ends in `-dead`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from harvester.aws.service import Refused, Service
from harvester.errors import Exit, HarvesterError

# Seconds for which a received message is hidden from the other workers.
HIDDEN = 120
# What SQS takes at once.
_AT_ONCE = 10
_DEAD = "-dead"
_T = TypeVar("_T")
_GONE = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}


@dataclass(frozen=True)
class Message:
    """A user of a depth of a crawl, and what stands behind it in the order of the depth.

    `receipt` is what it is deleted and kept by.
    """

    crawl: str
    depth: int
    user: str
    behind: str = ""
    receipt: str = field(default="", repr=False)


class CrawlQueue:
    """One queue and that of its dead letters, by the address of the first."""

    def __init__(self, url: str, service: Service) -> None:
        self._url, self._service = url, service

    def receive(self, *, wait: int) -> Message | None:
        """A message that is this worker's for now; None if there is none within `wait` seconds.

        What is no message of a worker is deleted.
        """
        return next(self._received(self._url, wait), None)

    def dead(self) -> Iterator[Message]:
        """The dead letters; each is hidden from receivers for two minutes, until it is buried."""
        while found := list(self._received(self._url + _DEAD, wait=0, most=_AT_ONCE)):
            yield from found

    def _received(self, url: str, wait: int, most: int = 1) -> Iterator[Message]:
        answer = self._ask(
            "receive_message",
            url,
            MaxNumberOfMessages=most,
            WaitTimeSeconds=wait,
            VisibilityTimeout=HIDDEN,
        )
        for each in answer.get("Messages") or ():
            message = _message(each)
            if message is None:
                self._ask("delete_message", url, ReceiptHandle=each["ReceiptHandle"])
            else:
                yield message

    def keep(self, messages: Iterable[Message]) -> None:
        """Hide these for two minutes from now; one that is not there any more stays away."""
        for some in _tens(list(messages)):
            entries = [
                {"Id": str(number), "ReceiptHandle": each.receipt, "VisibilityTimeout": HIDDEN}
                for number, each in enumerate(some)
            ]
            self._ask("change_message_visibility_batch", self._url, Entries=entries)

    def delete(self, message: Message) -> None:
        self._ask("delete_message", self._url, ReceiptHandle=message.receipt)

    def bury(self, message: Message) -> None:
        """Delete a dead letter."""
        self._ask("delete_message", self._url + _DEAD, ReceiptHandle=message.receipt)

    def send(self, crawl: str, depth: int, visits: Sequence[tuple[str, str]]) -> None:
        """Send a message for each of these users, with what stands behind; after a crash, some are sent."""
        for some in _tens(visits):
            lines = (f"{user}\t{behind}" if behind else user for user, behind in some)
            self._send([f"{crawl}:{depth}:{line}" for line in lines])

    def _send(self, bodies: Sequence[str]) -> None:
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        self._ask("send_message_batch", self._url, Entries=entries)

    def counts(self, *, dead: bool = False) -> tuple[int, int]:
        """How many messages wait, and how many are with a worker, about."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        url = self._url + _DEAD if dead else self._url
        found = self._ask("get_queue_attributes", url, AttributeNames=list(names)).get("Attributes", {})
        waiting, received = (int(found.get(name, 0)) for name in names)
        return waiting, received

    def _ask(self, operation: str, url: str, **parameters: Any) -> dict[str, Any]:
        try:
            return self._service(operation, QueueUrl=url, **parameters)
        except Refused as error:
            if error.code not in _GONE:
                raise
            raise HarvesterError(
                f"There is no queue {url}.",
                hint="Check `graph_queue` and `region`, and that Terraform made it (graph_workers = true).",
                exit_code=Exit.USAGE,
            ) from error


def _tens(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (items[at : at + _AT_ONCE] for at in range(0, len(items), _AT_ONCE))


def _message(received: dict[str, Any]) -> Message | None:
    crawl, _, rest = str(received.get("Body") or "").partition(":")
    depth, _, line = rest.partition(":")
    user, _, behind = line.partition("\t")
    if not (crawl and user and depth.isdecimal() and len(depth) < 4):
        return None
    return Message(crawl, int(depth), user, behind, received["ReceiptHandle"])
