"""Reads a source tree and says where it breaks the design: what may know what, and what may be called what.

A room is a module or folder directly below `harvester/`. Imports inside functions and behind TYPE_CHECKING
count like all others, so that no arrow can hide.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# A folder or root module may import those of its own ring and of the rings above it here.
RINGS = (
    "errors clock text documents settings capacity",
    "aws",
    "store",
    "collection",
    "networks",
    "harvest",
    "monitoring curation compute sinks reading",
    "tables ledger graph",
    "search accounts exports statistics",
    "checks",
    "dashboard",
    "commands startup",
)

# Packages from outside, and the only modules or folders below harvester/ that may import them.
HOMES: Mapping[str, tuple[str, ...]] = {
    "boto3": ("aws.session",),
    "botocore": ("aws", "store.by_boto3"),
    "certifi": ("store.connections",),
    "click": ("commands",),
    "confluent_kafka": ("sinks.kafka",),
    "duckdb": ("tables",),
    "flask": ("monitoring.status_server", "dashboard"),
    "jinja2": ("dashboard",),
    "honeybadger": ("monitoring.honeybadger",),
    "isal": ("harvest.segment", "networks.x", "reading", "exports", "sinks.archive"),
    "msgspec": (
        *("networks.x", "networks.rows", "networks.profiles", "collection.replay", "documents", "sinks"),
        *("search.facts", "search.hits", "exports", "tables", "reading"),
    ),
    "oauthlib": ("networks.x",),
    "obstore": ("store.reading",),
    "orjson": ("",),
    "redis": ("networks.x.imports",),
    "requests": ("networks.x",),
    "requests_oauthlib": ("networks.x",),
    "sqlalchemy": ("networks.x.imports",),
    # The one of Python's own that is in the table: whoever writes SQL is in one room.
    "sqlite3": ("ledger",),
    "tantivy": ("search",),
    "twarc": ("networks.x",),
    "urllib3": ("networks.x",),
    "werkzeug": ("dashboard",),
    "waitress": ("monitoring.bounded_http", "dashboard"),
    "zlib_ng": ("harvest.segment",),
}
EMULATOR_USES = {"aiohttp", "multidict", "oauthlib", "orjson", "yarl"}

# These take and return values, so they need nothing of the world: no files, network, threads or clock.
PURE = (
    *("errors", "text", "documents.repeated_keys", "documents", "capacity", "store.keys", "networks.gap"),
    *("documents.compact_users", "store.file_names"),
    *("networks.repair", "networks.x.repair.operators", "networks.x.repair.queries"),
    *("collection.description", "collection.secrets", "collection.kinds", "networks.x.rules.values"),
    *("networks.x.rules.collection_rules", "networks.x.rules.translation", "networks.x.rules.packing"),
    *("collection.kinds.kind", "collection.kinds.user_timeline", "collection.kinds.search"),
    *("collection.kinds.filter", "collection.kinds.repair", "collection.kinds.names"),
    *("collection.kinds.graph", "networks.crawl", "documents.lists"),
    *("collection.changeset", "collection.merge", "collection.changelog", "collection.sinks"),
    "collection.known",
    *("networks.x.imports.rows", "networks.x.imports.values", "networks.x.imports.rule_files"),
    *(f"networks.x.matching.{name}" for name in ("words", "boxes", "facts", "conditions", "rule_index")),
    *("networks.x.matching.match", "networks.x.matching.attribution", "networks.x.matching.enrichment"),
    *("collection.kafka_sink", "search.words", "search.expression", "search.terms", "search.parsing"),
    *("search.plain", "search.hits", "search.answers", "ledger.spans", "ledger.tables"),
    "ledger.dates",
    *("networks.rows", "statistics.minute", "statistics.graphite"),
    *("dashboard.states", "dashboard.charts.svg", "dashboard.charts.bars", "dashboard.charts.spark"),
    *("dashboard.charts.donut", "dashboard.charts.world"),
    *("collection.shards", "networks.x.rules.placement", "collection.selection"),
    *("collection.pattern_parts", "collection.patterns"),
    *("networks.profiles", "graph.select"),
    *("collection.workers", "store.worker_keys"),
)
PURE_IMPORTS = {
    *(
        "abc",
        "base64",
        "bisect",
        "calendar",
        "codecs",
        "collections",
        "csv",
        "dataclasses",
        "datetime",
        "difflib",
        "enum",
        "functools",
        "hashlib",
    ),
    *(
        "html",
        "io",
        "itertools",
        "math",
        "msgspec",
        "operator",
        "orjson",
        "re",
        "string",
        "typing",
        "unicodedata",
    ),
}
IMPURE_CALLS = {"open", "print", "input", "now", "utcnow", "today", "read_text", "write_text", "exists"}

# A sleep hears no stop; these waits are of milliseconds and not a harvest's.
MAY_SLEEP = ("store.folder",)

# Of the networks built in, the rest knows the contract; these commands exist for X's keys and rules.
NETWORKS = ("networks.x",)
MAY_NAME = {
    "networks.registry": ("networks.x.network",),
    "commands.collection.rules": ("networks.x.XClient", "networks.x.rules"),
    "commands.config.api_keys": ("networks.x.keys",),
    "commands.config.import_rules": ("networks.x.imports",),
    "commands.config.rules": ("networks.x.rules",),
    "commands.config.shards": ("networks.x.XClient", "networks.x.rules"),
    "commands.config.watch_rules": ("networks.x.imports",),
    "commands.config.typed_keys": ("networks.x.keys",),
}

# The kinds of collections, as code and as a collection.json name them.
KIND_NAMES = {"USER_TIMELINE", "SEARCH", "FILTER", "REPAIR", "GRAPH"}
KINDS = {"user_timeline", "search", "filter", "repair", "graph"}

# Who only reads an outcome should not pay for importing requests; TYPE_CHECKING says what is hidden.
# A deferred command names its module, and counts as an import of it.
LAZY_DOORS = ("networks.x", "networks.x.twarc_lists", "commands.cli.group")
# What click calls its own.
THEIR_NAMES = {"get_command"}

EMPTY_NAMES = {"util", "helper", "common", "manager", "base", "misc", "core", "lib", "handler", "stuff"}
DOORS = ("twarc_cloud.py", "tweet_harvester.py")
LONGEST_FUNCTION = 60
LONGEST_FILE = 300


@dataclass(frozen=True)
class Module:
    """One file: its dotted name, e.g. `harvester.store.s3`, and what it imports, with line numbers."""

    name: str
    path: Path
    tree: ast.Module
    lines: int
    imports: tuple[tuple[str, int], ...]
    # All of the tree, for a walk through it takes as long as to parse it.
    nodes: tuple[ast.AST, ...]

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    @property
    def inner(self) -> str:
        """The name below the package; empty for the package itself."""
        return self.name.partition(".")[2]

    @property
    def room(self) -> str:
        return self.inner.partition(".")[0]

    @property
    def is_folder(self) -> bool:
        return self.path.name == "__init__.py"


def problems(root: Path) -> list[str]:
    """Every breach of the design in the tree below `root`, each with its place."""
    modules = {module.name: module for module in modules_of(root)}
    found: list[str] = []
    for module in modules.values():
        for rule in _RULES:
            found.extend(f"{module.path.relative_to(root)}{problem}" for problem in rule(module, modules))
    found.extend(_cycles(modules))
    found.extend(_doors(root))
    return sorted(found)


def modules_of(root: Path) -> Iterator[Module]:
    for package in ("harvester", "emulator"):
        for path in sorted((root / package).rglob("*.py")):
            name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            source = path.read_text(encoding="utf-8")
            yield parsed(name, path, source)


def parsed(name: str, path: Path, source: str) -> Module:
    tree = ast.parse(source)
    folder = name if path.name == "__init__.py" else name.rpartition(".")[0]
    nodes = tuple(ast.walk(tree))
    return Module(name, path, tree, source.count("\n"), tuple(_imports(nodes, folder)), nodes)


def _imports(nodes: Iterable[ast.AST], folder: str) -> Iterator[tuple[str, int]]:
    """Dotted names; `from harvester import clock` is harvester.clock, and of a name in a module, both."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = folder.split(".")[: len(folder.split(".")) - node.level + 1] if node.level else []
            start = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((f"{start}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Deferred":
            yield from ((f"harvester.commands.{place}", node.lineno) for place in _places(node))


def _places(call: ast.Call) -> Iterator[str]:
    """Of a deferred command: the module and name that it is imported by."""
    for argument in call.args[1:2]:
        if isinstance(argument, ast.Constant):
            yield str(argument.value).replace(":", ".")


def target_of(name: str, modules: Mapping[str, Module]) -> str:
    """The module of ours that an imported name is or lies in; empty when it is from outside."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name


def _inward(module: Module, modules: Mapping[str, Module]) -> Iterator[str]:
    if module.package != "harvester" or not module.room:
        return
    mine = _ring(module.room)
    if mine is None:
        yield f": the room {module.room} is in no ring"
        return
    for name, line in module.imports:
        target = modules.get(target_of(name, modules))
        if target is None or target.package != "harvester" or not target.room:
            continue
        ring = _ring(target.room)
        if ring is not None and ring > mine:
            yield f":{line}: imports outward: {module.room} (ring {mine}) knows {target.room} (ring {ring})"


def _ring(room: str) -> int | None:
    return next((number for number, ring in enumerate(RINGS, 1) if room in ring.split()), None)


def _kinds_by_their_nature(module: Module, modules: Mapping[str, Module]) -> Iterator[str]:
    """A kind of collection is asked what it is like; its name is compared only in the table."""
    if module.package != "harvester" or _below(module.inner, "collection.kinds"):
        return
    for node in module.nodes:
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            # `"search" in tree` asks for a section, which has the name of its kind.
            if isinstance(node.ops[0], ast.In | ast.NotIn) and isinstance(node.left, ast.Constant):
                sides = sides[1:]
            if any(_is_kind(part) for side in sides for part in ast.walk(side)):
                yield f":{node.lineno}: compares with a kind; ask collection.kinds what it is like"


def _is_kind(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in KIND_NAMES
    if isinstance(node, ast.Constant):
        return node.value in KINDS
    return isinstance(node, ast.Name) and node.id in KIND_NAMES


def _behind_the_contract(module: Module, modules: Mapping[str, Module]) -> Iterator[str]:
    if module.package != "harvester" or any(_below(module.inner, network) for network in NETWORKS):
        return
    for name, line in module.imports:
        inner = name.removeprefix("harvester.")
        doors = MAY_NAME.get(module.inner, ())
        if any(_below(inner, network) for network in NETWORKS) and not any(_below(inner, d) for d in doors):
            yield f":{line}: names a network; ask networks.registry for one"


def _apart(module: Module, modules: Mapping[str, Module]) -> Iterator[str]:
    ours = {"harvester", "emulator", "tests", "bench", "docs", *(door.removesuffix(".py") for door in DOORS)}
    for name, line in module.imports:
        top = name.partition(".")[0]
        if top in ours and top != module.package:
            yield f":{line}: {module.package} imports {top}"
        if top == "importlib" and "metadata" not in name and module.inner not in LAZY_DOORS:
            yield f":{line}: importlib hides what is imported"


def _at_home(module: Module, modules: Mapping[str, Module]) -> Iterator[str]:
    for name, line in module.imports:
        top = name.partition(".")[0]
        if top in ("harvester", "emulator") or (top in sys.stdlib_module_names and top not in HOMES):
            continue
        if module.package == "emulator":
            if top not in EMULATOR_USES:
                yield f":{line}: the emulator uses {top}"
        elif not any(_below(module.inner, home) for home in HOMES.get(top, ())):
            homes = " and ".join(f"harvester.{home}" for home in HOMES.get(top, ())) or "no module"
            yield f":{line}: imports {top}, whose home is {homes}"


def _below(inner: str, home: str) -> bool:
    return not home or inner == home or inner.startswith(f"{home}.")


def _pure(module: Module, modules: Mapping[str, Module]) -> Iterator[str]:
    if module.package != "harvester" or not module.inner or module.inner not in PURE:
        return
    for name, line in module.imports:
        top = name.partition(".")[0]
        if top != "harvester" and top not in PURE_IMPORTS:
            yield f":{line}: a module of values imports {top}"
    for node in module.nodes:
        if isinstance(node, ast.Call) and _called(node) in IMPURE_CALLS:
            yield f":{node.lineno}: a module of values calls {_called(node)}()"


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _awake(module: Module, modules: Mapping[str, Module]) -> Iterator[str]:
    if module.package != "harvester" or module.inner in MAY_SLEEP:
        return
    for node in module.nodes:
        if isinstance(node, ast.Call) and _called(node) == "sleep":
            yield f":{node.lineno}: sleeps; wait on a Stop, so that the wait hears it"


def _named(module: Module, modules: Mapping[str, Module]) -> Iterator[str]:
    for part in module.name.split("."):
        for word in part.strip("_").split("_"):
            if word.removesuffix("s") in EMPTY_NAMES or word in EMPTY_NAMES:
                yield f": the name {part} says nothing"
    for node in module.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("get_"):
            if node.name in THEIR_NAMES:
                continue
            yield f":{node.lineno}: {node.name} is a noun for an answer or a verb for an action, not get_"
        if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Helper|Utils?|Base)$", node.name):
            yield f":{node.lineno}: the name {node.name} says nothing"


def _short(module: Module, modules: Mapping[str, Module]) -> Iterator[str]:
    if module.lines > LONGEST_FILE:
        yield f": {module.lines} lines; above {LONGEST_FILE} it becomes a folder"
    for node in module.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f":{node.lineno}: {node.name} has {length} lines, more than {LONGEST_FUNCTION}"


def _told(module: Module, modules: Mapping[str, Module]) -> Iterator[str]:
    if not (ast.get_docstring(module.tree) or "").strip():
        yield ": no docstring tells what this module promises"


_RULES = (
    _inward,
    _kinds_by_their_nature,
    _behind_the_contract,
    _apart,
    _at_home,
    _pure,
    _awake,
    _named,
    _short,
    _told,
)


def _cycles(modules: Mapping[str, Module]) -> Iterator[str]:
    """Rings of imports between modules. A folder's own table of its members is not an arrow."""
    arrows: dict[str, set[str]] = {name: set() for name in modules}
    for module in modules.values():
        for name, _ in module.imports:
            target = target_of(name, modules)
            own = module.is_folder and target.startswith(f"{module.name}.")
            if target and target != module.name and not own:
                arrows[module.name].add(target)
    done: set[str] = set()
    for start in arrows:
        yield from _loops(start, arrows, (), done)


def _loops(
    name: str, arrows: Mapping[str, Iterable[str]], way: tuple[str, ...], done: set[str]
) -> Iterator[str]:
    if name in way:
        yield "imports in a circle: " + " -> ".join([*way[way.index(name) :], name])
        return
    if name in done:
        return
    for target in sorted(arrows[name]):
        yield from _loops(target, arrows, (*way, name), done)
    done.add(name)


def _doors(root: Path) -> Iterator[str]:
    """A door is a docstring, imports of harvester.startup, and one call when it is run."""
    for door in DOORS:
        path = root / door
        if not path.exists():
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not ast.get_docstring(tree):
            yield f"{door}: no docstring"
        calls = 0
        for node in tree.body[1:]:
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "harvester":
                if node.module != "harvester.startup":
                    yield f"{door}:{node.lineno}: imports {node.module}; a door leads to harvester.startup"
            elif isinstance(node, ast.If) and len(node.body) == 1 and not node.orelse:
                calls += 1
            elif not isinstance(node, ast.Import):
                yield f"{door}:{node.lineno}: more than a door"
        if calls != 1:
            yield f"{door}: does not do exactly one thing when it is run"
