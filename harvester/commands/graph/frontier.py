"""`graph frontier`: prints the users of a depth of a crawl, or writes them to a file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from harvester.commands.cli.output import json_option, print_json, print_line
from harvester.commands.cli.workspace import Workspace, collection_id_argument, in_workspace
from harvester.commands.graph.place import crawl_of
from harvester.errors import Exit, HarvesterError
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
    metavar="FILE|-",
    help="File to write, packed if its name ends in .gz.  [default: standard output]",
)
@click.option("--replace", is_flag=True, help="Overwrite an existing file.")
@json_option
@in_workspace
def frontier(
    collection_id: str,
    depth: int | None,
    output: Path | None,
    replace: bool,
    as_json: bool,
    workspace: Workspace,
) -> None:
    from harvester.exports.output import STANDARD_OUTPUT, require_free
    from harvester.graph.close import stored_ids
    from harvester.graph.intact import require_intact

    if str(output) == STANDARD_OUTPUT:
        output = None
    if output:
        require_free(str(output), replace=replace)
        _require_folder(output)
    crawl = crawl_of(workspace, collection_id)
    depths = crawl.depths()
    chosen = _chosen(collection_id, depths, depth)
    require_intact(crawl, [each for each in depths if each >= chosen])
    ids = stored_ids(workspace.store, crawl.here.depth(chosen))
    if output:
        number = _write(output, ids)
        if as_json:
            about = {"crawl": crawl.started, "depth": chosen, "users": number}
            print_json({"id": collection_id, **about, "file": str(output)})
        else:
            users = f"{counted(number, 'user')} of depth {chosen} of the crawl of {crawl.started[:19]}"
            print_line(f"Wrote {users} to {output}.")
    elif as_json:
        print_json({"id": collection_id, "depth": chosen, "users": [each.decode() for each in ids]})
    else:
        for each in ids:
            click.echo(each)


def _chosen(collection_id: str, depths: Sequence[int], depth: int | None) -> int:
    """The depth, or the last one; raises if the crawl does not have it."""
    if not depths or (depth is not None and depth not in depths):
        raise HarvesterError(
            f"The crawl of {collection_id} has no depth {depth or 0} yet.",
            hint=f"`graph status {collection_id}` shows those that it has.",
            exit_code=Exit.USAGE,
        )
    return depths[-1] if depth is None else depth


def _write(path: Path, ids: Iterator[bytes]) -> int:
    """Write the ids; how many there are."""
    from harvester.exports.output import output

    number = 0
    with output(str(path)) as file:
        for number, each in enumerate(ids, 1):  # noqa: B007
            file.write(each + b"\n")
    return number


def _require_folder(path: Path) -> None:
    """Raise if there is no folder to write to: a slip of the pen would make one."""
    if not path.parent.is_dir():
        raise HarvesterError(
            f"There is no folder {path.parent}.", hint="Make it, or change -o.", exit_code=Exit.USAGE
        )
