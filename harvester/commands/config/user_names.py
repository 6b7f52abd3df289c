"""Names of accounts as people type them, and the users of a collection that they stand for."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from harvester.documents import Tree, text_in
from harvester.errors import Exit, HarvesterError
from harvester.networks import Network
from harvester.text import counted, plain


def read(texts: Iterable[str], name_in: Callable[[str], str]) -> tuple[list[str], list[str]]:
    """Each name once, however it is written; and the texts that are none, blank ones left out.

    `name_in` is how the network reads a name.
    """
    names: dict[str, str] = {}
    others: list[str] = []
    for text in texts:
        if name := name_in(text):
            names[name.lower()] = name
        elif plain(text).strip("@ "):
            others.append(text)
    return list(names.values()), others


def names_and_ids(texts: Sequence[str], network: Network) -> tuple[list[str], list[str]]:
    """The names and the ids, each once; raises for what is neither."""
    ids = [plain(text) for text in texts if network.rules.is_user(plain(text))]
    names, others = read([each for each in texts if plain(each) not in ids], network.name_in)
    if others:
        raise HarvesterError(
            f"Neither a name nor an id: {', '.join(map(shown, others))}.",
            hint=f"A name has {network.name_limits}.",
            exit_code=Exit.USAGE,
        )
    return names, list(dict.fromkeys(ids))


def shown(text: str) -> str:
    """The text without @, and with what cannot be seen escaped."""
    text = text.lstrip("@")
    return text if text.isprintable() and plain(text) == text else ascii(text)[1:-1]


def found_in(
    users: Mapping[str, Tree], typed: Sequence[str], name_in: Callable[[str], str]
) -> tuple[list[str], list[str]]:
    """The ids that ids and names stand for, each once; and what is neither.

    Raises if a name is that of two users.
    """
    by_name: dict[str, list[str]] = {}
    for user_id, user in users.items():
        by_name.setdefault(text_in(user, "screen_name").lower(), []).append(user_id)
    ids: dict[str, None] = {}
    missing: list[str] = []
    for text in typed:
        named = plain(text)
        meant = [named] if named in users else by_name.get(name_in(text).lower() or "\0", [])
        if len(meant) > 1:
            raise HarvesterError(
                f"{name_in(text)} is the name of {counted(len(meant), 'user')} here: {', '.join(meant)}.",
                hint="Nothing was changed. Names move between accounts: use the id.",
                exit_code=Exit.USAGE,
            )
        ids.update(dict.fromkeys(meant))
        missing += [] if meant else [text]
    return list(ids), missing
