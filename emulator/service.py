"""Everything the endpoints of one emulator share."""

from dataclasses import dataclass, replace

from emulator.api.auth import Door
from emulator.api.errors import Problems
from emulator.api.rate_limit import Limits
from emulator.clock import Clock, clock_named
from emulator.faults.script import Faults
from emulator.language import Bounds
from emulator.ledger import Truth
from emulator.options import Options
from emulator.streaming.rules import Rules
from emulator.streaming.stream import Stream
from emulator.surprises import Surprises
from emulator.views.pages import Pages
from emulator.world.archive_files import loaded
from emulator.world.query_cache import Queries
from emulator.world.world import World


@dataclass
class Service:
    """The service of one app; all apps share the world, its clock and the faults."""

    options: Options
    clock: Clock
    problems: Problems
    world: World
    pages: Pages
    truth: Truth
    limits: Limits
    door: Door
    rules: Rules
    stream: Stream
    faults: Faults
    queries: Queries
    apps: "list[Service]"
    surprises: Surprises | None


def services_of(options: Options) -> list[Service]:
    """The apps of one emulator, with its archives loaded, before it listens."""
    first = service_of(options)
    for number in range(2, options.apps + 1):
        truth = Truth(first.clock)
        rules = _rules(options, first.world, first.problems)
        first.apps.append(
            replace(
                first,
                truth=truth,
                limits=Limits(first.clock, seconds=options.window, enforced=options.limits),
                door=Door(number),
                rules=rules,
                stream=_stream(options, first.world, first.pages, truth, rules, first.surprises),
            )
        )
    return first.apps


def service_of(options: Options) -> Service:
    """The first app of one emulator, whose credentials are accepted in every form."""
    clock = clock_named(options.clock)
    problems = Problems(options.problem_host)
    world = World(options, clock)
    if options.load:
        world.load(loaded(options.load))
    pages = Pages(world, problems)
    truth = Truth(clock)
    rules = _rules(options, world, problems)
    apps: list[Service] = []
    surprises = None if options.surprise is None else Surprises(options.surprise)
    service = Service(
        options=options,
        clock=clock,
        problems=problems,
        world=world,
        pages=pages,
        truth=truth,
        limits=Limits(clock, seconds=options.window, enforced=options.limits),
        door=Door(owner=options.owner),
        rules=rules,
        stream=_stream(options, world, pages, truth, rules, surprises),
        faults=Faults.from_file(options.faults, seed=options.seed),
        queries=Queries(world, Bounds(options.geo_miles)),
        apps=apps,
        surprises=surprises,
    )
    apps.append(service)
    return service


def _rules(options: Options, world: World, problems: Problems) -> Rules:
    return Rules(
        world,
        problems,
        Bounds(options.geo_miles),
        cap=options.rule_cap,
        longest=options.rule_length,
        delay=options.rule_delay,
        vary=options.vary,
    )


def _stream(
    options: Options,
    world: World,
    pages: Pages,
    truth: Truth,
    rules: Rules,
    surprises: Surprises | None,
) -> Stream:
    return Stream(
        world,
        pages,
        truth,
        rules,
        most=options.connections,
        keepalive=options.keepalive,
        backlog=options.stream_backlog,
        surprises=surprises,
    )
