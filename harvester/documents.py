"""JSON documents: bytes that may be damaged become an object, or an error in words."""

from typing import Any

import orjson

from harvester.errors import Exit, HarvesterError

Tree = dict[str, Any]


def checked(
    data: bytes | str, name: str, *members: str, hint: str = "", exit_code: Exit = Exit.ERROR
) -> Tree:
    """The object in `data`, which has these members; else raises, with `name` for what it was read from."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise HarvesterError(f"{name} is not JSON: {error}.", hint=hint, exit_code=exit_code) from error
    if not isinstance(found, dict):
        raise HarvesterError(f"{name} is not a JSON object.", hint=hint, exit_code=exit_code)
    if missing := [member for member in members if member not in found]:
        raise HarvesterError(f"{name} has no {', '.join(missing)}.", hint=hint, exit_code=exit_code)
    return found


def object_in(data: bytes | str) -> Tree:
    """The object in `data`; an empty one where there is none."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def written(value: Any) -> bytes:
    """As documents are stored: indented, with a line end."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
