"""One reading of queries and stream rules: what it does not know is an error, never a silent match."""

from emulator.language.facts import Facts, facts_of
from emulator.language.match import Matcher, Subject
from emulator.language.parse import Bounds, Node, QueryError, parsed
from emulator.language.sample import satisfied

__all__ = ["Bounds", "Facts", "Matcher", "Node", "QueryError", "Subject", "facts_of", "parsed", "satisfied"]
