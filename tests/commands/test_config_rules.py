"""`collection-config rules`, `add-rules` and `remove-rules`: the rules of a stream on the desk."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvester.errors import Exit
from tests.support.cli_session import Person, at_a_terminal

_ADD, _REMOVE = ("collection-config", "add-rules"), ("collection-config", "remove-rules")


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with at_a_terminal(tmp_path, monkeypatch, users=1, posts_per_user=1) as (person, _):
        yield person


def test_rules_are_added_to_a_template_listed_and_removed(person: Person) -> None:
    person.output("collection-config", "template", "filter", "--id", "moods")

    told = person(*_ADD, "--type", "keyword", "--tag", "mood", "happy", "sad song", "happy")

    assert (told.code, told.out) == (Exit.OK, "Added 2 rules to collection.json.\n")
    assert "1 already in the file: happy." in told.err
    # What the template left to be filled in is no longer needed.
    assert person.file["filter"] == {
        "rules": [{"type": "keyword", "tag": "mood", "value": value} for value in ("happy", "sad song")]
    }
    person.output(*_ADD, "--id", "7", "--inactive", "cat lang:en")
    rows = json.loads(person.output("collection-config", "rules", "--json"))
    assert rows[2] == {
        "id": "7",
        "type": "native",
        "status": "inactive",
        "tag": "",
        "value": "cat lang:en",
        "metadata": {},
    }
    assert "sad song" in person.output("collection-config", "rules")
    person.output("collection", "add")

    told = person(*_REMOVE, "7", rows[0]["id"], "8")

    assert told.code == Exit.PARTIAL
    assert told.out == "Removed 2 rules from collection.json.\nFollowing rules are not in it:\n8\n"
    assert "`collection-config update` stores the change." in told.err
    assert [rule["value"] for rule in person.file["filter"]["rules"]] == ["sad song"]
    stored = json.loads(person.output("collection-config", "rules", "moods", "--json"))
    assert [row["id"] for row in stored] == [row["id"] for row in rows]


def test_what_is_no_rule_is_named_and_the_others_are_added(person: Person) -> None:
    person.write({"id": "s", "type": "filter", "filter": {"track": "x"}})

    told = person(*_ADD, "--type", "userid", "12", "ishouldbeint")

    assert told.code == Exit.PARTIAL
    assert told.out == (
        "Added 1 rule to collection.json.\nFollowing values are unusable:\n"
        "ishouldbeint: 'ishouldbeint' is not a user id, which is a number.\n"
    )


def test_rules_are_switched_off_and_on_by_id_and_tag(person: Person) -> None:
    rules = [
        {"id": str(number), "value": f"word{number}", "tag": "t" if number else "u"} for number in range(3)
    ]
    person.write({"id": "s", "type": "filter", "filter": {"rules": rules, "track": "happy"}})
    person.output("collection", "add")

    told = person("collection-config", "disable-rules", "0", "9", "--tag", "t")

    assert (told.code, told.out) == (
        Exit.PARTIAL,
        "Made 3 rules of collection.json inactive.\nFollowing rules are not in it:\n9\n",
    )
    assert "`collection-config update` stores the change." in told.err
    changes = person.output("collection-config", "update", "--dry-run")
    assert changes.count("inactive") == 3
    dry = person.output("collection-config", "enable-rules", "0", "--dry-run")
    assert dry == "Would make 1 rule of collection.json active. Nothing was changed.\n"
    again = person("collection-config", "enable-rules", "0", "--tag", "u")
    assert (again.code, again.out) == (0, "Made 1 rule of collection.json active.\n")
    assert "1 rule already inactive." in person("collection-config", "disable-rules", "1").err
    assert [rule["status"] for rule in person.file["filter"]["rules"]] == ["active", "inactive", "inactive"]
    assert person("collection-config", "enable-rules").code == Exit.USAGE


def test_many_rules_are_removed_only_when_that_is_confirmed(person: Person) -> None:
    rules = [{"id": f"r{number}", "value": f"word{number}"} for number in range(60)]
    person.write({"id": "s", "type": "filter", "filter": {"rules": rules}})
    person.output("collection", "add")
    ids = [str(rule["id"]) for rule in rules[:50]]

    asked = person(*_REMOVE, *ids)

    assert "Remove 50 rules from collection.json?" in asked.words
    assert (asked.code, len(person.file["filter"]["rules"])) == (Exit.USAGE, 60)
    assert person.output(*_REMOVE, *ids, "--yes") == "Removed 50 rules from collection.json.\n"
    stored = person("collection-config", "update")
    assert (stored.code, "50 rules removed." in stored.words) == (Exit.USAGE, True)
    assert person("collection-config", "update", "--yes").code == Exit.OK
    assert person(*_REMOVE, "r55").code == Exit.OK


def test_a_box_may_begin_with_a_minus(person: Person) -> None:
    person.write({"id": "s", "type": "filter", "filter": {"track": "x"}})

    person.output(*_ADD, "--type", "geo", "--", "-0.5,51.3,0.3,51.7")
    person.output(*_ADD, "-1.5,51.3,0.3,51.7", "--type", "geo", "2,3,4,5", "-.5,-2,0.3,51.7")

    boxes = ("-0.5,51.3,0.3,51.7", "-1.5,51.3,0.3,51.7", "2,3,4,5", "-.5,-2,0.3,51.7")
    assert person.file["filter"]["rules"] == [{"type": "geo", "value": box} for box in boxes]
    assert "No such option" in person(*_ADD, "--tga", "x").err


def test_one_id_is_not_for_two_rules_and_only_streams_have_rules(person: Person) -> None:
    person.write({"id": "s", "type": "filter", "filter": {"track": "x"}})
    assert person(*_ADD, "--id", "7", "a", "b").code == Exit.USAGE

    person.write({"id": "s", "type": "search", "search": {"query": "x"}})
    told = person(*_ADD, "a")
    assert told.code == Exit.ERROR and "Collection is not a filter." in told.err


def test_rules_that_are_wrong_are_not_listed_but_told(person: Person) -> None:
    person.write({"id": "s", "type": "filter", "filter": {"rules": [{"value": "x", "tga": "y"}]}})

    told = person("collection-config", "rules")

    assert told.code == Exit.ERROR and "rules[0] has an unknown key tga. Did you mean tag?" in told.err


_CHECK = ("collection-config", "check")


def test_all_that_x_refuses_is_told_with_the_id_of_its_rule(person: Person) -> None:
    two = [{"id": "7", "value": "cat ("}, {"id": "8", "value": "nosuch:x"}]
    person.write({"id": "s", "type": "filter", "filter": {"track": "happy", "rules": two}})

    offline, live = person(*_CHECK), person(*_CHECK, "--live")

    # What is wrong for sure is told without a request, and then there is none.
    assert offline.code == live.code == Exit.ERROR and offline.out == live.out
    assert "BAD rules: Rule 7 has a bracket that is not closed (cat ()." in offline.out
    person.write({"id": "s", "type": "filter", "filter": {"track": "happy", "rules": two[1:]}})
    told = person(*_CHECK, "--live")
    assert told.code == Exit.ERROR and "BAD rules at X: Rule 8: " in told.out


def test_check_has_one_number_of_live_rules_and_with_live_it_is_that_of_the_app(person: Person) -> None:
    rules = [{"type": "keyword", "value": f"word{n} other{n}"} for n in range(2000)]
    person.write({"id": "s", "type": "filter", "filter": {"rules": rules}})
    told = person.output(*_CHECK, "--live")
    lines = [line for line in told.splitlines() if "live rules" in line]
    assert len(lines) == 1 and lines[0].startswith("ok  rules at X: accepted: 2,000 rules in "), told


def test_rules_and_live_rules_are_counted_and_too_many_are_told(person: Person) -> None:
    # A sample is of a whole rule, so these cannot be packed.
    rules = [{"value": f"sample:1 word{n}"} for n in range(1001)]
    person.write({"id": "s", "type": "filter", "filter": {"rules": rules[:2]}})
    assert "ok  rules: 2 rules in 2 live rules: sample:1 word0" in person.output(*_CHECK)

    person.write({"id": "s", "type": "filter", "filter": {"rules": rules}})
    told = person(*_CHECK).out
    assert "characters, and the keys allow 1000 (native: 1,001 rules). Remove rules, or split" in told


def test_posts_of_a_rule_are_counted_after_the_price_is_agreed_to(person: Person) -> None:
    person.write({"id": "s", "type": "filter", "filter": {"track": "happy", "follow": "12"}})
    assert person(*_CHECK, "--volume").code == Exit.USAGE

    refused = person(*_CHECK, "--live", "--volume")
    assert refused.code == Exit.USAGE
    assert "Send 2 requests for counts, which costs $0.01?" in refused.err

    counted = person.output(*_CHECK, "--live", "--volume", "--yes")
    assert counted.count("ok  volume of ") == 2 and "ok  volume: " in counted


def test_only_the_rules_of_a_stream_are_counted(person: Person) -> None:
    person.write({"id": "s", "type": "search", "search": {"query": "x"}})

    told = person(*_CHECK, "--live", "--volume", "--yes")

    assert told.code == Exit.USAGE and "Only streams have rules to count." in told.err
