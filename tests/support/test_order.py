"""The tests that take long are spread over the workers, and begin first there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import slow_first


@dataclass(frozen=True)
class Planned:
    """What is asked of a test before it runs."""

    name: str

    @property
    def path(self) -> Path:
        return Path(self.name.partition("::")[0])

    def get_closest_marker(self, name: str) -> Any:
        return name if name in self.name else None


@pytest.mark.parametrize("workers", range(1, 9))
@pytest.mark.parametrize(("slow", "quick"), [(0, 5), (3, 0), (2, 3), (3, 40)])
def test_every_test_is_run_once_by_as_many_workers_as_there_are(workers: int, slow: int, quick: int) -> None:
    planned: list[Any] = [Planned(f"quick_{number}.py::test") for number in range(quick)]
    planned += [Planned(f"slow_{number}.py::test_{each}") for number in range(slow) for each in range(3)]
    ordered = slow_first(planned, workers)
    assert sorted(ordered, key=str) == sorted(planned, key=str)


def test_each_part_begins_with_slow_modules() -> None:
    planned: list[Any] = [Planned(f"quick_{number}.py::test") for number in range(34)]
    planned += [Planned(f"slow_{number}.py::test_{each}") for number in range(3) for each in range(2)]
    ordered = [each.name for each in slow_first(planned, 2)]
    assert ordered[:4] == [f"slow_{number}.py::test_{each}" for number in (0, 2) for each in range(2)]
    assert ordered[20:22] == [f"slow_1.py::test_{each}" for each in range(2)]
