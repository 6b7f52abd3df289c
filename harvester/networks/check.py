"""The result of one check, and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `instead_of` names the check that knew less of the same."""

    check: str
    ok: bool
    detail: str
    hint: str = ""
    instead_of: str = ""
