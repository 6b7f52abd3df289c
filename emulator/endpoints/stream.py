"""The stream endpoints: rules, connecting, and clearing connections."""

from collections.abc import Mapping
from typing import Any

import orjson

from emulator.api.answers import Answer, Call, json_answer
from emulator.api.errors import bad_parameter, invalid_request, no_rules, plain, too_many_connections
from emulator.clock import parsed_iso
from emulator.service import Service
from emulator.streaming.stream import Connection

ENDPOINT = "filtered_stream"
RECOVERY_SECONDS = 24 * 3600
ENDPOINTS = frozenset([ENDPOINT, "sample_stream", "sample10_stream", "firehose_stream"])


def admission(service: Service, call: Call) -> Answer:
    """An empty answer when a connection may be opened, the refusal when not."""
    if call.params.get("backfill_minutes", "0") != "0" and not service.options.recovery:
        message = "The `backfill_minutes` query parameter is not available in your product"
        value = call.params["backfill_minutes"]
        raise bad_parameter(service.problems, "backfill_minutes", value, message)
    if start := call.params.get("start_time"):
        _require_recoverable(service, start)
    if not len(service.rules):
        raise no_rules(service.problems)
    if service.stream.is_full():
        raise too_many_connections(service.problems)
    return Answer()


def _require_recoverable(service: Service, value: str) -> None:
    """Refuse a moment that the plan, or the time that posts are kept for recovery, does not allow."""
    message = ""
    if not service.options.recovery:
        message = "The `start_time` query parameter is not available in your product"
    elif parsed_iso(value) < service.clock.now() - RECOVERY_SECONDS:
        message = f"The `start_time` query parameter value [{value}] must be within the last 24 hours"
    if message:
        raise bad_parameter(service.problems, "start_time", value, message)


def recovered_since(params: Mapping[str, str], *, now: float) -> float | None:
    """The time from which a connection delivers earlier posts; None if it delivers none."""
    if "start_time" in params:
        return parsed_iso(params["start_time"])
    minutes = int(params.get("backfill_minutes", "0"))
    return now - 60 * minutes if minutes else None


def rules(service: Service, call: Call) -> Answer:
    ids = [text for text in call.params.get("ids", "").split(",") if text]
    size = int(call.params.get("max_results", 1000))
    size = service.surprises.rules_page(size) if service.surprises else size
    return json_answer(service.rules.page(ids=ids, size=size, token=call.params.get("pagination_token")))


def rule_counts(service: Service, _call: Call) -> Answer:
    return json_answer(service.rules.counts())


def change_rules(service: Service, call: Call) -> Answer:
    """One body adds or deletes; `dry_run` only says what would happen."""
    dry_run = call.params.get("dry_run", "false").lower() == "true"
    if call.params.get("delete_all", "false").lower() == "true":
        return json_answer(service.rules.delete_all(dry_run=dry_run))
    body = rules_body(service, call)
    if "add" in body:
        status, document = service.rules.add(body["add"], dry_run=dry_run)
        return json_answer(document, status=status)
    return json_answer(service.rules.delete(body["delete"], dry_run=dry_run))


def rules_body(service: Service, call: Call) -> dict[str, Any]:
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError as error:
        message = "The request body is not valid JSON"
        raise invalid_request(service.problems, {"parameters": {}, "message": message}) from error
    wanted = body if isinstance(body, dict) else {}
    is_add = isinstance(wanted.get("add"), list) and all(isinstance(item, dict) for item in wanted["add"])
    is_delete = isinstance(wanted.get("delete"), dict)
    if is_add == is_delete or set(wanted) - {"add", "delete"}:
        message = "The request body must hold either `add`, a list of rules, or `delete`, an object"
        raise invalid_request(service.problems, {"parameters": {}, "message": message})
    return wanted


def connections(service: Service, _call: Call) -> Answer:
    data = [{"id": c.id, "endpoint_name": ENDPOINT} for c in service.stream.open.values()]
    return json_answer({**({"data": data} if data else {}), "meta": {"result_count": len(data)}})


def delete_connections(service: Service, call: Call) -> Answer:
    chosen = chosen_connections(service, call)
    results = [{"uuid": connection.id, "success": True} for connection in chosen]
    service.stream.kill(chosen)
    return json_answer({"data": {"successful_kills": len(chosen), "failed_kills": 0, "results": results}})


def chosen_connections(service: Service, call: Call) -> list[Connection]:
    open_now = list(service.stream.open.values())
    if call.subject:
        if call.subject != "all" and call.subject not in ENDPOINTS:
            message = f"The `endpoint_id` query parameter value [{call.subject}] is not one of [{ENDPOINT}]"
            raise bad_parameter(service.problems, "endpoint_id", call.subject, message)
        return open_now if call.subject in ("all", ENDPOINT) else []
    try:
        wanted = orjson.loads(call.body)["uuids"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise plain(400, "Invalid Request", detail="uuids is required", outcome="bad-param") from error
    return [connection for connection in open_now if connection.id in wanted]
