"""The ending of what an export writes follows its form and format; a name that says another is refused."""

from collections.abc import Mapping
from typing import Any

from harvester.errors import Exit, HarvesterError
from harvester.exports.forms import Form


def usual_ending(form: Form, options: Mapping[str, Any]) -> str:
    """What the name ends in that no person has chosen."""
    return dict(form.endings).get(str(options.get("format")), form.ending)


def require_agreement(form: Form, to: str, options: Mapping[str, Any]) -> None:
    """Raise if a name ends like another format than the one that is written."""
    chosen = str(options.get("format"))
    formats = [name for name, _ in form.endings]
    named = to.removesuffix(".gz").rpartition(".")[2].lower()
    if chosen not in formats or named not in formats:
        return
    is_folder = not usual_ending(form, options).startswith(".")
    if named == chosen and not is_folder:
        return
    what = f"a folder ({chosen})" if is_folder else f"one file of {chosen}"
    raise HarvesterError(
        f"{to} ends in .{named}, and `--format {chosen}` writes {what}.",
        hint="Choose another name with -o, or another --format.",
        exit_code=Exit.USAGE,
    )
