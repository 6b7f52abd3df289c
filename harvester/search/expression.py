"""Conditions of a query as values, used by the index and by the scan of posts."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Everything:
    """All posts."""


@dataclass(frozen=True)
class Words:
    """These words one after the other; with `prefix` the last one is the begin of a word."""

    words: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True)
class Term:
    """A property of a post, e.g. its tag, author or language, has one of these values."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Published:
    """Published within these seconds since 1970; the second is not part of it."""

    since: int | None = None
    before: int | None = None


@dataclass(frozen=True)
class Near:
    """Within a number of kilometres of a point, which is in degrees."""

    lat: float
    lon: float
    km: float


@dataclass(frozen=True)
class Both:
    """All of the parts hold."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True)
class Either:
    """One of the parts holds."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True)
class Without:
    """The part does not hold."""

    part: "Expression"


Expression: TypeAlias = Everything | Words | Term | Published | Near | Both | Either | Without


def uses(expression: Expression, name: str) -> bool:
    """Whether a property is asked for somewhere in it."""
    return bool(values_of(expression, name))


def values_of(expression: Expression, name: str) -> tuple[str, ...]:
    """The values of a property that are asked for somewhere in it, or left out."""
    if isinstance(expression, Both | Either):
        return tuple(value for part in expression.parts for value in values_of(part, name))
    if isinstance(expression, Without):
        return values_of(expression.part, name)
    return expression.values if isinstance(expression, Term) and expression.name == name else ()
