"""Values of other programs' rules: what is usable stays, what is known is corrected, the rest is named."""

from typing import Any

import pytest

from harvester.networks.x.imports.values import TYPES, value_of


@pytest.mark.parametrize(
    ("kind", "given", "type", "text"),
    [
        ("track", "happy", "keyword", "happy"),
        ("keyword", "今日中国", "keyword", "今日中国"),
        ("hashtag", "#sliding door", "hashtag", "#sliding door"),
        ("follow", "17919972", "userid", "17919972"),
        ("follow", "12", "userid", "12"),
        ("userid", 735369652956766200, "userid", "735369652956766200"),
        ("follow", "@museum", "username", "museum"),
        ("username", "museum", "username", "museum"),
        ("username", "17919972", "userid", "17919972"),
        ("username", "@17919972", "username", "17919972"),
        ("locations", "-122.75,36.8,-121.75,37.8", "geo", "-122.75,36.8,-121.75,37.8"),
        ("geo", [-122.75, 36.8, -121.75, 37.8], "geo", "-122.75,36.8,-121.75,37.8"),
        (" Geo ", "-122.75, 36.8, -121.75, 37.8", "geo", "-122.75,36.8,-121.75,37.8"),
        ("native", 'from:12 url:"cnn.com"', "native", 'from:12 url:"cnn.com"'),
    ],
)
def test_what_is_usable_is_taken_as_it_is(kind: str, given: Any, type: str, text: str) -> None:
    found = value_of(kind, given)
    assert (found.type, found.text, found.corrected, found.problem) == (type, text, False, "")


@pytest.mark.parametrize(
    ("kind", "given", "type", "text"),
    [
        ("follow", "from:17919972", "userid", "17919972"),
        ("follow", "CNN (7592512), since 20160510", "userid", "7592512"),
        ("username", "https://x.com/intent/user?user_id=1791997", "userid", "1791997"),
        ("username", "https://twitter.com/museum", "username", "museum"),
        ("track", 'url_contains:"cnn.com"', "keyword", "cnn com"),
        ("track", "url_contains:cnn.com breaking", "keyword", "cnn com breaking"),
        ("keyword", "cnn.com", "keyword", "cnn com"),
        ("locations", "[-122.75, 36.8, -121.75, 37.8]", "geo", "-122.75,36.8,-121.75,37.8"),
        ("geo", "-122.75 36.8 -121.75 37.8", "geo", "-122.75,36.8,-121.75,37.8"),
    ],
)
def test_what_is_known_is_corrected(kind: str, given: str, type: str, text: str) -> None:
    found = value_of(kind, given)
    assert (found.type, found.text, found.corrected, found.problem) == (type, text, True, "")
    assert not value_of(found.type, found.text).corrected


@pytest.mark.parametrize(
    ("kind", "given", "problem"),
    [
        ("follow", "ishouldbeint", "no account id; write @ishouldbeint for a name"),
        ("follow", "123456 people", "no account id"),
        ("follow", "99999999999999999999", "no account id"),
        ("follow", "from:17919972 OR from:759251", "names several accounts"),
        ("keyword", "...", "holds no word"),
        ("keyword", "  ", "has no value"),
        ("keyword", None, "has no value"),
        ("geo", "1,2,3", "is not a box"),
        ("geo", "Paris", "is not a box"),
        ("topic", "happy", "the type topic is not one of: keyword"),
    ],
)
def test_what_is_no_rule_is_named(kind: str, given: Any, problem: str) -> None:
    assert value_of(kind, given).problem.startswith(problem)


def test_every_type_that_is_offered_has_a_meaning() -> None:
    assert all("none of" not in value_of(kind, "1,2,3,4").problem for kind in TYPES)
