"""Where local matching looks: each place with a record that has the word there, and one that nearly does."""

from typing import Any

import pytest

from harvester.documents import Tree
from harvester.networks.x.matching.attribution import Attribution
from harvester.networks.x.rules.collection_rules import CollectionRule, collection_rules

_ME, _OTHER, _THIRD = "7000001", "7000002", "7000003"
_NAMES = {_ME: "me", _OTHER: "Other_One", _THIRD: "third"}


def _rule(kind: str, value: str) -> CollectionRule:
    problems: list[str] = []
    (found,) = collection_rules({"rules": [{"id": "r", "type": kind, "value": value}]}, problems)
    assert problems == []
    return found


def _matches(kind: str, value: str, record: Tree) -> bool:
    found = Attribution([_rule(kind, value)], {}).of(record)
    assert all(match.by == "local" for match in found)
    return bool(found)


def _post(post_id: str = "1", text: str = "", author: str = _ME, **more: Any) -> Tree:
    return {"id": post_id, "text": text, "author_id": author, **more}


def _v2(post: Tree, *posts: Tree, **includes: Any) -> Tree:
    users = [{"id": user_id, "username": name} for user_id, name in _NAMES.items()]
    return {"data": post, "includes": {"users": users, "tweets": list(posts), **includes}}


def _refers(how: str, post_id: str) -> list[Tree]:
    return [{"type": how, "id": post_id}]


def _v1(text: str = "", author: str = _ME, **more: Any) -> Tree:
    user = {"id": int(author), "id_str": author, "screen_name": _NAMES[author]}
    return {"id": 1, "id_str": "1", "text": text, "user": user, **more}


def _link(**more: str) -> Tree:
    return {"entities": {"urls": [{"url": "https://t.co/x", **more}]}}


_TEXTS: dict[str, Any] = {
    "text of v2": lambda text: _v2(_post(text=text)),
    "text of a long post": lambda text: _v2(_post(text="cut", note_tweet={"text": text})),
    "text of a long post under its new name": lambda text: _v2(_post(text="cut", note_post={"text": text})),
    "repeated post": lambda text: _v2(
        _post(text="RT @o: cut", referenced_tweets=_refers("retweeted", "2")), _post("2", text)
    ),
    "quoted post": lambda text: _v2(_post(referenced_tweets=_refers("quoted", "2")), _post("2", text)),
    "quoted long post": lambda text: _v2(
        _post(referenced_tweets=_refers("quoted", "2")), _post("2", "cut", note_tweet={"text": text})
    ),
    "quote inside a repeated post": lambda text: _v2(
        _post(referenced_tweets=_refers("retweeted", "2")),
        _post("2", referenced_tweets=_refers("quoted", "3")),
        _post("3", text),
    ),
    "expanded address": lambda text: _v2(_post(**_link(expanded_url=f"https://example.org/{text}"))),
    "display address": lambda text: _v2(_post(**_link(display_url=f"example.org/{text}"))),
    "title of a link": lambda text: _v2(_post(**_link(title=text))),
    "link of a long post": lambda text: _v2(_post(note_tweet={"text": "cut", **_link(display_url=text)})),
    "link of a quoted post": lambda text: _v2(
        _post(referenced_tweets=_refers("quoted", "2")), _post("2", **_link(expanded_url=f"https://{text}"))
    ),
    "text of 1.1": _v1,
    "full text of 1.1": lambda text: _v1(full_text=text, display_text_range=[5, 6]),
    "extended text of 1.1, hidden by its range": lambda text: _v1(
        "cut", extended_tweet={"full_text": f"@o {text}", "display_text_range": [0, 1]}
    ),
    "repeated post of 1.1": lambda text: _v1("RT cut", retweeted_status=_v1(text, _OTHER)),
    "repeated extended post of 1.1": lambda text: _v1(
        "RT cut", retweeted_status=_v1("cut", _OTHER, extended_tweet={"full_text": text})
    ),
    "quoted post of 1.1": lambda text: _v1(quoted_status=_v1(text, _OTHER)),
    "quote inside a repeated post of 1.1": lambda text: _v1(
        retweeted_status=_v1("", _OTHER, quoted_status=_v1(text, _THIRD))
    ),
    "expanded address of 1.1": lambda text: _v1(**_link(expanded_url=f"https://example.org/{text}")),
    "address of media of 1.1": lambda text: _v1(entities={"media": [{"display_url": f"pic.x.com/{text}"}]}),
    "extended media of 1.1": lambda text: _v1(
        extended_entities={"media": [{"expanded_url": f"https://x.com/{text}"}]}
    ),
    "link of an extended post of 1.1": lambda text: _v1(
        extended_tweet={"full_text": "cut", **_link(display_url=text)}
    ),
    "title of a link of 1.1": lambda text: _v1(entities={"urls": [{"unwound": {"title": text}}]}),
}


