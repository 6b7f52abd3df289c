"""JSON of others as Python has it: a number larger than any reader's is no error."""

import json
import math
from typing import Any

_LONGEST = len(str(1 << 64))


def loaded(text: str | bytes, *, constants: bool = False) -> Any:
    """The value in the text; raises ValueError, also if it is nested too deeply.

    A whole number of more than 64 bits is a float, and one that is too large for these is null. `constants`
    allows NaN and Infinity, which are no JSON.
    """
    refused = None if constants else _refused
    try:
        return json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=refused)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _whole(text: str) -> int | float | None:
    # Python itself reads no more than 4,300 digits, and orjson writes no more than 64 bits.
    if len(text) <= _LONGEST and -(1 << 63) <= (found := int(text)) < 1 << 64:
        return found
    return _finite(text)


def _finite(text: str) -> float | None:
    found = float(text)
    return found if math.isfinite(found) else None


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
