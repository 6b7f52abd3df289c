"""Of a thousand rules the emulator knows what they match: locally the same is found, and nothing is missed.

The emulator looks for words in texts only, and for hashtags in the post itself. Where more is found, a word
stands in an address or the author's name, or a hashtag in the post that is quoted.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from emulator.language import Facts, Matcher, facts_of, parsed
from emulator.language.facts import padded
from emulator.options import Options
from emulator.service import Service, service_of
from emulator.views.fields import all_fields
from harvester.documents import Tree
from harvester.networks.x.matching.attribution import Attribution
from harvester.networks.x.network import X
from harvester.networks.x.rules.collection_rules import CollectionRule, collection_rules
from harvester.networks.x.rules.translation import terms
from tests.support.harvest_stage import staged, until

_PREFIX = "twarc-cloud:c:"
_STEMS = ("river", "storm", "flood", "archive", "library", "museum", "letter", "harbour", "bridge", "signal")
_ENDS = ("", "s", "ing", "land", "side", "work", "line", "fall", "gate", "house")
_PLAIN = [stem + end for stem in _STEMS for end in _ENDS]
# Parts of each other, with marks, with joiners, and pictures.
_WORDS = [*_PLAIN, "café", "naïve", "straße", "🎂", "🌊", "don't", "e-mail"]


@lru_cache(maxsize=1)
def _service() -> Service:
    return service_of(Options(users=300, posts_per_user=0, search_posts=0, limits=False, rule_cap=5_000))


def _account(draw: random.Random) -> tuple[str, str]:
    accounts = _service().world.grids[0].accounts
    number = draw.randrange(accounts.count)
    return str(accounts.id(number)), accounts.username(number)


def _rules(draw: random.Random) -> list[CollectionRule]:
    """1,000 rules of four types, none of them twice."""
    found: dict[tuple[str, str], Tree] = {}
    while len(found) < 1_000:
        kind = draw.choices(("keyword", "hashtag", "username", "userid", "geo"), (45, 25, 10, 10, 10))[0]
        value = {
            "keyword": lambda: _wanted(draw),
            "hashtag": lambda: " ".join(f"#{draw.choice(_PLAIN)}" for _ in range(draw.choice((1, 1, 2)))),
            "username": lambda: _account(draw)[1],
            "userid": lambda: _account(draw)[0],
            "geo": lambda: ",".join(map(str, _box(draw))),
        }[kind]()
        found.setdefault((kind, value), {"id": f"r{len(found)}", "type": kind, "value": value})
    problems: list[str] = []
    rules = collection_rules({"rules": list(found.values())}, problems)
    assert (len(rules), problems) == (1_000, [])
    return rules


def _wanted(draw: random.Random) -> str:
    words = [draw.choice(_WORDS) for _ in range(draw.choice((1, 1, 2, 3)))]
    if len(words) > 1 and draw.random() < 0.4:
        return f'"{" ".join(words)}"'
    return " ".join(words)


def _box(draw: random.Random) -> tuple[float, float, float, float]:
    west, south = round(draw.uniform(-123, -121), 2), round(draw.uniform(36, 38), 2)
    return west, south, round(west + draw.uniform(0.1, 0.4), 2), round(south + draw.uniform(0.1, 0.3), 2)


def _text(draw: random.Random) -> str:
    tags = [f"#{draw.choice(_PLAIN)}" for _ in range(draw.randrange(3))]
    return " ".join([*(draw.choice(_WORDS) for _ in range(draw.randrange(2, 9))), *tags])


def _people_and_posts(draw: random.Random) -> None:
    """What the emulator is to know of those that posts refer to."""
    world = _service().world
    accounts = world.grids[0].accounts
    for number in range(accounts.count):
        world.things.users[str(accounts.id(number))] = accounts.profile(number)
    for number in range(40):
        post = world.publish(author=int(_account(draw)[0]), text=_text(draw))
        world.things.tweets[str(post.id)] = dict(post.data)
        place = {"id": f"p{number}", "full_name": "p", "geo": {"bbox": list(_box(draw))}}
        world.things.places[f"p{number}"] = place


def _posts(draw: random.Random, count: int) -> Iterator[Tree]:
    """Records as the stream sends them, without the rules that matched."""
    things = _service().world.things
    _people_and_posts(draw)
    view = all_fields()
    for _ in range(count):
        links = [f"https://example.org/{draw.choice(_PLAIN)}"] * (draw.random() < 0.2)
        text = " ".join([_text(draw), *links, f"@{_account(draw)[1]}"])
        more: dict[str, Any] = {}
        if draw.random() < 0.3:
            more["in_reply_to_user_id"] = _account(draw)[0]
        if draw.random() < 0.25:
            point = [round(draw.uniform(-123, -121), 3), round(draw.uniform(36, 38), 3)]
            more["geo"] = {"coordinates": {"type": "Point", "coordinates": point}}
        elif draw.random() < 0.2:
            more["geo"] = {"place_id": draw.choice(list(things.places))}
        if draw.random() < 0.3:
            how, original = draw.choice(("retweeted", "quoted")), draw.choice(list(things.tweets.values()))
            more["referenced_tweets"] = [{"type": how, "id": original["id"]}]
            text = f"RT @x: {original['text']}" if how == "retweeted" else text
        post = _service().world.publish(author=int(_account(draw)[0]), text=text, fields=more)
        yield orjson.loads(_service().stream.line(post, view, ()))


def _truth(record: Tree, matchers: dict[str, list[Matcher]]) -> list[str]:
    post = _service().world.stored[int(record["data"]["id"])]
    return [rule_id for rule_id, ways in matchers.items() if any(matches(post) for matches in ways)]


def _matchers(rules: Sequence[CollectionRule]) -> dict[str, list[Matcher]]:
    named = _service().world.named
    return {
        rule.id: [Matcher(parsed(term), deep=True, named=named) for term in terms(rule)] for rule in rules
    }


def test_every_record_has_the_rules_that_the_emulator_says_it_matched() -> None:
    draw = random.Random(2026)
    rules = _rules(draw)
    matchers = _matchers(rules)
    alone = {f"{_PREFIX}{rule.id}": [rule.id] for rule in rules}
    packs = {f"{_PREFIX}pack-{n}": [r.id for r in rules[n * 30 : n * 30 + 30]] for n in range(34)}
    one, many = Attribution(rules, alone), Attribution(rules, packs)
    values = {rule.id: rule for rule in rules}
    kinds, matches, beyond = set(), 0, 0
    for record in _posts(draw, 150):
        truth = _truth(record, matchers)
        record["matching_rules"] = [{"tag": f"{_PREFIX}{rule_id}"} for rule_id in truth]
        assert [(m.rule.id, m.by) for m in one.of(record)] == [(rule_id, "network") for rule_id in truth]

        record["matching_rules"] = [{"tag": tag} for tag, ids in packs.items() if set(ids) & set(truth)]
        found = {match.rule.id for match in many.of(record)}
        assert found >= set(truth)
        assert [values[each] for each in found - set(truth) if not _is_elsewhere(record, values[each])] == []
        kinds |= {values[rule_id].type for rule_id in truth}
        matches, beyond = matches + len(truth), beyond + len(found) - len(truth)
    assert kinds == {"keyword", "hashtag", "username", "userid", "geo"}
    assert beyond < matches / 20


def _is_elsewhere(record: Tree, rule: CollectionRule) -> bool:
    """Whether its words are all there, in places where the emulator does not look."""
    (author,) = [u for u in record["includes"]["users"] if u["id"] == record["data"]["author_id"]]
    posts = [record["data"], *record["includes"].get("tweets", ())]
    if rule.type == "hashtag":
        tags = {
            f"#{tag['tag']}".lower() for post in posts[1:] for tag in post["entities"].get("hashtags", ())
        }
        return bool(tags & set(rule.value.split()))
    urls = [url["expanded_url"] for post in posts for url in post.get("entities", {}).get("urls", ())]
    seen = padded(" ".join([*(post["text"] for post in posts), *urls, author["username"]]))
    words = rule.value.replace('"', "").split()
    return rule.type == "keyword" and all(padded(word) in seen for word in words)


@dataclass(frozen=True)
class _Stored:
    """A stored record as the emulator's queries see it."""

    record: Tree
    verified: bool = False

    @property
    def id(self) -> int:
        return int(self.record["data"]["id"])

    @property
    def author(self) -> int:
        return int(self.record["data"]["author_id"])

    @property
    def facts(self) -> Facts:
        return facts_of(self.record["data"])


