"""How often a worker looks at a queue that is empty, or cannot be reached."""

from dataclasses import dataclass

from harvester.settings import Settings


@dataclass(frozen=True)
class Pace:
    """Seconds: for which an empty queue is listened to, after which it is looked at again, and at most.

    A queue that cannot be reached is tried again for `patience`.
    """

    listen: int = 2
    again: float = 5.0
    most: float = 60.0
    patience: float = 900.0

    @classmethod
    def of(cls, settings: Settings) -> "Pace":
        """No pause is longer than the time between checkpoints, at which users are done."""
        longest = settings.checkpoint_seconds
        return cls(
            listen=min(cls.listen, int(longest)),
            again=min(cls.again, longest),
            most=min(cls.most, longest),
        )
