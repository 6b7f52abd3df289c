"""A task may be asked for in any size that Fargate has, and in no other."""

import pytest

from harvester.capacity import SIZES, Capacity
from harvester.networks.validation import problems


def _asking(task: object) -> list[str]:
    tree = {"id": "s", "type": "search", "search": {"query": "library"}, "task": task}
    return problems(tree)


def test_the_sizes_are_those_that_fargate_has() -> None:
    """Counted by hand from AWS's table: 3 + 4 + 7 + 13 + 23 + 12 + 12 pairs."""
    pairs = [(cpu, memory) for cpu, memories in SIZES.items() for memory in memories]
    assert len(pairs) == 74
    assert {(256, 512), (256, 2048), (4096, 30720), (8192, 61440), (16384, 122880)} <= set(pairs)
    assert not {(256, 1536), (512, 512), (8192, 18432), (16384, 36864)} & set(pairs)


def test_what_a_collection_does_not_ask_for_is_as_usual() -> None:
    usual = Capacity(512, 2048, "X86_64", spot=True, disk=50)
    assert usual.changed_by({}) == usual
    assert usual.changed_by({"memory": 4096, "spot": False, "x_why": "big"}) == Capacity(
        512, 4096, "X86_64", spot=False, disk=50
    )


def test_a_wish_that_does_not_go_with_the_usual_is_told() -> None:
    assert _asking({"cpu": 1024}) == []
    assert Capacity().changed_by({"cpu": 1024}).problems() == [
        "memory is 512; it must be one of 2048, 3072, 4096, 5120, 6144, 7168, 8192 MiB with cpu 1024."
    ]


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("large", 'Task is not properly structured. It must be an object, e.g. {"cpu": 512}.'),
        ({"cpus": 256}, "Unknown key task.cpus. Did you mean task.cpu?"),
        ({"cpu": "256"}, "task.cpu is '256'; it must be one of 256, 512, 1024, 2048, 4096, 8192, 16384."),
        ({"cpu": True}, "task.cpu is True; it must be one of 256, 512, 1024, 2048, 4096, 8192, 16384."),
        ({"memory": 513}, "task.memory is 513; it must be one of 512, 1024, 2048, ... 122880 MiB."),
        (
            {"cpu": 512, "memory": 512},
            "task.memory is 512; it must be one of 1024, 2048, 3072, 4096 MiB with cpu 512.",
        ),
        ({"architecture": "arm64"}, "task.architecture is 'arm64'; it must be ARM64 or X86_64."),
        ({"spot": "yes"}, "task.spot is 'yes'; it must be true or false."),
        ({"disk": 19}, "task.disk is 19; it must be a whole number from 20 to 200 (GiB)."),
        ({"disk": 20.5}, "task.disk is 20.5; it must be a whole number from 20 to 200 (GiB)."),
    ],
)
def test_a_task_that_fargate_would_refuse_is_told(task: object, told: str) -> None:
    assert _asking(task) == [told]


def test_a_task_that_fargate_has_is_valid() -> None:
    assert _asking({"cpu": 512, "memory": 1024, "architecture": "X86_64", "spot": True, "disk": 21}) == []
    assert _asking({"x_reason": "posts with long threads"}) == []
