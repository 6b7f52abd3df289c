"""How many posts match a query within an interval, by day, as X counts them."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta

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
    seen: set[str] = set()
    ids = {
        "since_id": str(first_id_at(since) - 1),
        "until_id": str(first_id_at(until + _MOMENT)),
    }
    token: str | None = None
    while True:
        body = client.counts(query, archive=archive, token=token, **ids)
        buckets = {str(bucket.get("start")): bucket for bucket in objects(body.get("data"))}
        for start in buckets.keys() - seen:
            if day := _day(start):
                # X's older and newer name for it; an answer may have both.
                found[day] += max(number(buckets[start].get(name)) for name in ("tweet_count", "post_count"))
        token = member(body, "meta", "next_token")
        # Each page is paid for, also one that comes again.
        if not isinstance(token, str) or buckets.keys() <= seen:
            return +found
        seen |= buckets.keys()


def count_cost(since: datetime, until: datetime, *, archive: bool) -> float:
    """The dollars of one count."""
    pages = -(-(until - since) // _PAGE) if archive and until > since else 1
    return price((COUNTS_ALL if archive else COUNTS).name, requests=pages)


def _day(start: str) -> date | None:
    try:
        return date.fromisoformat(start[:10])
    except ValueError:
        return None
