"""`search`: finds stored posts, and keeps the index on this machine that they are found in."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from harvester.clock import Stop, Stopped, SystemClock
from harvester.commands import Group
from harvester.commands.cli.amounts import Seconds
from harvester.commands.cli.explore_extra import needs_explore
from harvester.commands.cli.indexed_store import IndexedStore, advise_of
from harvester.commands.cli.lists_hint import advise_of_lists
from harvester.commands.cli.output import advise, json_option, print_json, print_line
from harvester.commands.cli.progress_meter import meter, progress_option
from harvester.commands.cli.query_command import QueryCommand
from harvester.commands.cli.workspace import Workspace, in_workspace
from harvester.errors import Exit, HarvesterError, StoreAway
from harvester.text import counted, size, when

if TYPE_CHECKING:
    from harvester.search.answers import Answer, Question
    from harvester.search.indexing import Indexed

# The number of bytes of records whose index is built in seconds.
_AT_ONCE = 64 << 20
# The approximate number of bytes indexed per second.
_BYTES_A_SECOND = 10 << 20
# Of a search without posts, the most collections that are looked at for why.
_LOOKED_AT = 20
_FACETS = ("day", "tag", "user", "lang")
_FIND = "find"


class SearchGroup(Group):
    """Anything but a command of the group is a query: `search flood` is `search find flood`."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = [_FIND, *args]
        return super().parse_args(context, args)


@click.group(
    "search",
    cls=SearchGroup,
    help="Find stored posts, with an index on this machine; see docs/search.md.\n\n"
    "`search QUERY` is short for `search find QUERY`.",
)
def search() -> None:
    pass


def _facets(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(each.strip() for each in (value or "").split(",") if each.strip()))
    if unknown := [name for name in names if name not in _FACETS]:
        raise click.BadParameter(f"{unknown[0]!r} is not one of {', '.join(_FACETS)}.")
    return names


@search.command(
    _FIND,
    cls=QueryCommand,
    help="Find posts by words, tags, accounts, dates and places, newest first.\n\n"
    'Words (all must occur), "phrase", -without, begin*, OR, parentheses; tag: user: from: lang: kind: '
    "collection: since: until: near:LAT,LON,KM has:geo|media|link. Put the query in single quotes.",
)
@click.argument("words", nargs=-1, metavar="QUERY...")
@click.option("--collection", "-c", "collections", multiple=True, metavar="ID", help="Search only in these.")
@click.option("--sort", type=click.Choice(("newest", "best")), default="newest", show_default=True)
@click.option("--limit", "-n", type=click.IntRange(0, 10_000), default=20, show_default=True, help="Posts.")
@click.option("--facets", callback=_facets, metavar="LIST", help="Also count posts by day, tag, user, lang.")
@click.option("--before", default="", metavar="KEY", help="The next page: the value at the end of the last.")
@click.option("--included", is_flag=True, help="Also find posts that were only received with others.")
@click.option("--no-index", is_flag=True, help="Read tables or all files instead of an index: slow.")
@json_option
@progress_option
@in_workspace
@needs_explore
def find(
    words: tuple[str, ...],
    collections: tuple[str, ...],
    sort: str,
    limit: int,
    facets: tuple[str, ...],
    before: str,
    included: bool,
    no_index: bool,
    as_json: bool,
    form: str,
    workspace: Workspace,
) -> None:
    from harvester.search.answers import Question
    from harvester.search.parsing import collections_in

    question = Question(
        _query(words), collections, sort, limit, before=before, facets=facets, included=included
    )
    place = _Place(workspace, collections)
    answer = place.scanned(question, form=form) if no_index else place.found(question, form=form)
    if as_json:
        print_json(answer.document())
        return
    _print(answer)
    if not answer.count:
        advise_of_lists(workspace, collections_in(question.text) or place.asked or place.all[:_LOOKED_AT])


def _query(words: Sequence[str]) -> str:
    """The query as typed; an argument that the shell kept together stays together."""
    if len(words) == 1:
        return words[0]
    return " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words)


def _print(answer: "Answer") -> None:
    from harvester.commands.cli.search_rows import answer_lines

    for warning in answer.warnings:
        print_line(warning, err=True)
    for line in answer_lines(answer):
        print_line(line)
    if answer.next:
        print_line(f"Next page: --before {answer.next}", err=True)
    advise_of(answer.behind_files or 0, answer.behind_collections)


