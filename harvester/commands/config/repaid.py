"""Reports what the harvests of a changed collection request, and pay for, again."""

import click

from harvester.documents import Tree
from harvester.networks.registry import network_of


def warn_of_cost(before: Tree, after: Tree) -> None:
    """Report what the next harvest requests, and pays for, again."""
    old, new, prices = before.get("search") or {}, after.get("search") or {}, network_of(after).prices
    # A window of which only a part was read has no since_id yet.
    harvested = old.get("since_id") or old.get("resume")
    if old.get("query") == new.get("query") or not harvested or not prices:
        return
    reach = "everything since 2006" if new.get("archive") else "the last seven days"
    each = f"${prices.price('', posts=1)} a post"
    message = f"A changed query starts from the beginning: the next harvest collects {reach} and costs {each}"
    click.echo(
        f"{message}, including posts already collected. Limit it with max_records or budget_usd.",
        err=True,
    )
