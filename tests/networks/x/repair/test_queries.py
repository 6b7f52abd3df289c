"""Rules become the fewest queries; what these cannot find is named by class."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from emulator.language import Matcher, facts_of, parsed
from harvester.networks.repair import LiveRule
from harvester.networks.x.repair.operators import alternatives
from harvester.networks.x.repair.queries import searches


def _queries(*values: str, archive: bool = False) -> list[str]:
    rules = [LiveRule(value, (str(number),)) for number, value in enumerate(values)]
    return [query.text for query in searches(rules, archive=archive).queries]


def _classes(value: str, *, archive: bool = False) -> dict[str, str]:
    found = searches([LiveRule(value, ("r",))], archive=archive).out_of_reach
    return {each.posts: each.reason for each in found}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("cat", ["cat"]),
        ("cat dog OR bird", ["cat dog", "bird"]),
        ("(cat OR dog)", ["cat", "dog"]),
        ("((cat) OR (dog bird))", ["cat", "dog bird"]),
        ("(cat OR dog) lang:en", ["(cat OR dog) lang:en"]),
        ('"this OR that" -is:retweet', ['"this OR that" -is:retweet']),
        ('url:"https://a.b/c d" OR @me', ['url:"https://a.b/c d"', "@me"]),
        ("bounding_box:[1 2 3 4] has:images", ["bounding_box:[1 2 3 4] has:images"]),
        ("cat -(dog OR bird)", ["cat -(dog OR bird)"]),
    ],
)
def test_a_rule_is_split_where_all_of_it_is_joined_by_or(value: str, expected: list[str]) -> None:
    found = [each.text for each in alternatives(value)]
    # Parentheses around one alternative mean nothing.
    assert [text.removeprefix("(").removesuffix(")") if " OR " not in text else text for text in found] == (
        expected
    )


def test_rules_share_queries_and_each_query_knows_its_rules() -> None:
    rules = [LiveRule("cat", ("a",)), LiveRule("dog", ("b", "c")), LiveRule("cat", ("d",))]
    (query,) = searches(rules, archive=False).queries
    assert query.text == "cat OR dog"
    assert query.rules == ("a", "d", "b", "c")


def test_a_query_for_words_is_not_joined_with_one_that_brings_retweets() -> None:
    assert _queries("cat", "from:5", "dog", "from:6 has:media") == [
        "from:6 has:media OR from:5",
        "cat OR dog",
    ]


@pytest.mark.parametrize(
    ("value", "classes"),
    [
        ("cat", {"retweets", "quoted text"}),
        ("cat -is:retweet", {"quoted text"}),
        ("cat -is:retweet -is:quote", set()),
        ("(cat OR #dog) -is:quote -is:retweet", set()),
        ("from:5", set()),
        ("from:5 cat", {"retweets", "quoted text"}),
        ("from:5 OR cat -is:quote", {"retweets"}),
        ("cat (-is:retweet OR lang:en)", {"retweets", "quoted text"}),
        ("bounding_box:[1 2 3 4]", set()),
        ("cat sample:10", {"not searchable"}),
        ("followers_count:1000 cat", {"not searchable"}),
        ("dog -is:retweet -is:quote OR cat sample:10", {"not searchable"}),
    ],
)
def test_what_no_search_finds_is_named_by_class(value: str, classes: set[str]) -> None:
    assert set(_classes(value)) == classes


def test_only_the_part_with_an_operator_of_streams_is_left_out() -> None:
    assert _queries("cat sample:10 OR dog") == ["dog"]
    assert _classes("cat sample:10")["not searchable"] == "only streams have the operator sample:"


def test_a_rule_that_is_too_long_is_split_where_that_is_possible() -> None:
    words = [f"word{number:03d}" for number in range(100)]
    found = _queries(f"({' OR '.join(words)}) lang:en -is:retweet")
    assert len(found) > 1
    assert all(len(query) <= 512 for query in found)
    assert sorted(word for query in found for word in words if word in query) == words
    assert all(each.count("lang:en -is:retweet") == 1 for query in found for each in query.split(" OR (")[:1])


def test_a_phrase_that_is_too_long_is_named() -> None:
    phrase = f'"{"x" * 600}"'
    assert _queries(phrase) == []
    assert _classes(phrase) == {
        "too long": "a part of 602 characters, and a search takes 512; --archive allows 1,024"
    }
    assert _queries(phrase, archive=True) == [phrase]


_WORDS = ("cat", "dog", "bird", "fish")
_leaves = some.sampled_from([*_WORDS, "from:5", "#tag", '"cat dog"', "lang:en cat", "is:quote dog"])
_rules = some.recursive(
    _leaves,
    lambda inner: some.one_of(
        some.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' OR '.join(parts)})"),
        some.tuples(inner, inner).map(" ".join),
        some.tuples(inner, _leaves).map(lambda pair: f"{pair[0]} -({pair[1]})"),
    ),
    max_leaves=6,
)
_posts = some.fixed_dictionaries(
    {
        "text": some.lists(some.sampled_from(_WORDS), max_size=3).map(" ".join),
        "author_id": some.sampled_from(["5", "6"]),
        "lang": some.sampled_from(["en", "de"]),
    }
)


class _Post:
    def __init__(self, post: dict[str, str]) -> None:
        self.id, self.author, self.verified = 1, int(post["author_id"]), False
        self.facts = facts_of(post)


@settings(deadline=None)
@given(some.lists(_rules, min_size=1, max_size=4), some.lists(_posts, max_size=4))
def test_the_queries_find_what_the_rules_match(values: list[str], posts: list[dict[str, str]]) -> None:
    """Of originals: no post refers to another."""

    def found(texts: list[str], post: dict[str, str]) -> bool:
        matchers = [Matcher(parsed(text), deep=False, named=int) for text in texts]
        return any(matches(_Post(post)) for matches in matchers)

    queries = _queries(*values)
    for post in posts:
        assert found(values, post) == found(queries, post)
