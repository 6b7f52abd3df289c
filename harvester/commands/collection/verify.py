"""`collection verify`: checks that everything stored is there and intact; rebuilds manifests."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harvester.clock import Stop
from harvester.commands.cli.each_shard import each_shard
from harvester.commands.cli.output import announce_dry_run, change_options, confirm, print_json, print_line
from harvester.commands.cli.progress_meter import meter, progress_option
from harvester.commands.cli.workspace import (
    Workspace,
    collection_id_argument,
    copy_folder_option,
    in_workspace,
)
from harvester.errors import Exit, HarvesterError
from harvester.store.keys import CollectionKeys
from harvester.text import counted, size

if TYPE_CHECKING:
    from harvester.curation.verify import Report
    from harvester.store.reading import Reader

_SHOWN = 20


@click.command("verify")
@collection_id_argument
@copy_folder_option("Folder of a downloaded copy to verify.", exists=True)
@click.option("--subset", metavar="N/T", help="Read only part N of T of the record files.")
@click.option(
    "--duplicates",
    is_flag=True,
    help="Count posts stored more than once; takes 100 MB of memory per million posts.",
)
@click.option(
    "--rebuild-manifest", is_flag=True, help="Rewrite the manifests from the files, after confirmation."
)
@click.option("--all", "in_full", is_flag=True, help="Also list files without problems.")
@change_options
@progress_option
@in_workspace
@each_shard(itself=True)
def verify(
    collection_id: str,
    form: str,
    copy_folder: Path | None,
    subset: str | None,
    duplicates: bool,
    rebuild_manifest: bool,
    in_full: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    workspace: Workspace,
) -> int:
    """Verify that every harvested file is there and intact.

    Compares files with manifests, manifests with files, and posts with harvest.json, and lists gaps.
    The exit code is 12 if anything is missing or damaged.
    """
    from harvester.curation.verify import Sample
    from harvester.curation.verify import verify as prove
    from harvester.store.reading import FolderReader, reader

    keys = CollectionKeys(collection_id)
    if rebuild_manifest:
        if copy_folder or subset or duplicates:
            raise HarvesterError(
                "--rebuild-manifest cannot be used with --copy-folder, --subset or --duplicates.",
                hint="It reads the whole store: omit them.",
                exit_code=Exit.USAGE,
            )
        return _rebuild(workspace, keys, yes=yes, dry_run=dry_run, as_json=as_json)
    sample = _sample(subset) if subset else Sample()
    source = FolderReader(copy_folder, keys.folder) if copy_folder else reader(workspace.store)
    report = verified(source, keys, prove, form, sample=sample, duplicates=duplicates)
    if as_json:
        print_json(report.to_tree())
    else:
        print_report(report, in_full=in_full)
    return int(exit_code(report))


def exit_code(report: "Report") -> Exit:
    """What cannot be read is not proven to be lost: that is an error of the reading."""
    if report.damaged:
        return Exit.VERIFY_FAILED
    return Exit.ERROR if report.overall.name == "FAILURE" else Exit.OK


def _sample(text: str) -> Any:
    from harvester.curation.verify import Sample

    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal()):
        raise HarvesterError(
            f"--subset {text} is not a valid part.",
            hint="Use e.g. 2/5 for the second of five parts.",
            exit_code=Exit.USAGE,
        )
    return Sample(int(part), int(parts))


def verified(
    source: "Reader", keys: CollectionKeys, prove: Callable[..., "Report"], form: str, **options: Any
) -> "Report":
    with meter(form) as show:
        return prove(
            source,
            keys,
            stop=Stop(),
            tell=lambda now: show(
                f"{counted(now.files_read, 'file')} read ({size(now.bytes_read)})",
                files_read=now.files_read,
                bytes_read=now.bytes_read,
                posts=now.posts,
            ),
            **options,
        )


def print_report(report: "Report", *, in_full: bool = False) -> None:
    """What is not as it should be, a line each; then the verdict."""
    for part, finding in report.findings():
        if in_full or finding.reason:
            reason = f": {finding.reason}" if finding.reason else ""
            print_line(f"{finding.verdict.value:17} {part.folder}{finding.name}{reason}")
    click.echo(_verdict(report))
    if report.damaged:
        way = "Restore what is missing or damaged from a copy or an earlier version"
        click.echo(f'{way}: docs/verifying.md, "Repair".', err=True)


def _verdict(report: "Report") -> str:
    harvests = sum(1 for part in report.parts if part.state)
    read = f"{counted(report.files_read, 'file')} read ({size(report.bytes_read)})"
    sample = f", of the records only part {report.subset}" if report.subset else ""
    lists = ((report.lists, "list"), (report.edges, "edge")) if report.lists or report.edges else ()
    parts = ((harvests, "harvest"), (report.posts, "post"), *lists, (len(report.gaps), "gap"))
    found = ", ".join(counted(number, what) for number, what in parts)
    return f"{report.overall.name}: {found}; {read}{sample}."


def _rebuild(workspace: Workspace, keys: CollectionKeys, *, yes: bool, dry_run: bool, as_json: bool) -> int:
    from harvester.curation.verify import differs, rebuilds, write
    from harvester.store.reading import reader

    found = list(rebuilds(reader(workspace.store), keys, stop=Stop()))
    problems = [f"{one.key}: {one.problem}" for one in found if one.problem]
    other = [one for one in found if not one.problem and differs(workspace.store, one)]
    manifests = counted(len(other), "manifest")
    shown = [one.key for one in other[:_SHOWN]]
    if announce_dry_run(dry_run, ", ".join([f"write {manifests}", *shown])):
        return int(Exit.OK)
    if other:
        names = "\n".join(f"  {key}" for key in shown)
        question = f"These differ from the files:\n{names}\nWrite {manifests} from the files as they are?"
        confirm(question, yes=yes)
    for one in other:
        write(workspace.store, one)
    same = len(found) - len(other) - len(problems)
    if as_json:
        print_json({"written": [one.key for one in other], "unchanged": same, "problems": problems})
    else:
        click.echo(f"{manifests} written, {same} unchanged.")
    _require_none(problems)
    return int(Exit.OK)


def _require_none(problems: list[str]) -> None:
    if problems:
        raise HarvesterError(
            "Some manifests were not written.",
            problems,
            'Restore these files first: docs/verifying.md, "Repair".',
            exit_code=Exit.VERIFY_FAILED,
        )
