"""Which parts of an edit apply only from the next crawl."""

from harvester.collection.begun_crawl import crawl_state, for_the_next
from harvester.collection.kinds import is_crawl
from harvester.commands.cli.output import advise
from harvester.documents import Tree
from harvester.text import counted


def warn_of_next_crawl(before: Tree, after: Tree) -> None:
    """Say what applies from the next crawl."""
    if not is_crawl(after) or not crawl_state(before):
        return
    for words in for_the_next(after):
        advise(words)
    old, new = (before.get("users") or {}).keys(), (after.get("users") or {}).keys()
    if added := len(new - old):
        advise(f"The lists of {counted(added, 'added user')} are read from the next crawl.")
    if removed := len(old - new):
        advise(f"Of {counted(removed, 'removed user')} the crawl under way keeps the lists that it has read.")