@pytest.mark.parametrize("place", _TEXTS)
def test_a_keyword_is_found_in_this_place_as_a_whole_word(place: str) -> None:
    assert _matches("keyword", "cat", _TEXTS[place]("CAT"))
    assert not _matches("keyword", "cat", _TEXTS[place]("category"))


def test_the_name_of_the_author_counts_and_those_of_others_do_not() -> None:
    assert _matches("keyword", "me", _v2(_post()))
    assert _matches("keyword", "me", _v1())
    repeated = _v2(_post(referenced_tweets=_refers("retweeted", "2")), _post("2", author=_THIRD))
    assert not _matches("keyword", "third", repeated)
    assert not _matches("keyword", "third", _v1(quoted_status=_v1("", _THIRD)))


def test_the_post_that_is_answered_does_not_count() -> None:
    answer = _v2(_post(text="yes", referenced_tweets=_refers("replied_to", "2")), _post("2", "a cat"))
    assert not _matches("keyword", "cat", answer)


def test_what_a_quoted_post_quotes_does_not_count() -> None:
    quote = _v2(
        _post(referenced_tweets=_refers("quoted", "2")),
        _post("2", referenced_tweets=_refers("quoted", "3")),
        _post("3", "a cat"),
    )
    assert not _matches("keyword", "cat", quote)


@pytest.mark.parametrize(
    ("value", "text", "is_match"),
    [
        ("public archive", "An archive that is public", True),
        ("public archive", "An archive", False),
        ('"public archive"', "the Public, archive", True),
        ('"public archive"', "an archive that is public", False),
        ('"public archive"', "public\narchive", True),
        ('"a b" c', "c and a b", True),
        ("don't", "I don’t", True),
        ("don't", "I DON'T", True),
        ("don't", "don and t apart", False),
        ("CAFÉ", "cafe\u0301", True),
        ("cafe", "café", False),
        ("fine", "ﬁne", True),
        ("今日中国", "これは今日中国語です", True),
        ("今日中国", "中国今日", False),
        ("今日", "今、日", False),
        ("한국", "한국어를", True),
        ("🎂", "party🎂🎉", True),
        ("🎂", "party🎉", False),
        ("#apple", "an #Apple!", True),
        ("#apple", "an apple", False),
        ("apple", "an #Apple!", True),
        ("@museum", "hello @Museum", True),
        ("@museum", "hello museum", False),
        ("$twtr", "buy $TWTR", True),
        ("$twtr", "buy twtr", False),
        ("example.com", "see example.com/x", True),
        ("x", "a\x1fb", False),
    ],
)
def test_words_phrases_and_signs(value: str, text: str, is_match: bool) -> None:  # noqa: FBT001 - a table
    assert _matches("keyword", value, _v2(_post(text=text))) is is_match
    assert _matches("keyword", value, _v1(text)) is is_match


def test_a_phrase_does_not_begin_in_one_text_and_end_in_another() -> None:
    record = _v2(_post(text="a public", referenced_tweets=_refers("quoted", "2")), _post("2", "archive"))
    assert not _matches("keyword", '"public archive"', record)
    assert _matches("keyword", "public archive", record)


