"""The result of one check, and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One checked item; `instead_of` names a less detailed check of the same item."""

    check: str
    ok: bool
    detail: str
    hint: str = ""
    instead_of: str = ""
