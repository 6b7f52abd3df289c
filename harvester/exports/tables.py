"""`export tables`: hashtags, mentions, links and accounts as tables of their own, to be joined with posts."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any

from harvester.exports.csv_table import cell_of, writer
from harvester.exports.datapackage import write_accounts
from harvester.exports.output import Output, folder, output
from harvester.exports.posts import Posts
from harvester.exports.written import Written
from harvester.networks.rows import PostRow

_POST = (
    "id",
    "created_at",
    "author_id",
    "username",
    "kind",
    "lang",
    "likes",
    "reposts",
    "replies",
    "quotes",
    "text",
)
_Rows = Callable[[PostRow], Iterable[tuple[Any, ...]]]
# For each table, its columns and its rows of one post.
TABLES: Mapping[str, tuple[tuple[str, ...], _Rows]] = {
    "posts": (_POST, lambda post: [tuple(getattr(post, name) for name in _POST)]),
    "hashtags": (
        ("post_id", "created_at", "author_id", "hashtag"),
        lambda post: ((post.id, post.created_at, post.author_id, tag.lower()) for tag in post.hashtags),
    ),
    "mentions": (
        ("post_id", "created_at", "author_id", "user_id", "username"),
        lambda post: (
            (post.id, post.created_at, post.author_id, user, name)
            for user, name in zip(post.mentions, post.mention_names, strict=True)
        ),
    ),
    "urls": (
        ("post_id", "created_at", "author_id", "url"),
        lambda post: ((post.id, post.created_at, post.author_id, url) for url in post.urls),
    ),
    "references": (
        ("post_id", "created_at", "author_id", "kind", "referenced_id"),
        lambda post: (
            (post.id, post.created_at, post.author_id, kind, each)
            for kind, each in (
                ("repost", post.reposted_id),
                ("reply", post.replied_to_id),
                ("quote", post.quoted_id),
            )
            if each
        ),
    ),
}


def write(posts: Posts, to: str, _: Mapping[str, Any]) -> Written:
    """Write the folder of tables."""
    number = 0
    with folder(to, known_by=["accounts.csv"]) as made:
        with ExitStack() as stack:
            files = {name: stack.enter_context(output(str(made / f"{name}.csv"))) for name in TABLES}
            tables = {name: _table(file, TABLES[name][0]) for name, file in files.items()}
            for number, post in enumerate(posts.read(), 1):  # noqa: B007
                for name, (_columns, rows_of) in TABLES.items():
                    tables[name].writerows(tuple(map(cell_of, row)) for row in rows_of(post.row))
        accounts = write_accounts(posts, str(made / "accounts.csv"))
    size = sum(file.bytes for file in files.values()) + accounts.bytes
    return Written(number, size, files=len(files) + 1, figures={"accounts": accounts.number})


def _table(file: Output, columns: Iterable[str]) -> Any:
    table = writer(file.write)
    table.writerow(columns)
    return table
