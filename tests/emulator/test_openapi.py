"""The emulator's answers have the shapes of X's own OpenAPI document, which knows post names only."""

import json
from pathlib import Path
from typing import Any

import pytest

import emulator
from tests.support.raw_client import Listener, add_rules, ask

jsonschema = pytest.importorskip("jsonschema")
DOCUMENT = Path(__file__).resolve().parents[3] / "shared" / "data" / "x-openapi.json"
pytestmark = pytest.mark.skipif(not DOCUMENT.is_file(), reason="../shared/data/x-openapi.json is not here")

RULES = "/2/tweets/search/stream/rules"


@pytest.fixture(scope="module")
def document():
    return json.loads(DOCUMENT.read_text())


@pytest.fixture(scope="module")
def world(document):
    with emulator.running(users=30, posts_per_user=60, problem_host="api.x.com", limits=False) as running:
        running.control.user(running.control.users()[5]["id"], state="suspended")
        running.control.user(running.control.users()[6]["id"], state="protected")
        yield running


def enum(document, name):
    return ",".join(document["components"]["parameters"][name]["schema"]["items"]["enum"])


def post_params(document):
    kinds = {"post": "Post", "user": "User", "media": "Media", "poll": "Poll", "place": "Place"}
    fields = {f"{kind}.fields": enum(document, f"{name}FieldsParameter") for kind, name in kinds.items()}
    return {**fields, "expansions": enum(document, "PostExpansionsParameter")}


