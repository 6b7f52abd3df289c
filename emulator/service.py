"""Everything the endpoints of one emulator share."""

from dataclasses import dataclass

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
from emulator.views.pages import Pages
from emulator.world.archive_files import loaded
from emulator.world.query_cache import Queries
from emulator.world.world import World


@dataclass
class Service:
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


def service_of(options: Options) -> Service:
    """One emulator, with its archives loaded, before it listens."""
    clock = clock_named(options.clock)
    problems = Problems(options.problem_host)
    world = World(options, clock)
    if options.load:
        world.load(loaded(options.load))
    pages = Pages(world, problems)
    truth = Truth(clock)
    bounds = Bounds(options.geo_miles)
    rules = Rules(
        world,
        problems,
        bounds,
        cap=options.rule_cap,
        longest=options.rule_length,
        delay=options.rule_delay,
        vary=options.vary,
    )
    return Service(
        options=options,
        clock=clock,
        problems=problems,
        world=world,
        pages=pages,
        truth=truth,
        limits=Limits(clock, seconds=options.window, enforced=options.limits),
        door=Door(),
        rules=rules,
        stream=Stream(
            world,
            pages,
            truth,
            rules,
            most=options.connections,
            keepalive=options.keepalive,
            backlog=options.stream_backlog,
        ),
        faults=Faults.from_file(options.faults, seed=options.seed),
        queries=Queries(world, bounds),
    )
