"""`files repair`: copies the readable records of a damaged file to a new one."""

from dataclasses import dataclass
from pathlib import Path

from harvester.errors import Exit, HarvesterError
from harvester.exports.output import output
from harvester.networks.registry import usual
from harvester.reading.lines import BadRecord, local_raw_lines, read_rows


@dataclass(frozen=True)
class Mended:
    """What was kept; `lost` has the place of each damage."""

    lines: int
    bytes: int
    lost: tuple[str, ...]


def mend(name: str, to: str) -> Mended:
    """Write the lines that are records to another file; raises if there is none."""
    if to != "-" and Path(name).exists() and Path(to).exists() and Path(to).samefile(name):
        raise HarvesterError(
            f"{name} is not repaired in place.", hint="Name another file with -o.", exit_code=Exit.USAGE
        )
    bad: list[BadRecord] = []
    network = usual()
    lines = size = 0
    with output(to) as file:
        for line in local_raw_lines(name, on_bad=bad.append):
            if line.raw.strip() and read_rows(line, name, network, on_bad=bad.append) is not None:
                file.write(line.raw + b"\n")
                lines += 1
                size += len(line.raw) + 1
        if bad and not lines:
            why = f"Nothing of {name} can be read as records: line {bad[0].line} {bad[0].why}."
            raise HarvesterError(why, hint="Nothing was written.")
    return Mended(lines, size, tuple(f"line {each.line}: {each.why}" for each in bad))