def strict(schema, components, seen=()):
    """The schema with references resolved, `nullable` translated, and nothing it does not declare."""
    if isinstance(schema, list):
        return [strict(item, components, seen) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return {} if name in seen else strict(components[name], components, (*seen, name))
    made = {
        key: strict(value, components, seen)
        for key, value in schema.items()
        if key not in ("nullable", "example")
    }
    if "discriminator" in made:
        del made["discriminator"]
    if schema.get("type") == "object" and schema.get("properties"):
        made["additionalProperties"] = False
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") else made


def check(document, path, reply, method="get", status="200"):
    responses = document["paths"][path][method]["responses"]
    schema = responses[status]["content"]["application/json"]["schema"]
    answer = reply if isinstance(reply, dict) else reply.json
    jsonschema.Draft4Validator(strict(schema, document["components"]["schemas"])).validate(answer)


def test_timelines_searches_and_lookups_of_posts(document, world):
    params = post_params(document)
    user = world.control.users()[0]["id"]
    newest = ",".join(world.control.timeline(user)[:50])
    for path, asked, more in (
        ("/2/users/{id}/tweets", f"/2/users/{user}/tweets", {"max_results": 60}),
        ("/2/users/{id}/mentions", f"/2/users/{user}/mentions", {"max_results": 60}),
        (
            "/2/tweets/search/recent",
            "/2/tweets/search/recent",
            {"query": "the OR library", "max_results": 100},
        ),
        ("/2/tweets/search/all", "/2/tweets/search/all", {"query": "the OR library", "max_results": 500}),
        ("/2/tweets", "/2/tweets", {"ids": newest}),
    ):
        reply = ask(world.url, asked, {**params, **more})
        assert reply.json["data"] and reply.json["includes"]["users"]
        check(document, path, reply)


def test_accounts_and_followers(document, world):
    users = world.control.users()
    fields = {"user.fields": enum(document, "UserFieldsParameter"), "post.fields": "id"}
    ids = ",".join([*(user["id"] for user in users), "404"])
    for path, asked, more in (
        ("/2/users", "/2/users", {"ids": ids}),
        ("/2/users/by", "/2/users/by", {"usernames": f"{users[0]['username']},nobody"}),
        ("/2/users/{id}", f"/2/users/{users[1]['id']}", {}),
        ("/2/users/{id}", "/2/users/404", {}),
        ("/2/users/by/username/{username}", f"/2/users/by/username/{users[1]['username']}", {}),
        ("/2/users/{id}/followers", f"/2/users/{users[1]['id']}/followers", {"max_results": 2}),
        ("/2/users/{id}/following", f"/2/users/{users[1]['id']}/following", {}),
    ):
        check(document, path, ask(world.url, asked, {**fields, **more}))


@pytest.mark.parametrize("number", [5, 6])
def test_timelines_that_cannot_be_read(document, world, number):
    reply = ask(world.url, f"/2/users/{world.control.users()[number]['id']}/tweets")
    errors = document["components"]["schemas"]["GetUsersPostsResponse"]["properties"]["errors"]
    loose = {"type": "array", "items": {"required": ["type", "title", "detail"]}}
    jsonschema.Draft4Validator(loose).validate(reply.json["errors"])
    assert errors["items"]["$ref"].endswith("Problem")


def test_problems_beside_data_or_instead_of_it(document, world):
    """Each has the members that the schema of its type requires, of their types."""
    users = [user["id"] for user in world.control.users()]
    components = document["components"]["schemas"]
    types = components["Problem"]["discriminator"]["mapping"]
    post = world.control.timeline(users[6])[0]
    asked = (
        *(("/2/users", {"ids": f"{users[5]},{users[0]},404"}), ("/2/users/404", {})),
        *((f"/2/users/{user}/{what}", {}) for user in users[5:7] for what in ("tweets", "followers")),
        *(("/2/users/by/username/nobody", {}), ("/2/tweets", {"ids": f"5,{post}"})),
        ("/2/tweets/search/recent", {"query": "(("}),
    )
    found: list[dict[str, Any]] = []
    for path, params in asked:
        reply = ask(world.url, path, params).json
        found += [reply] if "type" in reply else reply["errors"]
    assert len(found) == len(asked) + 2
    for problem in found:
        schema = components[types[problem["type"]].rsplit("/", 1)[1]]
        jsonschema.Draft4Validator(schema).validate(problem)


def test_records_of_a_stream_and_its_connection(document, world):
    ids = [rule["id"] for rule in add_rules(world.url, "heron").json["data"]]
    fields = {name: value for name, value in post_params(document).items() if name != "expansions"}
    with Listener(world.url, {**fields, "expansions": "author_id"}) as listener:
        connections = ask(world.url, "/2/connections")
        world.control.publish(world.control.users()[0]["id"], text="a heron")
        record = listener.record()
    ask(world.url, RULES, method="POST", body={"delete": {"ids": ids}})
    check(document, "/2/connections", connections)
    assert record["matching_rules"] and record["includes"]["users"]
    check(document, "/2/tweets/search/stream", record)


def test_counts_and_usage(document, world):
    fields = {"search_count.fields": "start,end,post_count"}
    for path in ("/2/tweets/counts/recent", "/2/tweets/counts/all"):
        check(document, path, ask(world.url, path, {"query": "library", **fields}))
    check(document, "/2/usage/tweets", ask(world.url, "/2/usage/tweets"))


def test_rules_counts_and_connections(document, world):
    body = {"add": [{"value": "cat", "tag": "t"}, {"value": "dog"}]}
    added = ask(world.url, RULES, method="POST", body=body)
    listed = ask(world.url, RULES)
    counted = ask(world.url, f"{RULES}/counts")
    ids = [rule["id"] for rule in listed.json["data"]]
    deleted = ask(world.url, RULES, method="POST", body={"delete": {"ids": ids}})
    killed = ask(world.url, "/2/connections/all", method="DELETE")
    for reply in (added, listed, deleted):
        del reply.json["meta"]["sent"]
    check(document, RULES, added, "post")
    check(document, RULES, deleted, "post")
    check(document, "/2/connections/all", killed, "delete")
    schemas = document["components"]["schemas"]
    rule = jsonschema.Draft4Validator(strict(schemas["GetRulesResponseData"], schemas))
    counts = jsonschema.Draft4Validator(strict(schemas["GetRuleCountsResponseData"], schemas))
    for shown in listed.json["data"]:
        rule.validate(shown)
    counts.validate(counted.json["data"])


def test_the_parameters_the_document_allows_are_accepted(document, world):
    """Every value of every listed parameter, so that no client that follows the document is refused."""
    user = world.control.users()[0]["id"]
    for name, value in post_params(document).items():
        assert ask(world.url, f"/2/users/{user}/tweets", {name: value}).status == 200, name
    stream = document["paths"]["/2/tweets/search/stream"]["get"]["parameters"]
    for parameter in stream:
        values = parameter["schema"].get("items", {}).get("enum")
        if values:
            query = {parameter["name"]: ",".join(values)}
            assert ask(world.url, f"/2/users/{user}/tweets", query).status == 200, parameter["name"]
