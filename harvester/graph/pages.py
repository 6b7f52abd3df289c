"""What the lists of a depth named, read from the stored pages of its harvests."""

from collections.abc import Iterator, Mapping, Sequence

from harvester.clock import moment
from harvester.documents.lists import edges_line
from harvester.graph.crawls import Crawl, OfHarvest
from harvester.graph.findings import Reading
from harvester.networks.profiles import Lists, Profile
from harvester.networks.records import BrokenLine
from harvester.networks.registry import network_of
from harvester.reading import BadRecord, RecordFile, raw_lines
from harvester.reading.files import HarvestFolder, files_of, network_name
from harvester.store.keys import holds_accounts, side_name
from harvester.store.reading import Reader, reader


def findings(
    crawl: Crawl, depth: int, reading: Reading, *, places: Mapping[str, int] | None = None
) -> Iterator[list[bytes]]:
    """The findings of each stored page of a depth.

    With `places`, those of an account's list have its place.
    """
    for file in files(crawl, depth):
        yield from findings_in(crawl, file, reading, places=places)


def findings_in(
    crawl: Crawl, file: RecordFile, reading: Reading, *, places: Mapping[str, int] | None = None
) -> Iterator[list[bytes]]:
    """The findings of each page of one file."""
    source, lists = reader(crawl.store), network_of(crawl.tree).lists
    whose = {} if places is None else _accounts(source, file)
    for number, profiles in _pages(source, file, lists):
        yield reading.findings(profiles, (places or {}).get(whose.get(number, ""), 0))


def files(crawl: Crawl, depth: int) -> Iterator[RecordFile]:
    """The files of pages of a depth, in the order of their harvests."""
    source = reader(crawl.store)
    for of in crawl.harvests():
        if of.harvest.depth == depth:
            yield from _files(source, of)


def accounts(crawl: Crawl, depth: int) -> Iterator[Profile]:
    """The accounts on the stored pages of a depth, each once, in the order in which they came."""
    source, lists, known = reader(crawl.store), network_of(crawl.tree).lists, set()
    for of in crawl.harvests():
        if of.harvest.depth != depth:
            continue
        for file in _files(source, of):
            for _, profiles in _pages(source, file, lists):
                for profile in profiles:
                    if profile.id not in known:
                        known.add(profile.id)
                        yield profile


def _files(source: Reader, of: OfHarvest) -> Iterator[RecordFile]:
    """The files of pages of one harvest."""
    started = moment(of.harvest.timestamp)
    folder = of.keys.harvest(started).folder
    harvest = HarvestFolder(folder, started, tuple(source.entries(folder)))
    for file in files_of(source, of.keys, harvest, network=network_name(source, of.keys)):
        if holds_accounts(file.name):
            yield file


def _pages(source: Reader, file: RecordFile, lists: Lists) -> Iterator[tuple[int, Sequence[Profile]]]:
    """The pages of a file, each with the number of its line."""
    for line in raw_lines(source, file):
        try:
            yield line.number, lists.profiles(line.raw)
        except BrokenLine as error:
            raise BadRecord(
                file.key, line.number, error.why, hint="`collection verify` says which files are damaged."
            ) from None


def _accounts(source: Reader, file: RecordFile) -> dict[int, str]:
    """The account whose list each line is of, by the file of edges."""
    folder, _, name = file.key.rpartition("/")
    side = f"{folder}/{side_name(name)}"
    found = {}
    for line in raw_lines(source, RecordFile(side, file.collection, file.harvest, file.number, "", 0)):
        try:
            about = edges_line(line.raw)
        except ValueError as error:
            raise BadRecord(side, line.number, f"is not a line of edges: {error}") from None
        found[about.line] = about.user
    return found
