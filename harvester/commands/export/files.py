"""`files`: files of records on this machine, also those of Twittomatic, are shown, merged and repaired."""

from typing import TYPE_CHECKING

import click

from harvester.commands import Group
from harvester.commands.cli.output import advise, announce_dry_run, json_option, print_json, print_line
from harvester.errors import Exit, HarvesterError
from harvester.text import counted, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harvester.exports.posts import Posts
    from harvester.reading.lines import BadRecord


@click.group("files", cls=Group)
def files() -> None:
    """Show, merge, repair and sample files of records on this machine; see docs/exports.md."""


_paths = click.argument("paths", nargs=-1, required=True, metavar="FILE|FOLDER...")
_replace = click.option("--replace", is_flag=True, help="Overwrite an existing file or folder.")
_skip_bad = click.option("--skip-bad", is_flag=True, help="Leave out records that cannot be read.")
_to = click.option(
    "-o", "to", metavar="FILE|-", default="-", help="File to write.  [default: standard output]"
)
_into = click.option("-o", "to", metavar="FILE", required=True, help="File or folder to write.")


def _posts(paths: tuple[str, ...], *, skip_bad: bool) -> "Posts":
    from harvester.exports.files.local import posts_in

    return posts_in(paths, strict=not skip_bad)


def _require_no_bad(bad: "Sequence[BadRecord]", *, skip: bool) -> None:
    """Say or raise what could not be read; all other ids were written."""
    lines = [each.message for each in bad]
    if skip or not bad:
        for line in lines:
            print_line(f"Left out: {line}", err=True)
    elif len(lines) == 1:
        raise HarvesterError(lines[0], hint=f"All other ids were written; {_WITH_SKIP}")
    else:
        raise HarvesterError(
            f"{counted(len(lines), 'place')} could not be read.",
            lines,
            f"All other ids were written; {_WITH_SKIP}",
        )


_LOST_SHOWN = 20
_WITH_SKIP = "with --skip-bad the exit code is 0."


def _say_bad(posts: "Posts") -> None:
    for line in posts.progress.bad:
        print_line(f"Left out: {line}", err=True)


