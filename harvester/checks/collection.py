"""What can be known of a collection before anything is spent on it, each thing with what to do about it."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from harvester.collection.begun_crawl import for_the_next
from harvester.collection.description import budget
from harvester.collection.kinds import is_crawl
from harvester.documents import Collection, text_in
from harvester.errors import Exit, HarvesterError
from harvester.networks import Client
from harvester.networks.check import Check as Check
from harvester.networks.registry import network_of
from harvester.networks.validation import as_valid, problems
from harvester.settings import Settings
from harvester.text import in_dollars


def of_description(tree: Mapping[str, Any], settings: Settings) -> Iterator[Check]:
    """Makes no request but to find out whether the keys are where the settings say they are."""
    reasons = problems(tree)
    if reasons:
        for reason in reasons:
            yield Check("description", False, reason, "Correct it.")
        return
    collection, network = as_valid(tree), network_of(tree)
    yield Check("description", True, f"a valid {collection['type']}.")
    yield keys_of(collection, settings)
    yield from network.estimates(collection)
    if network.prices:
        yield _budget(collection, settings)
    if not settings.cluster:
        yield from _secrets_of_sinks(collection)
    for words in for_the_next(collection):
        yield Check("next crawl", True, words)


def keys_of(tree: Collection, settings: Settings) -> Check:
    """Whether a harvest finds keys, here or where the cluster runs it."""
    network = network_of(tree)
    own = tree.get("keys") or {}
    try:
        if network.holds_keys(tree):
            detail = "the collection contains them, so everyone who can read it sees them."
            return Check("keys", False, detail, "`collection-config keys --move-to PROFILE` moves them out.")
        if settings.cluster:
            network.require_keys(tree, settings)
            if profile := own.get("profile"):
                return Check("keys", True, f"those of profile {profile}, in the parameter store.")
        keys = network.keys(tree, settings)
    except HarvesterError as error:
        return Check("keys", False, error.message, error.hint)
    return Check("keys", True, keys.whose)


def _secrets_of_sinks(tree: Collection) -> Iterator[Check]:
    """Secrets that are not in this environment; a sink without its secret only logs that."""
    for sink in tree.get("sinks") or ():
        place, _, name = text_in(sink, "secret").partition(":")
        if place == "env" and not os.environ.get(name):
            detail = (
                f"{text_in(sink, 'name') or sink['type']}: {name}, which holds its secret, is not set here."
            )
            yield Check("sink", True, detail, f"Set {name} where the harvest is started.")


def _budget(tree: Collection, settings: Settings) -> Check:
    most = budget(tree, setting=settings.budget_usd)
    if most is None:
        hint = '"budget_usd": 5 in the collection, or the setting, sets one.'
        return Check("budget", True, "none: the cost of a harvest is not limited.", hint)
    page = network_of(tree).least_cost(tree)
    # The setting is of each harvest of a crawl, too.
    whole = "crawl" if is_crawl(tree) and most == tree.get("budget_usd") else "harvest"
    if most < page:
        cost = f"one request may cost {in_dollars(page)}"
        detail = f"{in_dollars(most)} a {whole}, and {cost}: no request would be made."
        return Check("budget", False, detail, "Raise `budget_usd`.")
    return Check("budget", True, f"a {whole} stops before it costs more than {in_dollars(most)}.")


def with_network(
    found: Sequence[Check], tree: Collection, client: Callable[[], Client], *, volume: bool
) -> list[Check]:
    """Checks of the description, and those of the network, which replace less detailed ones."""
    at_network = list(of_network(tree, client, volume=volume))
    better = {each.instead_of for each in at_network}
    return [each for each in found if each.check not in better or not each.detail] + at_network


def of_network(tree: Collection, client: Callable[[], Client], *, volume: bool = False) -> Iterator[Check]:
    """Asks the network: are keys and collection accepted; with `volume`, how many posts that is."""
    made = client()
    try:
        yield from network_of(tree).ask(tree, made)
        if volume:
            yield from network_of(tree).volumes(tree, made)
    except HarvesterError as error:
        yield Check(_refused(error.exit_code, network_of(tree).title), False, error.message, error.hint)
    finally:
        made.close()


def _refused(code: Exit, network: str) -> str:
    """The name of the check that an error is of: the network is to blame only if it does not answer."""
    if code is Exit.RETRY_LATER:
        return "network"
    return f"keys at {network}" if code is Exit.UNAUTHORIZED else f"collection at {network}"
