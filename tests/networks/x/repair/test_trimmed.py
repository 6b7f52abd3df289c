"""Posts that are stored already go from a page; the rest of it stays byte for byte."""

import json

from harvester.networks.x.repair.trimmed import trimmed

_PAGE = b'{ "data" : [{"id":"3","n": 1.50},{"id" : "2"} , {"id":"1"}],"meta":{"result_count" : 3}}\n'


def test_a_page_of_new_posts_stays_as_it_is() -> None:
    left = trimmed(_PAGE, lambda _: False)
    assert (left.line, left.ids) == (_PAGE, ("3", "2", "1"))


def test_posts_that_are_stored_go_and_the_others_stay_as_received() -> None:
    left = trimmed(_PAGE, {"2"}.__contains__)
    assert left.line == b'{"data":[{"id":"3","n": 1.50},{"id":"1"}],"meta":{"result_count" : 3}}\n'
    assert left.ids == ("3", "1")


def test_of_a_page_that_is_stored_already_nothing_is_left() -> None:
    left = trimmed(_PAGE, lambda _: True)
    assert (left.line, left.ids) == (b"", ())


def test_a_post_that_stands_twice_in_a_page_is_stored_once() -> None:
    left = trimmed(b'{"data":[{"id":"1","n":1},{"id":"2"},{"id":"1","n":2}]}\n', lambda _: False)
    assert left.line == b'{"data":[{"id":"1","n":1},{"id":"2"}]}\n'


def test_ids_that_are_numbers_stay_numbers() -> None:
    left = trimmed(b'{"data":[{"id":1},{"id":2}]}\n', {"1"}.__contains__)
    assert (json.loads(left.line), left.ids) == ({"data": [{"id": 2}]}, ("2",))


def test_half_of_a_surrogate_pair_is_kept() -> None:
    page = b'{"data":[{"id":"1"},{"id":"2","text":"\\ud83d"}]}\n'
    left = trimmed(page, {"1"}.__contains__)
    assert json.loads(left.line) == {"data": [{"id": "2", "text": "\ud83d"}]}
