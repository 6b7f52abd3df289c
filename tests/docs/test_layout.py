"""The picture of the package layout is drawn from the code, and what is counted beside it is there."""

from pathlib import Path

from tests.layout import PAGE, ROOT, Layout, drawn, figures, picture, with_parts

_FILES = {
    "tests/rings.py": 'RINGS = ("errors clock", "store", "commands")\n',
    "harvester/__init__.py": '"""A package."""\n',
    "harvester/errors.py": '"""Errors."""\n',
    "harvester/clock.py": '"""Time."""\nfrom harvester.errors import X\n',
    "harvester/store/__init__.py": '"""Stores."""\nfrom harvester import clock, errors\n',
    "harvester/commands/__init__.py": '"""Commands."""\nfrom harvester.store import Store, clock\n',
    "harvester/commands/cli/__init__.py": '"""Parts."""\nfrom harvester.errors import X\n',
}


def _layout(root: Path, **more: str) -> Layout:
    for name, text in {**_FILES, **more}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Layout(root)


def test_the_design_page_shows_the_layout_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_parts(page, drawn(Layout(ROOT))) == page, "python -m tests.layout --write"


def test_a_picture_has_each_folder_and_no_arrow_that_follows_from_others(tmp_path: Path) -> None:
    assert picture(_layout(tmp_path)).splitlines() == [
        "flowchart TD",
        '  commands["commands/<br/>cli"]',
        '  store["store/"]',
        '  errors["errors, clock"]',
        "  commands --> store",
        "  store --> errors",
    ]


def test_climbs_and_cycles_are_counted_also_of_deferred_imports(tmp_path: Path) -> None:
    sound = figures(_layout(tmp_path))
    assert sound["imports that climb"] == sound["cycles of rooms"] == sound["modules in such cycles"] == 0
    assert sound["modules at the root of `harvester/`"] == 2
    assert sound["arrows: pairs of rooms with an import"] == 5
    later = '"""Errors."""\ndef f():\n    from harvester.clock import now\n    from harvester import store\n'
    broken = figures(_layout(tmp_path, **{"harvester/errors.py": later}))
    assert broken["imports that climb"] == 1
    assert broken["cycles of rooms"] == 1
    assert broken["modules in such cycles"] == 3
