"""What a killed export left is removed by the next one to its name; what a living one writes is not."""

from pathlib import Path

import pytest

from harvester.errors import HarvesterError
from harvester.exports.output import folder, output

_DEAD = f"{'0' * 32}.part"


@pytest.mark.parametrize("made", ["file", "folder"])
def test_the_parts_of_dead_exports_to_this_name_are_removed(made: str, tmp_path: Path) -> None:
    goal = tmp_path / "posts"
    others = [tmp_path / name for name in (f"posts.csv.{_DEAD}", "posts.part", f"posts.{'0' * 31}.part")]
    for other in others:
        other.write_text("not ours")
    (tmp_path / f"posts.{_DEAD}").write_text("half of a file")
    (tmp_path / f"posts.{'1' * 32}.part").mkdir()
    (tmp_path / f"posts.{'1' * 32}.part" / "half").write_text("of a folder")
    if made == "file":
        with output(str(goal)) as file:
            file.write(b"all")
    else:
        with folder(str(goal), known_by=[]) as part, output(str(part / "posts")) as file:
            file.write(b"all")
    assert sorted(tmp_path.iterdir()) == sorted([goal, *others])


def test_the_part_of_a_living_export_stays(tmp_path: Path) -> None:
    goal, made_meanwhile = tmp_path / "posts", "was made by another program meanwhile"
    with pytest.raises(HarvesterError, match=made_meanwhile), output(str(goal)):
        (living,) = tmp_path.iterdir()
        with output(str(goal)) as second:
            second.write(b"all")
        assert living.exists()
    assert (goal.read_bytes(), list(tmp_path.iterdir())) == (b"all", [goal])
    goal.unlink()
    with pytest.raises(HarvesterError, match=made_meanwhile), folder(str(goal), known_by=[]) as living:
        with folder(str(goal), known_by=[]) as other:
            (other / "posts").write_bytes(b"all")
        assert living.exists()
    assert list(tmp_path.rglob("*")) == [goal, goal / "posts"]
