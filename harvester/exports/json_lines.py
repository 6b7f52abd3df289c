"""Records as lines of JSON."""

import json

import orjson

from harvester.documents import Tree


def line_of(tree: Tree, *, by_name: bool = False) -> bytes:
    """The line without its end; with `by_name`, members in the order of their names."""
    try:
        return orjson.dumps(tree, option=orjson.OPT_SORT_KEYS if by_name else 0)
    except TypeError:
        # Half of a surrogate pair, or a number of more than 64 bits, which JSON may have.
        return json.dumps(tree, separators=(",", ":"), sort_keys=by_name).encode()