@files.command("show")
@_paths
@click.option(
    "--expression",
    "-e",
    default="",
    metavar="PATHS",
    help="Members of each post, e.g. created_at,author/username.  [default: time, user, text]",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print csv with names of columns; else tabs.")
@_to
@_replace
@_skip_bad
def show(
    paths: tuple[str, ...], expression: str, as_csv: bool, to: str, replace: bool, skip_bad: bool
) -> None:
    """Show the posts of files, one a line; what a post does not have is empty."""
    from harvester.exports.files.show import show as print_posts
    from harvester.exports.output import require_free

    require_free(to, replace=replace)
    columns = [each.strip() for each in expression.split(",") if each.strip()]
    posts = _posts(paths, skip_bad=skip_bad)
    shown = print_posts(posts, to, columns, as_csv=as_csv)
    _say_bad(posts)
    for note in shown.notes:
        advise(note)


@files.command("ids")
@_paths
@click.option(
    "--of", type=click.Choice(("posts", "users")), default="posts", show_default=True, help="Whose ids."
)
@click.option("--packed", is_flag=True, help="Write ids as 64 bits each, as Twittomatic does.")
@click.option("--from-packed", is_flag=True, help="Read packed ids from files not named *.fws or *.fws.gz.")
@click.option("--unique", is_flag=True, help="Sort the ids, and write each once.")
@_to
@_replace
@click.option("--skip-bad", is_flag=True, help="Exit with 0 even if ids could not be read.")
def ids(
    paths: tuple[str, ...],
    of: str,
    packed: bool,
    from_packed: bool,
    unique: bool,
    to: str,
    replace: bool,
    skip_bad: bool,
) -> None:
    """Print the ids in files of records, of ids as text, or of packed ids.

    Of a damaged file of ids, those that can be read are written, and the exit code is 1.
    """
    from harvester.exports.files.ids import write_ids
    from harvester.exports.files.local import record_files
    from harvester.exports.output import require_free

    require_free(to, replace=replace)
    names = [name for path in paths for name in record_files(path)]
    bad: list[BadRecord] = []
    written = write_ids(
        names,
        to,
        of_users=of == "users",
        from_packed=from_packed,
        packed=packed,
        unique=unique,
        on_bad=bad.append,
    )
    if to != "-":
        print_line(f"{counted(written.number, 'id')} written to {to} ({size(written.bytes)}).", err=True)
    _require_no_bad(bad, skip=skip_bad)


@files.command("merge")
@_paths
@_into
@_replace
@click.option("--dry-run", is_flag=True, help="Count what would be written; write nothing.")
@click.option("--skip-bad", is_flag=True, help="Exit with 0 even if packed ids could not be read.")
@json_option
def merge(
    paths: tuple[str, ...], to: str, replace: bool, dry_run: bool, skip_bad: bool, as_json: bool
) -> int:
    """Merge files, or folders with a file for each user: each post once, newest first.

    Of a post in several files, the copy received last is kept, else that of the last file. Files that
    only one folder has are kept. Packed ids are merged as sets; of a damaged file, those that can be
    read, and the exit code is 1.
    """
    from harvester.exports.files.merge import count
    from harvester.exports.files.merge import merge as write
    from harvester.exports.output import require_free

    require_free(to, replace=replace or dry_run)
    found = count(paths, to) if dry_run else write(paths, to)
    if as_json:
        bad = [each.message for each in found.bad]
        print_json({"written": None if dry_run else to, **found.__dict__, "bad": bad})
        return int(Exit.OK if skip_bad or not bad else Exit.ERROR)
    what = counted(found.ids, "id") if found.ids and not found.posts else counted(found.posts, "post")
    words = f"{what} in {counted(found.files, 'file')} to {to}"
    if not announce_dry_run(dry_run, f"write {words}"):
        print_line(f"Wrote {words}; {counted(found.duplicates, 'duplicate')} left out.")
    _require_no_bad(found.bad, skip=skip_bad)
    return int(Exit.OK)


@files.command("repair")
@click.argument("damaged", metavar="FILE")
@_into
@_replace
@json_option
def repair(damaged: str, to: str, replace: bool, as_json: bool) -> int:
    """Write the records that can be read of a damaged FILE to another file.

    A gzip file is read up to its damage. Lines that are not records are left out. FILE is not changed.
    """
    from harvester.exports.files.mend import mend
    from harvester.exports.output import require_free

    require_free(to, replace=replace)
    found = mend(damaged, to)
    if as_json:
        print_json({"written": to, "lines": found.lines, "bytes": found.bytes, "lost": list(found.lost)})
    else:
        print_line(f"Kept {counted(found.lines, 'line')} ({size(found.bytes)}) in {to}.")
        for each in found.lost[:_LOST_SHOWN] or ("nothing",):
            print_line(f"Lost: {each}.")
        if len(found.lost) > _LOST_SHOWN:
            print_line(f"... and {len(found.lost) - _LOST_SHOWN:,} more; --json has all.")
    return int(Exit.OK)


@files.command("sample")
@_paths
@click.option(
    "-n",
    "number",
    type=click.IntRange(min=1),
    required=True,
    metavar="N",
    help="Number of posts or users to choose.",
)
@click.option("--seed", default="0", show_default=True, help="Seed of the random choice.")
@click.option(
    "--of", type=click.Choice(("posts", "users")), default="posts", show_default=True, help="What to choose."
)
@_to
@_replace
@_skip_bad
def sample(
    paths: tuple[str, ...], number: int, seed: str, of: str, to: str, replace: bool, skip_bad: bool
) -> None:
    """Choose N posts by chance, or all posts of N users; the same seed chooses the same ones."""
    from harvester.exports.files.sample import sample as choose
    from harvester.exports.output import require_free

    if "-" in paths:
        raise HarvesterError(
            "A sample reads its files twice.", hint="Name a file instead of -.", exit_code=Exit.USAGE
        )
    require_free(to, replace=replace)
    posts = _posts(paths, skip_bad=skip_bad)
    written = choose(posts, to, size=number, seed=seed, of_users=of == "users")
    _say_bad(posts)
    if to != "-":
        print_line(f"{counted(written.number, 'post')} written to {to}.", err=True)
