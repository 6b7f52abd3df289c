"""The commands of the person at a terminal."""

from pathlib import Path

import click
import orjson

from harvester import __version__, history
from harvester.changeset import Tree
from harvester.collection import problems
from harvester.commands import Group, log_to_stderr
from harvester.errors import Exit, HarvesterError
from harvester.layout import ROOT, CollectionKeys
from harvester.store import Store
from harvester.store.folder import FolderStore


@click.group(cls=Group, help="Describe collections of social-media posts, and have them collected.")
@click.option("--debug", is_flag=True, help="Log at level DEBUG.")
@click.version_option(__version__, "-V", "--version", message="Version %(version)s")
def operator(debug: bool) -> None:
    log_to_stderr(debug=debug)


@operator.group(cls=Group, help="The collections of a bucket, or of a folder.")
def collection() -> None:
    pass


@collection.command("add", help="Add the collection that collection.json describes.")
@click.option("--bucket", help="The bucket; without one a folder is used.")
@click.option(
    "--collections-path", default="collections", show_default=True, help="The folder of the collections."
)
@click.option("--collection-config-filepath", default="collection.json", show_default=True)
def add(bucket: str | None, collections_path: str, collection_config_filepath: str) -> None:
    tree = _described(Path(collection_config_filepath))
    history.add(_store(bucket, collections_path), CollectionKeys(tree["id"]), tree)
    click.echo("Collection added.")


@collection.command("list", help="List the collections.")
@click.option("--bucket", help="The bucket; without one a folder is used.")
@click.option(
    "--collections-path", default="collections", show_default=True, help="The folder of the collections."
)
def list_collections(bucket: str | None, collections_path: str) -> None:
    click.echo("Collections:")
    for collection_id in _store(bucket, collections_path).folders(ROOT):
        click.echo(collection_id)


def _store(bucket: str | None, collections_path: str) -> Store:
    if not bucket:
        return FolderStore(Path(collections_path))
    from harvester.store.s3 import S3Store

    return S3Store(bucket)


def _described(path: Path) -> Tree:
    try:
        tree = orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise HarvesterError(f"There is no {path}.", hint="Write one first.", exit_code=Exit.USAGE) from error
    except orjson.JSONDecodeError as error:
        raise HarvesterError(f"{path} is not JSON: {error}.", exit_code=Exit.USAGE) from error
    reasons = problems(tree)
    if reasons:
        raise HarvesterError("Collection configuration is invalid.", reasons)
    return dict(tree)
