"""`collection download` and `collection verify`: a copy that is right, and proof of what is stored."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harvester.clock import Stop
from harvester.commands.meter import Show, meter, progress_option
from harvester.commands.place import Place, collection_id_argument, in_place
from harvester.commands.telling import confirm, json_option, print_json, size, yes_option
from harvester.errors import Exit, HarvesterError
from harvester.layout import ROOT, CollectionKeys

if TYPE_CHECKING:
    from harvester.download import Tally
    from harvester.mirror import Mirror
    from harvester.store.reading import Reader
    from harvester.verify import Report

_SHOWN = 20


@click.command("download")
@collection_id_argument
@click.option(
    "--collection-path",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for the collection's files.  [default: download/<bucket>/collections/<id>]",
)
@click.option("--verify", "verified", is_flag=True, help="Verify the copy when it is complete.")
@click.option("--clean", is_flag=True, help="Remove from the copy what is no longer in the store; asks.")
@yes_option
@json_option
@progress_option
@in_place
def download(
    collection_id: str,
    form: str,
    collection_path: Path | None,
    verified: bool,
    clean: bool,
    yes: bool,
    as_json: bool,
    place: Place,
) -> int:
    """Copy a collection into a folder, or bring such a copy up to date.

    What is there and right is not fetched again; each file is checked by its manifest while it comes, and has
    its name only when it is whole.

    \b
      twarc_cloud.py collection download museums --bucket my-bucket
    """
    from harvester.download import download as copy
    from harvester.mirror import Mirror
    from harvester.store.reading import FolderReader, reader
    from harvester.verify import verify

    keys = CollectionKeys(collection_id)
    mirror = Mirror(collection_path or _copy_of(place, collection_id), keys.folder)
    with mirror.open(), meter(form) as show:
        tally = copy(reader(place.store), keys, mirror, stop=Stop(), tell=lambda now: _show(now, show))
    left = mirror.others(tally.names)
    removed = _removed(mirror, left, yes=yes) if clean and left else []
    report = _verified(FolderReader(mirror.folder, keys.folder), keys, verify, form) if verified else None
    if as_json:
        print_json(_told_to_programs(mirror, tally, left, removed, report))
    else:
        _tell_of_download(mirror, tally, left, removed)
        if report:
            _tell_of(report)
    _require_all(mirror, tally)
    return int(_proven(report) if report else Exit.OK)


def _copy_of(place: Place, collection_id: str) -> Path:
    return Path("download", place.bucket or place.folder.resolve().name, ROOT, collection_id)


def _removed(mirror: "Mirror", left: list[str], *, yes: bool) -> list[str]:
    shown = "".join(f"\n  {name}" for name in left[:_SHOWN])
    more = f"\n  and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
    question = f"Remove {len(left)} files from {mirror.folder}?"
    confirm(f"No longer in the store, and only here:{shown}{more}\n{question}", yes=yes)
    mirror.remove(left)
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


def _tell_of_download(mirror: "Mirror", tally: "Tally", left: list[str], removed: list[str]) -> None:
    click.echo(f"Collection downloaded to {_shown_path(mirror.folder)}: {_so_far(tally)}.")
    notes = (
        (len(removed), "removed here, for they are no longer in the store"),
        (len(left) - len(removed), "here and not in the store; --clean removes them"),
        (len(tally.gone), "removed from the store while this ran"),
        (tally.cleaned, "had API keys in them, which were left out"),
        (tally.left_out, "belong to a harvest that has not ended, and were left out"),
    )
    for number, words in notes:
        if number:
            click.echo(f"{number:,} {'file' if number == 1 else 'files'}: {words}.", err=True)
    for name in [] if removed else left[:_SHOWN]:
        click.echo(f"  {name}", err=True)


def _told_to_programs(
    mirror: "Mirror", tally: "Tally", left: list[str], removed: list[str], report: "Report | None"
) -> dict[str, Any]:
    return {
        "folder": str(mirror.folder),
        "fetched": tally.fetched,
        "fetched_bytes": tally.fetched_bytes,
        "present": tally.present,
        "removed": removed,
        "not_in_store": [] if removed else left,
        "gone": tally.gone,
        "without_keys": tally.cleaned,
        "of_unfinished_harvests": tally.left_out,
        "problems": tally.problems,
        "corrupt": tally.corrupt,
        "verify": report.to_tree() if report else None,
    }


def _require_all(mirror: "Mirror", tally: "Tally") -> None:
    wrong = [*tally.corrupt, *tally.problems]
    if not wrong:
        return
    more = [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
    raise HarvesterError(
        f"{len(wrong)} files are not in {mirror.folder}.",
        [*wrong[:_SHOWN], *more],
        "`collection verify` says what is wrong in the store; starting the download again fetches the rest.",
        exit_code=Exit.VERIFY_FAILED if tally.corrupt else Exit.ERROR,
    )


def _shown_path(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


@click.command("verify")
@collection_id_argument
@click.option(
    "--collection-path",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Verify a downloaded copy in this folder.",
)
@click.option("--subset", metavar="N/T", help="Read the files of records of the N-th of T parts only.")
@click.option("--duplicates", is_flag=True, help="Count posts stored twice; 100 MB of memory per million.")
@click.option("--rebuild-manifest", is_flag=True, help="Write the manifests anew from the files; asks.")
@click.option("--all", "in_full", is_flag=True, help="List the files that are as they should be, too.")
@yes_option
@json_option
@progress_option
@in_place
def verify(
    collection_id: str,
    form: str,
    collection_path: Path | None,
    subset: str | None,
    duplicates: bool,
    rebuild_manifest: bool,
    in_full: bool,
    yes: bool,
    as_json: bool,
    place: Place,
) -> int:
    """Prove that everything harvested is there and whole.

    Each file against its manifests, these against what is there, the posts against the account of the
    harvest; gaps are listed. Exit code 12 when anything is lost or damaged.

    \b
      twarc_cloud.py collection verify museums
      twarc_cloud.py collection verify museums --subset 3/7    a seventh, for each day of the week another
    """
    from harvester.store.reading import FolderReader, reader
    from harvester.verify import Sample
    from harvester.verify import verify as prove

    keys = CollectionKeys(collection_id)
    if rebuild_manifest:
        if collection_path or subset or duplicates:
            raise HarvesterError("--rebuild-manifest reads the whole store.", exit_code=Exit.USAGE)
        return _rebuild(place, keys, yes=yes, as_json=as_json)
    sample = _sample(subset) if subset else Sample()
    source = FolderReader(collection_path, keys.folder) if collection_path else reader(place.store)
    report = _verified(source, keys, prove, form, sample=sample, duplicates=duplicates)
    if as_json:
        print_json(report.to_tree())
    else:
        _tell_of(report, in_full=in_full)
    return int(_proven(report))


def _proven(report: "Report") -> Exit:
    """What cannot be read is not proven to be lost: that is an error of the reading."""
    if report.damaged:
        return Exit.VERIFY_FAILED
    return Exit.ERROR if report.overall.name == "FAILURE" else Exit.OK


def _sample(text: str) -> Any:
    from harvester.verify import Sample

    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal()):
        raise HarvesterError(
            f"--subset {text} is no part of a whole.",
            hint="For the second of five parts say 2/5.",
            exit_code=Exit.USAGE,
        )
    return Sample(int(part), int(parts))


def _verified(
    source: "Reader", keys: CollectionKeys, prove: Callable[..., "Report"], form: str, **options: Any
) -> "Report":
    with meter(form) as show:
        return prove(
            source,
            keys,
            stop=Stop(),
            tell=lambda now: show(
                f"{now.files_read:,} files read ({size(now.bytes_read)})",
                files_read=now.files_read,
                bytes_read=now.bytes_read,
                posts=now.posts,
            ),
            **options,
        )


def _tell_of(report: "Report", *, in_full: bool = False) -> None:
    """What is not as it should be, a line each; then the verdict."""
    for part, finding in report.findings():
        if in_full or finding.why:
            why = f": {finding.why}" if finding.why else ""
            click.echo(f"{finding.verdict.value:17} {part.folder}{finding.name}{why}")
    harvests = sum(1 for part in report.parts if part.state)
    read = f"{report.files_read:,} files read ({size(report.bytes_read)})"
    sample = f", of the records only part {report.subset}" if report.subset else ""
    click.echo(
        f"{report.overall.name}: {harvests:,} harvests, {report.posts:,} posts, {len(report.gaps):,} gaps;"
        f" {read}{sample}."
    )


def _rebuild(place: Place, keys: CollectionKeys, *, yes: bool, as_json: bool) -> int:
    from harvester.store.reading import reader
    from harvester.verify import differs, rebuilds, write

    found = list(rebuilds(reader(place.store), keys, stop=Stop()))
    problems = [f"{one.key}: {one.problem}" for one in found if one.problem]
    other = [one for one in found if not one.problem and differs(place.store, one)]
    if other:
        names = "".join(f"\n  {one.key}" for one in other[:_SHOWN])
        question = (
            f"Not what the files make:{names}\nWrite {len(other)} manifests, by which the files are right?"
        )
        confirm(question, yes=yes)
        for one in other:
            write(place.store, one)
    same = len(found) - len(other) - len(problems)
    if as_json:
        print_json({"written": [one.key for one in other], "same": same, "problems": problems})
    else:
        click.echo(f"{len(other)} manifests written, {same} were as they should be.")
    if problems:
        raise HarvesterError("Some manifests were not made.", problems, exit_code=Exit.VERIFY_FAILED)
    return int(Exit.OK)
