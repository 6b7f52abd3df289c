"""An option that takes a date or a time: in UTC, where it names no zone."""

from datetime import UTC, datetime

import click

from harvester.errors import Exit, HarvesterError


def moment_of(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    """In UTC, of ISO 8601, e.g. 2026-11-01 or 2026-11-01T12:00; the callback of an option."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise HarvesterError(
            f"{text!r} is not a date.", hint="Use e.g. 2026-11-01 or 2026-11-01T12:00.", exit_code=Exit.USAGE
        ) from error
