"""`collection download`: makes or updates a verified copy of a collection."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harvester.clock import Stop, SystemClock
from harvester.commands.cli.each_shard import each_shard
from harvester.commands.cli.output import announce_dry_run, change_options, confirm, print_json, print_line
from harvester.commands.cli.progress_meter import Show, meter, progress_option
from harvester.commands.cli.workspace import (
    Workspace,
    collection_id_argument,
    copy_folder_option,
    in_workspace,
)
from harvester.commands.collection.verify import exit_code, print_report, verified
from harvester.errors import Exit, HarvesterError
from harvester.store.disk import real
from harvester.store.keys import ROOT, CollectionKeys
from harvester.text import counted, size

if TYPE_CHECKING:
    from harvester.curation.download import Tally
    from harvester.curation.local_copy import LocalCopy
    from harvester.curation.verify import Report

_SHOWN = 20


@click.command("download")
@collection_id_argument
@copy_folder_option("Folder of the copy.  [default: download/<bucket>/collections/<id>]")
@click.option("--verify", "verifies", is_flag=True, help="Verify the copy when it is complete.")
@click.option(
    "--clean",
    is_flag=True,
    help="Remove downloaded files that are no longer in the store, after confirmation.",
)
@change_options
@progress_option
@in_workspace
@each_shard(itself=True)
def download(
    collection_id: str,
    form: str,
    copy_folder: Path | None,
    verifies: bool,
    clean: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    workspace: Workspace,
) -> int:
    """Download a collection into a folder, or update an earlier download.

    Files that are already there and intact are not fetched again. Each file is checked against its manifest
    while it is downloaded, and gets its name only when it is complete.
    """
    from harvester.curation.download import download as fetch
    from harvester.curation.local_copy import LocalCopy
    from harvester.curation.verify import verify
    from harvester.store.reading import FolderReader, reader

    keys = CollectionKeys(collection_id)
    copy = LocalCopy(
        copy_folder or _copy_of(workspace, collection_id),
        keys.folder,
        store=workspace.store.name if workspace.bucket else real(workspace.folder),
    )
    clock = SystemClock()
    began = clock.elapsed()
    with copy.looked_at() if dry_run else copy.open(), meter(form) as show:
        tally = fetch(
            reader(workspace.store),
            keys,
            copy,
            stop=Stop(),
            tell=lambda now: _show(now, show),
            dry_run=dry_run,
        )
    took = clock.elapsed() - began
    left = copy.others(tally.names)
    over = copy.put_here(left) if clean else []
    if dry_run:
        return _print_dry_run(copy, tally, over, as_json=as_json)
    removed = _removed(copy, over, yes=yes) if over else []
    left = sorted({*left} - {*removed})
    report = verified(FolderReader(copy.folder, keys.folder), keys, verify, form) if verifies else None
    if as_json:
        print_json(_as_json(copy, tally, left, removed, report))
    else:
        _print_result(copy, tally, left, removed)
        if tally.fetched:
            rate = size(int(tally.fetched_bytes / max(took, 0.001)))
            click.echo(f"Took {took:.1f} s, {rate} a second.", err=True)
        if report:
            print_report(report)
    _require_all(copy, tally)
    return int(exit_code(report) if report else Exit.OK)


def _print_dry_run(copy: "LocalCopy", tally: "Tally", left: list[str], *, as_json: bool) -> int:
    if as_json:
        print_json(_as_json(copy, tally, left, [], None))
    else:
        more = f" and remove {counted(len(left), 'file')} no longer in the store" if left else ""
        files = f"{counted(tally.fetched, 'file')} ({size(tally.fetched_bytes)})"
        announce_dry_run(
            True,
            f"fetch {files} into {_shown_path(copy.folder)}{more}; {tally.present:,} are there already",
        )
    return int(Exit.OK)


def _copy_of(workspace: Workspace, collection_id: str) -> Path:
    return Path("download", workspace.bucket or real(workspace.folder).name, ROOT, collection_id)


def _removed(copy: "LocalCopy", left: list[str], *, yes: bool) -> list[str]:
    shown = "".join(f"\n  {name}" for name in left[:_SHOWN])
    more = f"\n  and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
    question = f"Remove {counted(len(left), 'downloaded file')} from {copy.folder}?"
    confirm(f"No longer in the store, so these are the only copies:{shown}{more}\n{question}", yes=yes)
    copy.remove(left)
    return left


def _show(tally: "Tally", show: Show) -> None:
    show(
        _so_far(tally),
        fetched=tally.fetched,
        fetched_bytes=tally.fetched_bytes,
        present=tally.present,
    )


def _so_far(tally: "Tally") -> str:
    return f"{tally.fetched:,} fetched ({size(tally.fetched_bytes)}), {tally.present:,} there already"


def _print_result(copy: "LocalCopy", tally: "Tally", left: list[str], removed: list[str]) -> None:
    click.echo(f"Collection downloaded to {_shown_path(copy.folder)}: {_so_far(tally)}.")
    notes = (
        (len(removed), "removed here, no longer in the store"),
        (len(left), "here but not in the store; --clean removes downloaded ones"),
        (len(tally.gone), "removed from the store while this ran"),
        (tally.cleaned, "contained API keys, which were removed"),
        (tally.left_out, "of a harvest that has not ended, skipped"),
    )
    for number, words in notes:
        if number:
            click.echo(f"{counted(number, 'file')}: {words}.", err=True)
    for name in left[:_SHOWN]:
        print_line(f"  {name}", err=True)


def _as_json(
    copy: "LocalCopy", tally: "Tally", left: list[str], removed: list[str], report: "Report | None"
) -> dict[str, Any]:
    return {
        "folder": str(copy.folder),
        "fetched": tally.fetched,
        "fetched_bytes": tally.fetched_bytes,
        "present": tally.present,
        "removed": removed,
        "not_in_store": left,
        "gone": tally.gone,
        "without_keys": tally.cleaned,
        "of_unfinished_harvests": tally.left_out,
        "problems": tally.problems,
        "corrupt": tally.corrupt,
        "verify": report.to_tree() if report else None,
    }


def _require_all(copy: "LocalCopy", tally: "Tally") -> None:
    wrong = [*tally.corrupt, *tally.problems]
    if not wrong:
        return
    more = [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
    raise HarvesterError(
        f"{counted(len(wrong), 'file')} could not be copied to {copy.folder}.",
        [*wrong[:_SHOWN], *more],
        "`collection verify` shows what is wrong in the store. Run the download again to fetch the rest.",
        exit_code=Exit.VERIFY_FAILED if tally.corrupt else Exit.ERROR,
    )


def _shown_path(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
