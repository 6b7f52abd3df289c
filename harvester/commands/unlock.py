"""`unlock`: removes the lock of a collection, even that of a running harvest."""

from typing import TYPE_CHECKING

import click

from harvester.store.keys import CollectionKeys

if TYPE_CHECKING:
    from harvester.store import Store


def unlock(store: "Store", collection_id: str) -> None:
    """Remove the lock and say whose it was; raise if the collection does not exist."""
    from harvester.collection import history
    from harvester.errors import NotFound
    from harvester.harvest.lock_content import content

    keys = CollectionKeys(collection_id)
    history.read(store, keys)
    try:
        held = store.read(keys.lock)
    except NotFound:
        click.echo(f"{collection_id} was not locked.")
        return
    store.remove(keys.lock, version=held.version)
    owner = content(held).get("owner", "an unknown owner")
    click.echo(f"Unlocked. The lock was held by {owner}; if that harvest still runs, it will stop.")
