"""What a task is called: by its collection, or by all that it carries."""

import hashlib
import re
from collections.abc import Sequence

from harvester.errors import Exit, HarvesterError

_LONGEST_NAME, _LONGEST_TAG = 255, 256
# In the name of a shared task; in no collection's id, and allowed in a tag and the name of a log.
_TOGETHER = "+"


def name_of_task(collection_ids: Sequence[str]) -> str:
    """How a task is called in tags and logs; raises if that is too long for a tag."""
    name = _TOGETHER.join(collection_ids)
    if len(name) > _LONGEST_TAG:
        raise HarvesterError(
            f"The ids of these {len(collection_ids)} collections are too long for one task: "
            f"{len(name)} characters, of {_LONGEST_TAG}.",
            hint="Start them in two tasks.",
            exit_code=Exit.USAGE,
        )
    return name


def carried_by(name: str) -> list[str]:
    """The collections of a task."""
    return name.split(_TOGETHER)


def family(bucket: str, name: str) -> str:
    """The name of a task's definitions and service; a name that AWS allows, and no other's."""
    name = f"twarc-cloud_{bucket}_{name}"
    allowed = re.sub(r"[^A-Za-z0-9_-]", "-", name)
    if allowed == name and len(name) <= _LONGEST_NAME:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{allowed[: _LONGEST_NAME - len(mark) - 1]}-{mark}"


def stream_prefix(bucket: str, name: str) -> str:
    """How the names of a task's log streams begin."""
    return f"{bucket}/{name}"


def shared_by(name: str) -> list[str]:
    """The collections of a shared task; none of another."""
    found = carried_by(name)
    return found if len(found) > 1 else []
