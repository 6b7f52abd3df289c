"""The types of options that take dollars or seconds: always a finite number, within its limits."""

import math
from typing import Any

import click


class _Amount(click.FloatRange):
    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float:
        number = click.FLOAT.convert(value, parameter, context)
        # Of no number is it true that it is below a limit: a range alone accepts it.
        if not math.isfinite(number):
            self.fail(f"{value} is not a number of {self.name}.", parameter, context)
        return float(super().convert(number, parameter, context))


class Dollars(_Amount):
    """At least a cent."""

    name = "dollars"

    def __init__(self) -> None:
        super().__init__(min=0.01)


class Seconds(_Amount):
    name = "seconds"

    def __init__(self, shortest: float = 0.0, longest: float | None = None) -> None:
        super().__init__(min=shortest, max=longest)