def _tagged(tag: str) -> list[Tree]:
    quoting: Tree = {"referenced_tweets": _refers("quoted", "2")}
    return [
        _v2(_post(entities={"hashtags": [{"tag": tag}]})),
        _v2(_post(**quoting), _post("2", entities={"hashtags": [{"tag": tag}]})),
        _v2(_post(note_tweet={"text": "cut", "entities": {"hashtags": [{"tag": tag}]}})),
        _v2(_post(text=f"a #{tag}")),
        _v1(entities={"hashtags": [{"text": tag}]}),
        _v1(extended_tweet={"full_text": "cut", "entities": {"hashtags": [{"text": tag}]}}),
        _v1(retweeted_status=_v1("", _OTHER, entities={"hashtags": [{"text": tag}]})),
        _v1(f"a #{tag}"),
    ]


@pytest.mark.parametrize("value", ["#summer", "summer", "#SUMMER"])
def test_a_hashtag_equals_one_of_the_post_as_a_whole(value: str) -> None:
    assert all(_matches("hashtag", value, record) for record in _tagged("Summer"))
    assert not any(_matches("hashtag", value, record) for record in _tagged("summertime"))
    assert not _matches("hashtag", value, _v1("a summer, in example.org/#summer"))


def test_all_words_of_a_hashtag_rule_are_hashtags() -> None:
    assert _matches("hashtag", "#sliding door", _v2(_post(text="#door #sliding")))
    assert not _matches("hashtag", "#sliding door", _v2(_post(text="#sliding door")))


def test_a_name_with_its_at_sign_is_mentioned_or_of_the_repeated_author() -> None:
    mentioned = [
        _v2(_post(entities={"mentions": [{"username": "Other_One"}]})),
        _v2(_post(referenced_tweets=_refers("retweeted", "2")), _post("2", author=_OTHER)),
        _v1(entities={"user_mentions": [{"screen_name": "other_one"}]}),
        _v1(retweeted_status=_v1("", _OTHER)),
    ]
    assert all(_matches("keyword", "@other_one", record) for record in mentioned)
    quoting = _v2(_post(referenced_tweets=_refers("quoted", "2")), _post("2", author=_OTHER))
    assert not _matches("keyword", "@other_one", quoting)
    assert not _matches("keyword", "@other_one", _v1(quoted_status=_v1("", _OTHER)))


_ACCOUNTS = {
    "author": (_v2(_post(author=_OTHER)), _v1("", _OTHER)),
    "answered": (
        _v2(_post(in_reply_to_user_id=_OTHER)),
        _v1(in_reply_to_user_id_str=_OTHER, in_reply_to_screen_name="other_one"),
    ),
    "repeated": (
        _v2(_post(referenced_tweets=_refers("retweeted", "2")), _post("2", author=_OTHER)),
        _v1(retweeted_status=_v1("", _OTHER)),
    ),
    "quoted": (
        _v2(_post(referenced_tweets=_refers("quoted", "2")), _post("2", author=_OTHER)),
        _v1(quoted_status=_v1("", _OTHER)),
    ),
    "mentioned": (
        _v2(_post(entities={"mentions": [{"username": "OTHER_one", "id": _OTHER}]})),
        _v1(entities={"user_mentions": [{"screen_name": "Other_one", "id_str": _OTHER}]}),
    ),
}


@pytest.mark.parametrize("how", _ACCOUNTS)
@pytest.mark.parametrize("rule", [("userid", _OTHER), ("username", "@other_one"), ("username", "Other_One")])
def test_an_account_is_found_as(rule: tuple[str, str], how: str) -> None:
    assert all(_matches(*rule, record) for record in _ACCOUNTS[how])
    assert not any(_matches("userid", _OTHER[:-1], record) for record in _ACCOUNTS[how])
    assert not any(_matches("username", "other", record) for record in _ACCOUNTS[how])


def test_an_account_in_the_text_alone_is_none() -> None:
    assert not _matches("userid", _OTHER, _v2(_post(text=f"{_OTHER} other_one")))
    assert not _matches("username", "other_one", _v1(f"{_OTHER} other_one"))


_BAY = "-122.75,36.8,-121.75,37.8"


