"""Messages that were refused for good stand in files beside the sink's state, so that none is lost."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson

from harvester.clock import timestamp
from harvester.documents import Tree
from harvester.errors import Conflict
from harvester.sinks import Asked, DeadLetter
from harvester.store import Store
from harvester.store.keys import CollectionKeys


class DeadLetters:
    """The files of one process of one sink."""

    def __init__(self, store: Store, asked: Asked, *, owner: str) -> None:
        self._store, self._asked, self._owner = store, asked, owner
        self._number = 0

    def keep(self, letters: Sequence[DeadLetter], *, now: datetime) -> str:
        """Store them; the key of their file."""
        data = b"".join(orjson.dumps(_tree(letter, now)) + b"\n" for letter in letters)
        self._number += 1
        name = f"{now.astimezone(UTC):%Y%m%d%H%M%S}-{self._owner[:12]}-{self._number:06d}"
        key = CollectionKeys(self._asked.collection).dead_letters(self._asked.name, name)
        try:
            self._store.create(key, data)
        except Conflict:
            # An earlier try of the same name arrived, although its answer did not.
            if self._store.read(key).data != data:
                raise
        return key


def _tree(letter: DeadLetter, now: datetime) -> Tree:
    message = letter.message
    tree: Tree = {"id": message.id, "kind": message.kind, "reason": letter.reason, "at": timestamp(now)}
    tree |= {"key": message.key, "subject": message.subject, "time": message.time}
    tree["position"] = message.position.to_tree()
    try:
        return {**tree, "value": message.value.decode()}
    except UnicodeDecodeError:
        return {**tree, "base64": base64.b64encode(message.value).decode()}
