"""A script of faults: which requests go wrong, how, and how often that has happened."""

from pathlib import Path
from typing import Any

import orjson


class Faults:
    def __init__(self, rules: list[dict[str, Any]]) -> None:
        self.rules = rules

    @classmethod
    def from_file(cls, path: str | None) -> "Faults":
        return cls(orjson.loads(Path(path).read_bytes()) if path else [])

    def replace(self, rules: list[dict[str, Any]]) -> None:
        self.rules = rules

    def shown(self) -> list[dict[str, Any]]:
        return self.rules
