"""Runs an export: finds the files, writes them in the requested form, and reports what was written."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harvester.clock import SystemClock
from harvester.commands.cli.each_shard import shard_ids
from harvester.commands.cli.lists_hint import advise_of_lists
from harvester.commands.cli.output import advise, announce_dry_run, print_json, print_line
from harvester.commands.cli.progress_meter import Show, meter
from harvester.commands.export.selected import selection
from harvester.errors import Exit, HarvesterError
from harvester.exports.endings import require_agreement, usual_ending
from harvester.exports.forms import Form
from harvester.exports.output import STANDARD_OUTPUT, require_free
from harvester.exports.posts import Posts, Progress, Stored, Whole
from harvester.exports.written import Written
from harvester.ledger.cache import cache_of
from harvester.networks.registry import network_of
from harvester.reading.files import RecordFile, record_files
from harvester.store.reading import Reader, reader
from harvester.text import counted, size

if TYPE_CHECKING:
    from harvester.commands.cli.workspace import Workspace
    from harvester.tables.posts import Tables

_SELECTING = ("since", "until", "harvested_since", "users", "tags", "kinds", "query", "included")
_SHOWN = 20


def run(form: Form, collection_ids: Sequence[str], workspace: "Workspace", options: dict[str, Any]) -> int:
    """Write the collections' posts in the form; the exit code."""
    chosen = None if form.is_whole else selection(**{name: options.pop(name) for name in _SELECTING})
    to = options.pop("to") or f"{'-'.join(collection_ids)[:100]}{usual_ending(form, options)}"
    require_agreement(form, to, options)
    require_free(to, replace=options.pop("replace") or options["dry_run"])
    source = reader(workspace.store)
    # Lists that workers have read are in collections of their own.
    ids = [name for each in collection_ids for name in (each, *(_workers(workspace, each, form)))]
    # One that is named twice is exported once.
    keys = tuple(map(workspace.keys, dict.fromkeys(ids)))
    files = [file for each in keys for file in record_files(source, each)]
    network = network_of({"network": _network(files)} if files else {})
    clock = SystemClock()
    began = clock.elapsed()
    with _without_cycles(), meter(options.pop("form"), interrupted=_INTERRUPTED) as show:
        posts = Posts(
            [Stored(source, file) for file in files],
            network,
            chosen,
            duplicates=options.pop("duplicates", "keep"),
            whole=Whole(source, keys, _tables(workspace, source)),
            tell=lambda now: _show(now, show),
        )
        if options.pop("dry_run"):
            return _dry_run(form, posts, files, to, options)
        written = form.loaded()(posts, to, {**options, "now": clock.now()})
    _tell(form, to, written, posts.progress, as_json=options["as_json"], seconds=clock.elapsed() - began)
    if not (form.is_whole or form.planned or written.number or options["as_json"]):
        advise_of_lists(workspace, collection_ids)
    require_no_damage(posts.progress, to)
    require_no_bad(posts.progress, skip=options["skip_bad"])
    return int(Exit.OK)


def _tables(workspace: "Workspace", source: Reader) -> "Tables":
    from harvester.tables.posts import Tables

    cache = cache_of(workspace.store.name, workspace.settings.cache)
    return Tables(workspace.store, source, cache.folder / "tables")


def _workers(workspace: "Workspace", collection_id: str, form: Form) -> Sequence[str]:
    return shard_ids(workspace, collection_id) if form.planned else ()


@contextmanager
def _without_cycles() -> Iterator[None]:
    """Switch off the search for cycles, a third of the time: posts are freed as they are written."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


_INTERRUPTED = "Stopped; nothing was written. Run it again."


def _network(files: Sequence[RecordFile]) -> str:
    names = sorted({file.network for file in files})
    if len(names) > 1:
        raise HarvesterError(
            f"The collections are of several networks: {', '.join(names)}.",
            hint="Export those of each network on their own.",
            exit_code=Exit.USAGE,
        )
    return names[0]


def _show(now: Progress, show: Show) -> None:
    show(f"File {now.file:,} of {now.files:,}", file=now.file, files=now.files)


def _dry_run(
    form: Form, posts: Posts, files: Sequence[RecordFile], to: str, options: Mapping[str, Any]
) -> int:
    if form.planned:
        number, what = form.planned()(posts, options)
    else:
        number, what = sum(1 for _ in posts.read()), "post"
    stored = sum(file.size for file in files)
    if options["as_json"]:
        print_json(
            {
                "would_write": to,
                f"{what}s": number,
                "duplicates": posts.progress.duplicates,
                "bad": posts.progress.bad,
                "files": len(files),
                "file_bytes": stored,
            }
        )
    else:
        found = f"{counted(number, what)} of {counted(len(files), 'file')} ({size(stored)})"
        announce_dry_run(True, f"write {found} to {to}")
    return int(Exit.OK)


def _tell(form: Form, to: str, written: Written, now: Progress, *, as_json: bool, seconds: float) -> None:
    if as_json:
        print_json(
            {
                "written": to,
                "form": form.name,
                f"{written.what}s": written.number,
                "duplicates": now.duplicates,
                "bad": now.bad,
                "damaged": now.damaged,
                "bytes": written.bytes,
                "sha256": written.sha256,
                "source": "records",
                "seconds": round(seconds, 1),
                **written.figures,
            },
            # Standard output is what was written.
            err=to == STANDARD_OUTPUT,
        )
        return
    less = f", {counted(now.duplicates, 'duplicate')} left out" if now.duplicates else ""
    where = "" if to == STANDARD_OUTPUT else f" to {to}"
    print_line(
        f"{counted(written.number, written.what)} written{where} ({size(written.bytes)}){less}.", err=True
    )
    for note in written.notes:
        advise(note)


def require_no_damage(now: Progress, to: str) -> None:
    """Raise if files are not those that were harvested: an archive must not take them for whole."""
    if not now.damaged:
        return
    shown = [f"{each}." for each in now.damaged[:_SHOWN]]
    if len(now.damaged) > len(shown):
        shown.append(f"and {len(now.damaged) - len(shown):,} more")
    raise HarvesterError(
        f"{counted(len(now.damaged), 'file')} of {to} {'is' if len(now.damaged) == 1 else 'are'} damaged; "
        "its description says so.",
        shown,
        "Run `collection verify`, and export again when they are repaired.",
    )


def require_no_bad(now: Progress, *, skip: bool) -> None:
    """Raise if records could not be read; all others were written."""
    if not now.bad_records:
        return
    shown = [*now.bad[:_SHOWN]]
    if now.bad_records > len(shown):
        shown.append(f"and {now.bad_records - len(shown):,} more")
    if skip:
        for line in shown:
            print_line(line, err=True)
        return
    raise HarvesterError(
        f"{counted(now.bad_records, 'record')} could not be read and left out; the rest was written.",
        shown,
        "`collection verify` says whether files are damaged; with --skip-bad the exit code is 0.",
    )
