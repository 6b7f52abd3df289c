"""`graph frontier`."""

import gzip
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

import click

from harvester.commands.cli.output import json_option, print_json, print_line
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.commands.graph.place import crawl_of
from harvester.errors import Exit, HarvesterError
from harvester.errors.files import in_words
from harvester.text import counted


@click.command(
    "frontier",
    help="Print the ids of a depth of the crawl of COLLECTION_ID.\n\n"
    "`collection-config userid-files` and other crawls take the file as it is.",
)
@collection_id_argument
@click.option("--depth", type=click.IntRange(min=0), help="Depth to be printed.  [default: the last one]")
@click.option(
    "-o",
    "--output",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write to; packed if its name ends in .gz.",
)
@json_option
@in_workspace
def frontier(
    collection_id: str, depth: int | None, output: Path | None, as_json: bool, workspace: Workspace
) -> None:
    from harvester.graph.close import stored_ids
    from harvester.graph.intact import require_intact

    crawl = crawl_of(workspace, collection_id)
    depths = crawl.depths()
    if not depths or (depth is not None and depth not in depths):
        raise HarvesterError(
            f"The crawl of {collection_id} has no depth {depth or 0} yet.",
            hint=f"`graph status {collection_id}` shows those that it has.",
            exit_code=Exit.USAGE,
        )
    chosen = depths[-1] if depth is None else depth
    require_intact(crawl, [each for each in depths if each >= chosen])
    ids = stored_ids(workspace.store, crawl.here.depth(chosen))
    if output:
        number = _write(output, ids)
        if as_json:
            print_json({"id": collection_id, "depth": chosen, "users": number, "file": str(output)})
        else:
            print_line(f"Wrote {counted(number, 'user')} of depth {chosen} to {output}.")
    elif as_json:
        print_json({"id": collection_id, "depth": chosen, "users": [each.decode() for each in ids]})
    else:
        for each in ids:
            click.echo(each)


def _write(path: Path, ids: Iterator[bytes]) -> int:
    """Write the ids; how many there are."""
    from harvester.store.disk import whole

    number = 0
    try:
        with whole(path) as partial, partial.open("wb") as plain, ExitStack() as stack:
            file: IO[bytes] = plain
            if path.suffix == ".gz":
                packed = gzip.GzipFile(filename="", mode="wb", fileobj=plain, mtime=0)
                file = cast("IO[bytes]", stack.enter_context(packed))
            for number, each in enumerate(ids, 1):  # noqa: B007
                file.write(each + b"\n")
    except OSError as error:
        raise in_words(error, path, exit_code=Exit.USAGE) from error
    return number