def _at(*point: float) -> list[Tree]:
    geo = {"type": "Point", "coordinates": list(point)}
    return [_v2(_post(geo={"coordinates": geo})), _v1(coordinates=geo)]


def _in_place(west: float, south: float, east: float, north: float) -> list[Tree]:
    place = {"id": "p", "geo": {"bbox": [west, south, east, north]}}
    corners = [[west, south], [west, north], [east, north], [east, south]]
    return [
        _v2(_post(geo={"place_id": "p"}), places=[{"id": "q"}, place]),
        _v1(place={"bounding_box": {"type": "Polygon", "coordinates": [corners]}}),
    ]


def test_a_point_lies_in_the_box_or_on_its_edge() -> None:
    assert all(_matches("geo", _BAY, record) for record in _at(-122.0, 37.0) + _at(-122.75, 36.8))
    assert not any(_matches("geo", _BAY, record) for record in _at(-123.0, 37.0) + _at(37.0, -122.0))


def test_a_place_meets_the_box() -> None:
    assert all(_matches("geo", _BAY, record) for record in _in_place(-123, 36, -122, 37))
    assert all(_matches("geo", _BAY, record) for record in _in_place(-125, 25, -66, 49))
    assert not any(_matches("geo", _BAY, record) for record in _in_place(-124, 36, -123, 37))


def test_where_there_is_a_point_the_place_does_not_count() -> None:
    for there, place in zip(_at(-130, 40), _in_place(-125, 25, -66, 49), strict=True):
        part = there.get("data", there)
        there.setdefault("includes", {}).update(place.get("includes", {}))
        part.update({k: v for k, v in place.items() if k == "place"})
        part.get("geo", {}).update(place_id="p")
        assert not _matches("geo", _BAY, there)


def test_a_post_that_repeats_another_is_nowhere() -> None:
    (v2, v1) = _at(-122.0, 37.0)
    original = {**v2["data"], "id": "2"}
    assert not _matches("geo", _BAY, _v2(_post(referenced_tweets=_refers("retweeted", "2")), original))
    assert not _matches("geo", _BAY, _v1(retweeted_status=v1))
    v2["data"]["referenced_tweets"] = _refers("retweeted", "2")
    assert not _matches("geo", _BAY, _v2(v2["data"], _post("2")))
    assert not _matches("geo", _BAY, {**v1, "retweeted_status": _v1()})


@pytest.mark.parametrize(
    "record",
    [
        {"delete": {"status": {"id_str": "1", "user_id_str": _ME}}},
        {"limit": {"track": 1}},
        {"errors": [{"title": "cat"}]},
        {"data": [{"id": "1", "text": "cat"}]},
        {"data": {"text": "cat"}},
        {"data": None},
        {"event": "user_update", "source": {"id_str": "1"}},
        {},
    ],
)
def test_what_is_no_post_matches_nothing(record: Tree) -> None:
    assert not _matches("keyword", "cat", record)


@pytest.mark.parametrize(
    "data",
    [
        {"id": "1", "text": 3, "entities": [], "geo": 4, "referenced_tweets": {}, "author_id": 5},
        {"id": "1", "entities": {"urls": [3], "hashtags": "cat", "mentions": [{"username": 4}]}},
        {"id": "1", "geo": {"coordinates": {"coordinates": ["a", None]}}, "note_tweet": "cat"},
        {"id": "1", "geo": {"coordinates": {"coordinates": [True, 1e999]}}},
    ],
)
def test_what_is_odd_in_a_post_is_passed_over(data: Tree) -> None:
    for includes in ({}, {"users": 3, "tweets": [4], "places": [{"id": "p", "geo": None}]}):
        assert not _matches("geo", _BAY, {"data": data, "includes": includes})
        assert not _matches("keyword", "cat", {"data": data, "includes": includes})
    odd = {"entities": 4, "place": {"bounding_box": {"coordinates": [[3]]}}, "retweeted_status": 5}
    assert not _matches("geo", _BAY, {**_v1(), **odd, "user": {}, "extended_tweet": "cat"})
