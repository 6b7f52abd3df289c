"""Counts the folders of harvester/ and the imports between them, and draws the picture in docs/design.md.

`python -m tests.layout` counts this checkout, `python -m tests.layout f2ea3ec .` a commit or another checkout
beside it. `--write` writes the picture and the figures into docs/design.md; a test fails when they are old.
"""

import argparse
import ast
import io
import subprocess
import sys
import tarfile
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.rings import Module, modules_of, target_of

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "design.md"

Arrows = Mapping[str, set[str]]


class Layout:
    """The modules of harvester/ in one checkout, and which imports which; deferred imports count."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.modules = {name: each for name, each in _ours(root)}
        self.imports = {name: set(self._imported(each)) for name, each in self.modules.items()}
        self.rings = _rings(root)

    def _imported(self, module: Module) -> Iterator[str]:
        for name, _ in module.imports:
            target = target_of(name, self.modules)
            if target and target != module.name:
                yield target

    @property
    def rooms(self) -> list[str]:
        """Modules and folders directly below harvester/, from the innermost ring to the outermost."""
        found = {each.room for each in self.modules.values() if each.room}
        order = [room for ring in self.rings for room in ring]
        return sorted(found, key=lambda room: (order.index(room) if room in order else len(order), room))

    @property
    def folders(self) -> list[str]:
        """The packages below harvester/, as dotted names without it."""
        return sorted(each.inner for each in self.modules.values() if each.is_folder and each.inner)

    @property
    def between(self) -> list[tuple[str, str]]:
        """Each import of a module in one room by a module in another."""
        pairs = [(name, target) for name, targets in self.imports.items() for target in targets]
        return [(name, target) for name, target in pairs if self._room(name) != self._room(target)]

    @property
    def arrows(self) -> dict[str, set[str]]:
        """The rooms that each room imports. The package itself, which has the version, is no room."""
        found: dict[str, set[str]] = {room: set() for room in self.rooms}
        for name, target in self.between:
            if self._room(name) and self._room(target):
                found[self._room(name)].add(self._room(target))
        return found

    @property
    def climbs(self) -> list[tuple[str, str]]:
        """Imports of an outer ring by an inner one."""
        ring = {room: number for number, rooms in enumerate(self.rings) for room in rooms}
        return [
            (name, target)
            for name, target in self.between
            if ring.get(self._room(target), 0) > ring.get(self._room(name), 0) and self._room(name)
        ]

    def _room(self, name: str) -> str:
        return self.modules[name].room


def _ours(root: Path) -> Iterator[tuple[str, Module]]:
    return ((each.name, each) for each in modules_of(root) if each.package == "harvester")


def _rings(root: Path) -> list[list[str]]:
    """The table of that checkout's own tests/rings.py."""
    tree = ast.parse((root / "tests/rings.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "RINGS":
            return [ring.split() for ring in ast.literal_eval(node.value)]
    raise SystemExit(f"{root}: tests/rings.py has no table RINGS")


def cycles(arrows: Arrows) -> list[set[str]]:
    """Groups of nodes that all reach each other."""
    reached = {name: _reached(name, arrows) for name in arrows}
    groups = {
        frozenset(other for other in reached[name] if name in reached.get(other, ())) for name in arrows
    }
    return sorted((set(group) for group in groups if len(group) > 1), key=sorted)


def _reached(name: str, arrows: Arrows) -> set[str]:
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        for target in arrows.get(waiting.pop(), ()):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen


def figures(layout: Layout) -> dict[str, int]:
    """What is counted, by name."""
    modules = [each for each in layout.modules.values() if not each.is_folder]
    at_root = [each for each in modules if "." not in each.inner]
    between = layout.between
    in_rings = cycles(layout.imports)
    return {
        "modules": len(modules),
        "modules at the root of `harvester/`": len(at_root),
        "folders, at any depth": len(layout.folders),
        "rooms: root modules and top folders": len(layout.rooms),
        "arrows: pairs of rooms with an import": sum(map(len, layout.arrows.values())),
        "imports of a module in another room": len(between),
        "imports that climb": len(layout.climbs),
        "cycles of rooms": len(cycles(layout.arrows)),
        "cycles of modules, deferred imports counted": len(in_rings),
        "modules in such cycles": sum(map(len, in_rings)),
        "lines of `harvester/`": sum(each.lines for each in layout.modules.values()),
    }


def table(layouts: Mapping[str, Layout]) -> str:
    """The figures, a column for each checkout."""
    counted = {title: figures(layout) for title, layout in layouts.items()}
    rows = [["", *counted], ["--", *("--:" for _ in counted)]]
    rows += [
        [name, *(f"{each[name]:,}" for each in counted.values())] for name in next(iter(counted.values()))
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def picture(layout: Layout) -> str:
    """A Mermaid graph of the rooms, one box for a ring's modules; arrows that others imply are left out."""
    box = {room: _box(room, ring, layout) for ring in layout.rings for room in ring}
    arrows: dict[str, set[str]] = {name: set() for name in box.values()}
    for room, targets in layout.arrows.items():
        arrows[box[room]] |= {box[target] for target in targets} - {box[room]}
    lines = ["flowchart TD"]
    for name in reversed(arrows):
        inner = [each.rpartition(".")[2] for each in layout.folders if each.rpartition(".")[0] == name]
        held = [room for room in box if box[room] == name]
        title = ", ".join(f"{room}/" if _is_folder(room, layout) else room for room in held)
        lines.append(f'  {name}["{title}{"<br/>" + ", ".join(inner) if inner else ""}"]')
    for name, targets in reversed(_reduced(arrows).items()):
        lines += [f"  {name} --> {target}" for target in sorted(targets)]
    return "\n".join(lines)


def _box(room: str, ring: list[str], layout: Layout) -> str:
    """Modules of a ring share one with folders that import them and that they import.

    Any other folder is a box of its own.
    """
    modules = {each for each in ring if not _is_folder(each, layout)}
    used = set().union(*(layout.arrows.get(each, set()) for each in modules)) if modules else set()
    shared = [
        each for each in ring if each in modules or (each in used and _reached(each, layout.arrows) & modules)
    ]
    return shared[0] if room in shared else room


def _is_folder(room: str, layout: Layout) -> bool:
    return layout.modules[f"harvester.{room}"].is_folder


def _reduced(arrows: Arrows) -> dict[str, set[str]]:
    """The arrows that no detour replaces."""
    return {
        name: {each for each in targets if not any(each in _reached(via, arrows) for via in targets - {each})}
        for name, targets in arrows.items()
    }


def promises(layout: Layout) -> str:
    """Each folder with its first sentence, outermost ring first."""
    lines = []
    for room in reversed(layout.rooms):
        if _is_folder(room, layout):
            sentence = (ast.get_docstring(layout.modules[f"harvester.{room}"].tree) or "").splitlines()[0]
            lines += textwrap.wrap(f"- **{room}/** {sentence}", 100, subsequent_indent="  ")
    return "\n".join(lines)


def with_parts(page: str, parts: Mapping[str, str]) -> str:
    """The page with what stands between `<!-- layout: NAME -->` and `<!-- end -->` written anew."""
    for name, text in parts.items():
        before, mark, rest = page.partition(f"<!-- layout: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not mark or not end:
            raise SystemExit(f"docs/design.md has no place for {name}")
        page = f"{before}{mark}{text}\n{end}{after}"
    return page


def drawn(layout: Layout) -> dict[str, str]:
    """The parts of docs/design.md that follow from the code."""
    return {"picture": f"```mermaid\n{picture(layout)}\n```", "promises": promises(layout)}


def _read(named: str, folder: Path) -> Layout:
    """A checkout by its folder, or a commit of this repository."""
    if Path(named).is_dir():
        return Layout(Path(named))
    packed = subprocess.run(
        ["git", "archive", named, "harvester", "emulator", "tests/rings.py"], cwd=ROOT, capture_output=True
    )
    if packed.returncode:
        raise SystemExit(f"{named} is neither a folder nor a commit: {packed.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder / named, filter="data")
    return Layout(folder / named)


def main(arguments: Iterable[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkouts", nargs="*", default=["."], help="folders or commits")
    parser.add_argument("--climbs", action="store_true", help="list the imports that climb, and the cycles")
    parser.add_argument("--write", action="store_true", help="write the picture into docs/design.md")
    given = parser.parse_args(list(arguments))
    with tempfile.TemporaryDirectory() as folder:
        layouts = {named: _read(named, Path(folder)) for named in given.checkouts}
    sys.stdout.write(table(layouts) + "\n")
    for named, layout in layouts.items() if given.climbs else ():
        for name, target in layout.climbs:
            sys.stdout.write(f"{named}: {name} climbs to {target}\n")
        for group in cycles(layout.imports):
            sys.stdout.write(f"{named}: a cycle of {', '.join(sorted(group))}\n")
    if given.write:
        parts = drawn(Layout(ROOT))
        PAGE.write_text(with_parts(PAGE.read_text(encoding="utf-8"), parts), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
