"""A part of a collection's records, so that a part a day reads all in a while."""

import zlib
from dataclasses import dataclass

from harvester.errors import Exit, HarvesterError


@dataclass(frozen=True)
class Sample:
    """The files of records that are read: those of one of `parts` groups of about the same size."""

    part: int = 1
    parts: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.part <= self.parts:
            raise HarvesterError(
                f"{self.part}/{self.parts} is not a valid part.",
                hint="Use e.g. 2/5 for the second of five parts.",
                exit_code=Exit.USAGE,
            )

    @property
    def name(self) -> str:
        return "" if self.parts == 1 else f"{self.part}/{self.parts}"

    def holds(self, key: str) -> bool:
        return zlib.crc32(key.encode()) % self.parts == self.part - 1
