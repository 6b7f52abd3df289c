"""Options that take dollars or seconds accept finite numbers only."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from harvester.commands import Group
from harvester.commands.cli.amounts import Dollars, Seconds
from harvester.commands.container import container
from harvester.commands.person import operator
from tests.support.cli_session import Person


def _options(command: click.Command, path: str) -> Iterator[tuple[str, click.Parameter]]:
    for parameter in command.params:
        yield f"{path} {parameter.opts[0]}", parameter
    if isinstance(command, Group):
        for name, each in command.commands.items():
            yield from _options(each, f"{path} {name}")


def test_each_option_for_a_number_with_a_fraction_is_of_dollars_or_seconds() -> None:
    found = dict([*_options(operator, "twarc_cloud"), *_options(container, "tweet_harvester")])
    fractions = {
        path: each for path, each in found.items() if isinstance(each.type, click.types.FloatParamType)
    }
    assert len(fractions) >= 4
    assert [path for path, each in fractions.items() if not isinstance(each.type, Dollars | Seconds)] == []


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999", "-1", "x"])
@pytest.mark.parametrize("kind", [Dollars(), Seconds(), Seconds(1, 60)])
def test_what_is_no_amount_is_refused(kind: Dollars | Seconds, number: str) -> None:
    with pytest.raises(click.BadParameter):
        kind.convert(number, None, None)
    assert kind.convert("1.5", None, None) == 1.5


@pytest.mark.parametrize(
    "typed",
    [
        "graph approve x --depth 1 --usd nan",
        "graph approve x --depth 1 --usd inf",
        "harvest stop x --timeout nan",
        "collection filter-stop x --timeout inf",
        "search index --watch nan",
    ],
)
def test_no_command_takes_what_is_no_number(typed: str, tmp_path: Path) -> None:
    told = Person(tmp_path)(*typed.split())
    assert told.code == 2
    assert "is not a number of" in told.err.splitlines()[-1]
