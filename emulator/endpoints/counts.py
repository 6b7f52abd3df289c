"""Post counts by minute, hour or day, and usage of the monthly cap."""

from bisect import bisect_right
from collections import Counter
from itertools import pairwise
from typing import Any

from emulator.api.answers import Answer, Call, json_answer
from emulator.api.page_tokens import Place, fingerprint, token
from emulator.api.parameters import RECENT_SECONDS
from emulator.clock import first_id_at, iso, ms_of_id, parsed_iso
from emulator.endpoints.posts import given_place, matcher, search_span
from emulator.service import Service

DAY = 86_400
SECONDS = {"minute": 60, "hour": 3600, "day": DAY}
# A page of full-archive counts covers 31 days; without a start there are 30.
PAGE_DAYS, DEFAULT_DAYS = 31, 30
CAP = 3_000_000


def counts(service: Service, call: Call) -> Answer:
    query = matcher(service, call, call.params["query"])
    low, high = search_span(service, call)
    bound = fingerprint(call.endpoint, "", call.params)
    start, end = period(service, call)
    place = given_place(service, call, bound)
    if place is not None:
        end = place.last / 1000
    beginning, start = start, max(start, end - PAGE_DAYS * DAY)
    low, high = max(low, first_id_at(start) - 1), min(high, first_id_at(end))
    post_names = "post_count" in call.params.get("search_count.fields", "")
    name, total = ("post_count", "total_post_count") if post_names else ("tweet_count", "total_tweet_count")
    edges = buckets(start, end, SECONDS[call.params.get("granularity", "hour")])
    moments = [ms_of_id(post.id) / 1000 for post in service.world.search(query, low=low, high=high)]
    filled = Counter(bisect_right(edges, moment) - 1 for moment in moments)
    data = [
        {"start": iso(left), "end": iso(right), name: filled[number]}
        for number, (left, right) in enumerate(pairwise(edges))
    ]
    meta: dict[str, Any] = {total: len(moments)}
    if start > beginning and call.endpoint.endswith("all"):
        meta["next_token"] = token(Place(0, 0, int(start * 1000)), bound)
    return json_answer({"data": data, "meta": meta})


def buckets(start: float, end: float, step: int) -> list[float]:
    """Edges of the buckets: whole minutes, hours or days, only the first and the last may be shorter."""
    first = int(start // step) + 1
    last = int(-(-end // step))
    return [start, *(float(number * step) for number in range(first, last)), end]


def period(service: Service, call: Call) -> tuple[float, float]:
    now = service.clock.now()
    end = parsed_iso(call.params["end_time"]) if "end_time" in call.params else now
    if "start_time" in call.params:
        return parsed_iso(call.params["start_time"]), end
    if "since_id" in call.params:
        return ms_of_id(int(call.params["since_id"])) / 1000, end
    span = RECENT_SECONDS if call.endpoint.endswith("recent") else DEFAULT_DAYS * DAY
    return end - span, end


def usage(service: Service, call: Call) -> Answer:
    days = int(call.params.get("days", 7))
    today = iso(service.clock.now())[:10]
    used = {day: len(ids) for day, ids in sorted(service.truth.by_day.items())[-days:]}
    daily = [{"date": f"{day}T00:00:00.000Z", "usage": str(count)} for day, count in used.items()]
    data: dict[str, Any] = {
        "cap_reset_day": 1,
        "project_cap": str(CAP),
        "project_id": "1",
        "project_usage": str(
            sum(len(ids) for day, ids in service.truth.by_day.items() if day[:7] == today[:7])
        ),
        "daily_project_usage": {"project_id": "1", "usage": daily},
        "daily_client_app_usage": [{"client_app_id": "1", "usage": daily, "usage_result_count": len(daily)}],
    }
    return json_answer({"data": data})
