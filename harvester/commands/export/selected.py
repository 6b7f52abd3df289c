"""The options that say which posts are exported, and what they mean."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harvester.commands.cli.output import print_line
from harvester.errors import Exit, HarvesterError
from harvester.networks.registry import usual
from harvester.networks.rows import KINDS

if TYPE_CHECKING:
    from harvester.exports.selection import Selection
    from harvester.networks.rows import PostRow

_F = TypeVar("_F", bound=Callable[..., Any])
_DUPLICATES = ("keep", "first", "newest")


def selection_options(command: _F) -> _F:
    """The options that select posts."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option("--since", metavar="TIME", help="Posts published from this date or time (UTC) on."),
    click.option("--until", metavar="TIME", help="Posts published before this date or time (UTC)."),
    click.option("--harvested-since", metavar="TIME", help="Posts received from this date or time (UTC) on."),
    click.option("--user", "users", multiple=True, metavar="ID|@NAME", help="Posts of this account."),
    click.option("--tag", "tags", multiple=True, metavar="TAG", help="Posts with this hashtag."),
    click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Posts of this kind."),
    click.option("--query", default="", metavar="QUERY", help="Posts that `search QUERY` would find."),
    click.option(
        "--included", is_flag=True, help="Also posts that were received with others, e.g. quoted ones."
    ),
    click.option(
        "--duplicates",
        type=click.Choice(_DUPLICATES),
        default=_DUPLICATES[0],
        show_default=True,
        help="Of a post that is stored more than once: keep all, the first, or the newest.",
    ),
)


def selection(
    *,
    since: str | None,
    until: str | None,
    harvested_since: str | None,
    users: Iterable[str],
    tags: Iterable[str],
    kinds: Iterable[str],
    query: str,
    included: bool,
) -> "Selection":
    """The selection that the options describe."""
    from harvester.exports.selection import Selection

    matches, asks_for_included = _condition(query)
    begin, end = _time(since, "--since"), _time(until, "--until")
    if begin and end and begin >= end:
        raise HarvesterError(
            f"--since {since} is not before --until {until}, so that no post can be between them.",
            hint="Give the earlier one as --since.",
            exit_code=Exit.USAGE,
        )
    return Selection(
        since=begin,
        until=end,
        harvested_since=_time(harvested_since, "--harvested-since"),
        users=_texts("--user", users, lambda user: (usual().name_in(user) or user).lstrip("@")),
        tags=_texts("--tag", tags, lambda tag: tag.lstrip("#")),
        kinds=frozenset(kinds),
        included=included or asks_for_included,
        matches=matches,
    )


def _texts(option: str, given: Iterable[str], bare: Callable[[str], str]) -> frozenset[str]:
    """What is asked for, without signs and in small letters; an empty one, as of a shell, is refused."""
    found = {text: bare(text.strip()).lower() for text in given}
    if empty := [text for text, wanted in found.items() if not wanted]:
        raise HarvesterError(
            f"{option} {empty[0]!r} is empty.", hint="Give it a value, or leave it out.", exit_code=Exit.USAGE
        )
    return frozenset(found.values())


def _condition(query: str) -> "tuple[Callable[[PostRow], bool] | None, bool]":
    """The condition of a query, and whether it asks for posts that came along with others."""
    from harvester.search.expression import uses
    from harvester.search.parsing import parsed
    from harvester.search.plain import condition

    if not query:
        return None, False
    found = parsed(query)
    if uses(found.expression, "collection"):
        raise HarvesterError(
            "collection: does not select posts of an export.",
            hint="Name the collections before the options.",
            exit_code=Exit.USAGE,
        )
    for warning in found.warnings:
        print_line(warning, err=True)
    return condition(found.expression), uses(found.expression, "included")


def _time(text: str | None, option: str) -> str:
    """As rows have times."""
    from harvester.sinks.beginning import moment_of

    if not text:
        return ""
    try:
        found = moment_of(text)
    except HarvesterError as error:
        raise HarvesterError(
            f"{option} {text!r} is not a date.",
            hint="Use e.g. 2026-11, 2026-11-01 or 2026-11-01T12:00.",
            exit_code=Exit.USAGE,
        ) from error
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")
