"""Posts as `twarc2 flatten` writes them: one a line, with all that it refers to inside it."""

from collections.abc import Iterator

import msgspec

from harvester.networks.rows import PostRow, Rows
from harvester.networks.x.forms.objects import FlatPost, User
from harvester.networks.x.forms.times import iso
from harvester.networks.x.forms.values import Known, account_row, post_row, tags_of

_post = msgspec.json.Decoder(FlatPost)
_user = msgspec.json.Decoder(User)


def rows(line: bytes) -> Rows:
    """What a flattened line holds: its post and then those inside it, or an account."""
    post = _post.decode(line)
    retrieved_at = iso(post.twarc.retrieved_at) if post.twarc else ""
    if post.username is not None and post.text is None:
        return Rows((), (account_row(_user.decode(line), retrieved_at),))
    users: dict[str, User] = {}
    for user in _users(post):
        users.setdefault(str(user.id), user)
    found = {str(inner.id): inner for inner in _inner(post)}
    found.pop(str(post.id), None)
    posts = [_row(post, retrieved_at, included=False)]
    posts += [_row(inner, retrieved_at, included=True) for inner in found.values()]
    return Rows(tuple(posts), tuple(account_row(user, retrieved_at) for user in users.values()))


def _row(post: FlatPost, retrieved_at: str, *, included: bool) -> PostRow:
    author = [post.author] if post.author and post.author.id is not None else []
    media = (post.attachments.media if post.attachments else None) or ()
    references = {each.type: str(each.id) for each in post.referenced_tweets or ()}
    rules = tags_of(post.matching_rules)
    known = Known(author, media)
    return post_row(post, references, known, rules=rules, retrieved_at=retrieved_at, included=included)


def _inner(post: FlatPost) -> Iterator[FlatPost]:
    """The posts inside it; of one that is not there only its id is known."""
    for inner in post.referenced_tweets or ():
        if inner.text is not None:
            yield inner
        yield from _inner(inner)


def _users(post: FlatPost) -> Iterator[User]:
    """The accounts inside it that were sent along with it."""
    entities = post.entities
    for user in (post.author, post.in_reply_to_user, *((entities and entities.mentions) or ())):
        if user and user.id is not None and user.name is not None:
            yield user
    for inner in post.referenced_tweets or ():
        yield from _users(inner)
