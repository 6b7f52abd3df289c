"""Follow edges as a sparse matrix in a file of numpy, which SciPy opens; written without either."""

import sys
import zipfile
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from harvester.errors import Exit, HarvesterError
from harvester.exports.edges.graph import FollowGraph
from harvester.exports.output import STANDARD_OUTPUT, hashed, whole_alone
from harvester.exports.written import Written

_MAGIC = b"\x93NUMPY\x01\x00"
_BLOCK = 1 << 16
# The same edges are the same bytes: zip files have no older date.
_DATE = (1980, 1, 1, 0, 0, 0)


def write_npz(graph: FollowGraph, to: str, *, marked: bool) -> Written:
    """Rows are those who follow, columns those who are followed; `ids` names both, in ascending order.

    The arrays are SciPy's of a CSR matrix: row `i` has the columns `indices[indptr[i]:indptr[i + 1]]`.
    Each value in `data` is 1, or with `marked` 2 for an edge that no complete list has. The ids are in
    memory, 8 bytes each, and the offsets of the rows.
    """
    if to == STANDARD_OUTPUT:
        raise HarvesterError("npz is written to a file.", hint="Name it with -o.", exit_code=Exit.USAGE)
    number = graph.find_nodes()
    ids = array("q", graph.ids())
    with whole_alone(Path(to)) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as packed:
        with _member(packed, "ids", "<i8", f"({len(ids)},)") as file:
            file.write(_little(ids))
        offsets = array("q", bytes(8 * (len(ids) + 1)))
        with _member(packed, "indices", "<i8", f"({number},)") as file:
            _write(file, "q", _columns(graph, ids, offsets))
        for row in range(1, len(offsets)):
            offsets[row] += offsets[row - 1]
        with _member(packed, "indptr", "<i8", f"({len(offsets)},)") as file:
            file.write(_little(offsets))
        with _member(packed, "data", "|i1", f"({number},)") as file:
            _write(file, "b", (2 if marked and not complete else 1 for *_, complete in graph.numbers()))
        with _member(packed, "shape", "<i8", "(2,)") as file:
            file.write(_little(array("q", (len(ids), len(ids)))))
        with _member(packed, "format", "|S3", "()") as file:
            file.write(b"csr")
    size, sha256 = hashed(Path(to))
    return Written(number, size, sha256, "edge", figures={"nodes": len(ids)})


def _columns(graph: FollowGraph, ids: "array[int]", offsets: "array[int]") -> Iterator[int]:
    """The places of the followed; counts each row's in the offset behind it."""
    last = row = -1
    for source, target, _ in graph.numbers():
        if source != last:
            row, last = bisect_left(ids, source), source
        offsets[row + 1] += 1
        yield bisect_left(ids, target)


def _write(file: IO[bytes], kind: str, values: Iterable[int]) -> None:
    block = array(kind)
    for value in values:
        block.append(value)
        if len(block) >= _BLOCK:
            file.write(_little(block))
            block = array(kind)
    file.write(_little(block))


def _little(values: "array[int]") -> bytes:
    if sys.byteorder == "big":
        values = array(values.typecode, values)
        values.byteswap()
    return values.tobytes()


@contextmanager
def _member(packed: zipfile.ZipFile, name: str, kind: str, shape: str) -> Iterator[IO[bytes]]:
    """An array of the file: the header of the npy format, version 1, and the values that are then written."""
    info = zipfile.ZipInfo(f"{name}.npy", _DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    described = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    # The values begin at a multiple of 64 bytes.
    room = -(len(_MAGIC) + 2 + len(described) + 1) % 64
    header = f"{described}{' ' * room}\n".encode()
    with packed.open(info, "w", force_zip64=True) as file:
        file.write(_MAGIC + len(header).to_bytes(2, "little") + header)
        yield file
