"""Counts are taken day by day, and each page of them is paid for."""

from datetime import UTC, date, datetime

from harvester.clock import Stop
from harvester.networks.x import Keys, XClient
from harvester.networks.x.repair.counting import counted
from tests.support.scripted_x import HandClock, Reply, Request, scripted


def test_pages_of_counts_that_come_again_are_counted_and_paid_once() -> None:
    asked: list[Request] = []

    def script(request: Request) -> Reply:
        asked.append(request)
        day = f"2026-11-0{min(len(asked), 2)}"
        bucket = {"start": f"{day}T00:00:00.000Z", "end": f"{day}T24:00:00.000Z"}
        # Under both of X's names.
        both = {"tweet_count": 5, "post_count": 5}
        return Reply(body={"data": [{**bucket, **both}], "meta": {"next_token": f"t{len(asked)}"}})

    begin, end = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)
    with scripted(script) as server:
        client = XClient(Keys(bearer_token="t"), base_url=server.url, clock=HandClock(), stop=Stop())
        found = counted(client, "x", begin, end, archive=True)
    assert found == {date(2026, 11, 1): 5, date(2026, 11, 2): 5} and len(asked) == 3
