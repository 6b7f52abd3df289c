"""How many posts match, by minute, hour or day; and how much of the month's cap is used."""

from collections import Counter
from typing import Any

from emulator.answers import Answer, Call, json_answer
from emulator.clock import iso, ms_of_id, parsed_iso
from emulator.endpoints.posts import matcher, search_span
from emulator.parameters import RECENT_SECONDS
from emulator.service import Service

SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}
# A page of full-archive counts covers 31 days.
PAGE_DAYS = 31
CAP = 3_000_000


def counts(service: Service, call: Call) -> Answer:
    query = matcher(service, call, call.params["query"])
    low, high = search_span(service, call)
    step = SECONDS[call.params.get("granularity", "hour")]
    start, end = period(service, call)
    buckets: Counter[int] = Counter()
    for post in service.world.search(query, low=low, high=high):
        moment = ms_of_id(post.id) / 1000
        if start <= moment < end:
            buckets[int((moment - start) // step)] += 1
    post_names = "post_count" in call.params.get("search_count.fields", "")
    name, total = ("post_count", "total_post_count") if post_names else ("tweet_count", "total_tweet_count")
    data = []
    for number in range(int(-(-(end - start) // step))):
        edge = min(end, start + (number + 1) * step)
        data.append({"start": iso(start + number * step), "end": iso(edge), name: buckets[number]})
    return json_answer({"data": data, "meta": {total: sum(buckets.values())}})


def period(service: Service, call: Call) -> tuple[float, float]:
    now = service.clock.now()
    end = parsed_iso(call.params["end_time"]) if "end_time" in call.params else now
    if "start_time" in call.params:
        return parsed_iso(call.params["start_time"]), end
    if "since_id" in call.params:
        return ms_of_id(int(call.params["since_id"])) / 1000, end
    span = RECENT_SECONDS if call.endpoint.endswith("recent") else PAGE_DAYS * 86_400
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