class _Place(IndexedStore):
    """The store of a command, whose index is asked and updated."""

    def found(self, question: "Question", *, form: str) -> "Answer":
        from harvester.search.asking import Search
        from harvester.search.parsing import collections_in

        self.require(collections_in(question.text))
        searching = Search(self.cache)
        lacking = self.behind()
        # Indexing may have ended before its first file was done, e.g. of a full disk.
        if not searching.exists or (lacking.files and not searching.files):
            if lacking.size > _AT_ONCE and question.sort == "newest" and self.has_tables:
                advise(f"{self.reader.name} has no index; its tables were read. `search index` makes one.")
                return self.scanned(question, form=form)
            if lacking.size > _AT_ONCE:
                minutes = max(1, round(lacking.size / _BYTES_A_SECOND / 60))
                raise HarvesterError(
                    f"There is no index of {self.reader.name} yet: it has {counted(lacking.files, 'file')} "
                    f"of {size(lacking.size)}.",
                    hint=f"Run `search index`, which takes about {counted(minutes, 'minute')}.",
                )
            self.show_done(self.update(form=form))
            return replace(searching.ask(question), behind_files=0)
        answer = searching.ask(question)
        answer.warnings += self.damage()
        return replace(answer, behind_files=lacking.files, behind_collections=lacking.collections)

    def scanned(self, question: "Question", *, form: str) -> "Answer":
        from harvester.search.parsing import collections_in
        from harvester.search.scan import scan

        self.require(collections_in(question.text))
        with meter(form) as show:
            return scan(self.reader, self.asked or self.all, question, tables=self.tables, show=show)

    def show_done(self, done: "Indexed") -> None:
        for notice in done.notices:
            print_line(notice, err=True)
        for bad in done.damaged:
            said = bad.message.replace(bad.file, self.workspace.shown(bad.file))
            print_line(f"Not indexed: {said}", err=True)
        there = self.posts()
        # Files that came before have posts, too; others are copies, or came along with posts.
        more = (
            ""
            if there == done.posts or not done.files
            else f"; without copies and included ones the index has {there:,}"
        )
        print_line(
            f"Indexed {counted(done.files, 'file')} with {counted(done.posts, 'post')}{more}.", err=True
        )

    def posts(self) -> int:
        """How many posts a search for everything finds."""
        from harvester.search.answers import Question
        from harvester.search.asking import Search

        return Search(self.cache).ask(Question(limit=0)).count

    def update(self, *, form: str = "none", **more: Any) -> "Indexed":
        from harvester.search.indexing import update

        with meter(form, interrupted="Stopped; what is indexed stays. Run again to continue.") as show:
            return update(
                self.cache,
                self.reader,
                self.asked or self.all,
                whole_store=not self.asked,
                show=show,
                **more,
            )


@search.command(
    "index",
    help="Bring the index up to date: only files that are new or have changed are read.\n\n"
    "Without IDs, all collections. It is a cache below ~/.cache, and can be deleted at any time.",
)
@click.argument("collection_ids", nargs=-1, metavar="[COLLECTION_ID]...")
@click.option("--rebuild", is_flag=True, help="Delete the index of the store, and build it again.")
@click.option(
    "--watch",
    type=Seconds(1, 86_400),
    metavar="SECONDS",
    help="Repeat after this many seconds, until Ctrl-C.",
)
@json_option
@progress_option
@in_workspace
@needs_explore
def index(
    collection_ids: tuple[str, ...],
    rebuild: bool,
    watch: float | None,
    as_json: bool,
    form: str,
    workspace: Workspace,
) -> int:
    from harvester.commands.cli.signals import stopped_by_signals

    if rebuild and collection_ids:
        raise HarvesterError(
            "--rebuild is of the whole index.", hint="Leave the ids out.", exit_code=Exit.USAGE
        )
    if watch is None:
        return _index(workspace, collection_ids, rebuild=rebuild, as_json=as_json, form=form)
    with stopped_by_signals() as stop, suppress(Stopped):
        while not stop.requested:
            try:
                _index(workspace, collection_ids, rebuild=rebuild, as_json=as_json, form=form, stop=stop)
            except StoreAway as error:
                # It may be available again the next time.
                print_line(str(error), err=True)
            rebuild = False
            SystemClock().wait(stop, watch)
    return int(Exit.OK)


def _index(
    workspace: Workspace,
    ids: Sequence[str],
    *,
    rebuild: bool,
    as_json: bool,
    form: str,
    stop: Stop | None = None,
) -> int:
    place = _Place(workspace, ids)
    done = place.update(form=form, rebuild=rebuild, stop=stop)
    if as_json:
        damaged = [{"file": bad.file, "line": bad.line, "reason": bad.why} for bad in done.damaged]
        print_json(
            {
                "files": done.files,
                "posts": done.posts,
                "index_posts": place.posts(),
                "notices": done.notices,
                "damaged": damaged,
            }
        )
    else:
        place.show_done(done)
    return int(Exit.ERROR if done.damaged else Exit.OK)


@search.command("status", help="Show what the index holds, where it is, and what it lacks.")
@json_option
@in_workspace
@needs_explore
def status(as_json: bool, workspace: Workspace) -> None:
    from harvester.search.status import status_of

    place = _Place(workspace)
    lacking = place.behind()
    found = {**status_of(place.cache), "behind_files": lacking.files, "behind_bytes": lacking.size}
    if as_json:
        print_json(found)
        return
    if not found["exists"]:
        print_line(f"There is no index of {place.reader.name}.")
    else:
        print_line(
            f"{counted(found['posts'], 'post')} of {counted(found['files'], 'file')}, "
            f"{size(found['bytes'])}, as of {when(found['as_of'])} UTC, in {found['folder']}"
        )
    for file in found["damaged"]:
        print_line(f"Damaged: {workspace.shown(file)}. `collection verify` says more.")
    if lacking.files:
        what = f"{counted(lacking.files, 'file')} of {size(lacking.size)}"
        advise(f"The index lacks {what}; `search index` adds them.")
