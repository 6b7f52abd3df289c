"""Lines like those of posts: the same members again and again, with numbers and words as in texts."""

from random import Random

_LINE = (
    b'{"data":{"id":"%d","text":"%s","author_id":"%d","lang":"en","created_at":"2026-11-23T09:%02d:%02d.000Z",'
    b'"public_metrics":{"like_count":%d,"reply_count":%d}}}\n'
)


def made_up_posts(number: int) -> list[bytes]:
    """So many lines, always the same ones."""
    draw = Random(1)
    words = [f"w{draw.getrandbits(20):x}" for _ in range(3000)]
    return [
        _LINE
        % (
            2 * 10**18 + draw.getrandbits(50),
            " ".join(words[int(3000 * draw.random() ** 3)] for _ in range(25)).encode(),
            *(draw.getrandbits(40), index // 60 % 60, index % 60, draw.randrange(99), draw.randrange(9)),
        )
        for index in range(number)
    ]
