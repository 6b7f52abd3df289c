"""What the lists of a depth named, read from the stored pages of its harvests."""

from collections.abc import Iterator, Mapping

from harvester.clock import moment
from harvester.documents.lists import edges_line
from harvester.graph.crawls import Crawl, OfHarvest
from harvester.graph.findings import Reading
from harvester.networks.profiles import Lists
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
    source, lists = reader(crawl.store), network_of(crawl.tree).lists
    for of in crawl.harvests():
        if of.harvest.depth != depth:
            continue
        for file in _files(source, of):
            yield from _of_file(source, file, lists, reading, places)


def _files(source: Reader, of: OfHarvest) -> Iterator[RecordFile]:
    """The files of pages of one harvest."""
    started = moment(of.harvest.timestamp)
    folder = of.keys.harvest(started).folder
    harvest = HarvestFolder(folder, started, tuple(source.entries(folder)))
    for file in files_of(source, of.keys, harvest, network=network_name(source, of.keys)):
        if holds_accounts(file.name):
            yield file


def _of_file(
    source: Reader, file: RecordFile, lists: Lists, reading: Reading, places: Mapping[str, int] | None
) -> Iterator[list[bytes]]:
    place_of = {} if places is None else _places(source, file, places)
    for line in raw_lines(source, file):
        try:
            profiles = lists.profiles(line.raw)
        except BrokenLine as error:
            raise BadRecord(
                file.key, line.number, error.why, hint="`collection verify` says which files are damaged."
            ) from None
        yield reading.findings(profiles, place_of.get(line.number, 0))


def _places(source: Reader, file: RecordFile, places: Mapping[str, int]) -> dict[int, int]:
    """The place of the account whose list a line is of, by the file of edges."""
    folder, _, name = file.key.rpartition("/")
    side = f"{folder}/{side_name(name)}"
    found = {}
    for line in raw_lines(source, RecordFile(side, file.collection, file.harvest, file.number, "", 0)):
        try:
            about = edges_line(line.raw)
        except ValueError as error:
            raise BadRecord(side, line.number, f"is no line of edges: {error}") from None
        found[about.line] = places.get(about.user, 0)
    return found
