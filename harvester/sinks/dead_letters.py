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
        self._files = 0

    def keep(self, letters: Sequence[DeadLetter], *, at: datetime) -> str:
        """Store them, which were refused at that moment; the key of their file.

        After a StoreAway they may be stored again, with the same moment: they are in one file then, too.
        """
        data = b"".join(orjson.dumps(_tree(letter, at)) + b"\n" for letter in letters)
        name = f"{at.astimezone(UTC):%Y%m%d%H%M%S}-{self._owner[:12]}-{self._files + 1:06d}"
        key = CollectionKeys(self._asked.collection).dead_letters(self._asked.name, name)
        try:
            self._store.create(key, data)
        except Conflict:
            # An earlier try arrived, although its answer did not.
            if self._store.read(key).data != data:
                raise
        self._files += 1
        return key


def _tree(letter: DeadLetter, at: datetime) -> Tree:
    message = letter.message
    tree: Tree = {"id": message.id, "kind": message.kind, "reason": letter.reason, "at": timestamp(at)}
    tree |= {"key": message.key, "subject": message.subject, "time": message.time}
    tree["position"] = message.position.to_tree()
    try:
        return {**tree, "value": message.value.decode()}
    except UnicodeDecodeError:
        return {**tree, "base64": base64.b64encode(message.value).decode()}
