"""How many posts match a query within an interval, by day, as X counts them."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from harvester.networks.x.client import XClient
from harvester.networks.x.decoding import member, number, objects
from harvester.networks.x.endpoints import COUNTS, COUNTS_ALL
from harvester.networks.x.post_ids import first_id_at
from harvester.networks.x.prices import price

# docs.x.com, "Post counts": a page of the archive.
_PAGE = timedelta(days=31)
_MOMENT = timedelta(milliseconds=1)


def counted(
    client: XClient, query: str, since: datetime, until: datetime, *, archive: bool
) -> Mapping[date, int]:
    """Posts by the UTC day of their publication; both moments belong to the interval."""
    found: Counter[date] = Counter()
    ids = {
        "since_id": str(first_id_at(since) - 1),
        "until_id": str(first_id_at(until + _MOMENT)),
    }
    token: str | None = None
    while True:
        body = client.counts(query, archive=archive, token=token, **ids)
        for bucket in objects(body.get("data")):
            if day := _day(bucket.get("start")):
                # X's older and newer name for it.
                found[day] += sum(number(bucket.get(name)) for name in ("tweet_count", "post_count"))
        following = member(body, "meta", "next_token")
        if not isinstance(following, str) or following == token:
            return +found
        token = following


def count_cost(since: datetime, until: datetime, *, archive: bool) -> float:
    """The dollars of one count."""
    pages = -(-(until - since) // _PAGE) if archive and until > since else 1
    return price((COUNTS_ALL if archive else COUNTS).name, requests=pages)


def _day(start: Any) -> date | None:
    try:
        return date.fromisoformat(str(start)[:10])
    except ValueError:
        return None
