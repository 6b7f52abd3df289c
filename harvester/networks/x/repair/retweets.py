"""Which stored posts are retweets, which X's search for words does not find."""

from collections.abc import Iterator

import msgspec

from harvester.networks.records import readable


class _Reference(msgspec.Struct):
    type: str = ""


class _Post(msgspec.Struct):
    id: str = ""
    referenced_tweets: list[_Reference] | None = None
    referenced_posts: list[_Reference] | None = None


class _Record(msgspec.Struct):
    data: list[_Post] | _Post | None = None


_records = msgspec.json.Decoder(_Record)


def retweets(block: bytes) -> list[str]:
    """Their ids, in whole lines; a line that is no record has none."""
    try:
        return [post_id for record in _records.decode_lines(block) for post_id in _of(record)]
    except msgspec.DecodeError:
        return [post_id for line in block.splitlines() for post_id in _of_line(line)]


def _of_line(line: bytes) -> Iterator[str]:
    try:
        yield from _of(_records.decode(readable(line)))
    except ValueError:
        return


def _of(record: _Record) -> Iterator[str]:
    data = record.data
    for post in data if isinstance(data, list) else [data] if data else []:
        references = post.referenced_tweets or post.referenced_posts or ()
        if any(each.type == "retweeted" for each in references):
            yield post.id