@pytest.mark.system
@pytest.mark.parametrize(("cap", "is_packed"), [(1_100, False), (500, True)])
def test_a_harvest_of_a_thousand_rules_names_those_that_matched(
    tmp_path: Path, *, cap: int, is_packed: bool
) -> None:
    draw = random.Random(7)
    rules = _rules(draw)
    given = [{"id": rule.id, "type": rule.type, "value": rule.value} for rule in rules]
    tree: Tree = {"id": "c", "type": "filter", "filter": {"rules": given}}
    with staged(tmp_path, users=300, posts_per_user=0, limits=False, rule_cap=cap, vary=None) as stage:
        stage.add("c", type="filter", filter=tree["filter"])
        with stage.harvesting("c") as going:
            until(stage.connected)
            for _ in range(30):
                point = {"coordinates": {"type": "Point", "coordinates": [draw.uniform(-123, -121), 37]}}
                stage.control.publish(_account(draw)[0], text=_text(draw), geo=point)
            sent = len(stage.control.stream()["ids"])
            until(lambda: going.summary()["tweets"] == sent)
        lines, events = going.end.lines, going.end.events
        told = {each["id"]: [rule["id"] for rule in each["rules"]] for _, each in going.end.matches}
    made = X().attribution([tree], events)
    matchers, types = _matchers(rules), {rule.id: rule.type for rule in rules}
    by, kinds = set(), set()
    for record in lines:
        found = made.of(record)
        truth = [
            rule_id for rule_id, ways in matchers.items() if any(matches(_Stored(record)) for matches in ways)
        ]
        assert [match.rule.id for match in found] == truth
        assert told.get(record["data"]["id"], []) == (truth if is_packed else [])
        by |= {match.by for match in found}
        kinds |= {types[rule_id] for rule_id in truth}
    assert by == ({"network", "local"} if is_packed else {"network"})
    assert kinds >= {"keyword", "hashtag", "geo"}
