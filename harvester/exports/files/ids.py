"""`files ids`: ids from records, text or packed files, as text or packed."""

from collections.abc import Iterable
from itertools import chain

from harvester.exports.files.local import ids_in, packed_id
from harvester.exports.ids import sort_key
from harvester.exports.output import output
from harvester.exports.written import Written, written
from harvester.reading.external_sort import Sorter
from harvester.reading.lines import OnBad


def write_ids(
    names: Iterable[str],
    to: str,
    *,
    of_users: bool = False,
    from_packed: bool = False,
    packed: bool = False,
    unique: bool = False,
    on_bad: OnBad | None = None,
) -> Written:
    """The ids of all files in their order; with `unique` sorted and each once."""
    found: Iterable[str] = chain.from_iterable(
        ids_in(name, of_users=of_users, packed=from_packed, on_bad=on_bad) for name in names
    )
    number = 0
    with Sorter(unique=True) as sorter, output(to) as file:
        if unique:
            for each in found:
                sorter.add(sort_key(each))
            found = (key[2:].decode() for key, _ in sorter)
        for number, each in enumerate(found, 1):  # noqa: B007
            file.write(packed_id(each) if packed else f"{each}\n".encode("utf-8", "replace"))
    return written(number, file, what="id")
