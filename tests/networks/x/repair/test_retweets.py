"""Retweets are known by what they refer to, in pages and in records of a stream."""

from harvester.networks.x.repair.retweets import retweets


def test_retweets_are_found_in_pages_and_in_records_of_a_stream() -> None:
    lines = [
        b'{"data":[{"id":"1","referenced_tweets":[{"type":"retweeted","id":"9"}]},{"id":"2"}]}',
        b'{"data":{"id":"3","referenced_tweets":[{"type":"quoted","id":"9"}]}}',
        b'{"data":{"id":"4","referenced_posts":[{"type":"replied_to"},{"type":"retweeted"}]}}',
    ]
    assert retweets(b"\n".join(lines) + b"\n") == ["1", "4"]


def test_a_line_that_is_no_record_hides_no_other() -> None:
    lines = b'{"data":7}\n{"data":{"id":"4","referenced_tweets":[{"type":"retweeted"}]}}\n'
    assert retweets(lines) == ["4"]
