"""Nodes and edges as GEXF 1.3 and as GraphML, written while they are read."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

# Characters that XML cannot represent.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_PLAIN = re.compile(r"[\w:.#@ -]*", re.ASCII).fullmatch


class DrawnNode(NamedTuple):
    """A node with values for attributes of the drawing."""

    id: str
    label: str
    values: Mapping[str, object]


class DrawnEdge(NamedTuple):
    """An edge; without `weight` all count the same."""

    source: str
    target: str
    values: Mapping[str, object]
    weight: int | None = None


@dataclass(frozen=True)
class Drawing:
    """A graph; the attributes of its nodes and edges have the types of GEXF."""

    of_node: Mapping[str, str]
    of_edge: Mapping[str, str]
    nodes: Iterable[DrawnNode]
    edges: Iterable[DrawnEdge]
    directed: bool = True
    weighted: bool = True

    @property
    def direction(self) -> str:
        return "directed" if self.directed else "undirected"


def gexf(drawing: Drawing) -> Iterator[str]:
    """The lines of a GEXF file."""
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<gexf xmlns="http://gexf.net/1.3" version="1.3">'
    yield f'<graph mode="static" defaultedgetype="{drawing.direction}">'
    for kind, names in (("node", drawing.of_node), ("edge", drawing.of_edge)):
        yield f'<attributes class="{kind}">'
        yield from (f'<attribute id="{name}" title="{name}" type="{of}"/>' for name, of in names.items())
        yield "</attributes>"
    yield "<nodes>"
    for node in drawing.nodes:
        yield f"<node id={_quoted(node.id)} label={_quoted(node.label)}>{_gexf_values(node.values)}</node>"
    yield "</nodes>"
    yield "<edges>"
    for number, edge in enumerate(drawing.edges):
        weight = "" if edge.weight is None else f' weight="{edge.weight}"'
        ends = f"source={_quoted(edge.source)} target={_quoted(edge.target)}"
        yield f'<edge id="{number}" {ends}{weight}>{_gexf_values(edge.values)}</edge>'
    yield from ("</edges>", "</graph>", "</gexf>")


def _gexf_values(values: Mapping[str, object]) -> str:
    if not values:
        return ""
    found = [
        # Counts need no escapes.
        f'<attvalue for="{name}" value="{value}"/>'
        if type(value) is int
        else f'<attvalue for="{name}" value={_quoted(str(value))}/>'
        for name, value in values.items()
    ]
    return f"<attvalues>{''.join(found)}</attvalues>"


def graphml(drawing: Drawing) -> Iterator[str]:
    """The lines of a GraphML file."""
    weight = {"weight": "integer"} if drawing.weighted else {}
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    yield from _keys("node", {"label": "string", **drawing.of_node})
    yield from _keys("edge", {**weight, **drawing.of_edge})
    yield f'<graph edgedefault="{drawing.direction}">'
    for node in drawing.nodes:
        data = _data("node", {"label": node.label, **node.values})
        yield f"<node id={_quoted(node.id)}>{data}</node>"
    for edge in drawing.edges:
        weighed = {} if edge.weight is None else {"weight": edge.weight}
        data = _data("edge", {**weighed, **edge.values})
        yield f"<edge source={_quoted(edge.source)} target={_quoted(edge.target)}>{data}</edge>"
    yield from ("</graph>", "</graphml>")


def _keys(kind: str, names: Mapping[str, str]) -> Iterable[str]:
    for name, of in names.items():
        in_xml = "long" if of == "integer" else of
        yield f'<key id="{kind}-{name}" for="{kind}" attr.name="{name}" attr.type="{in_xml}"/>'


def _data(kind: str, values: Mapping[str, object]) -> str:
    return "".join(
        f'<data key="{kind}-{name}">{escape(_clean(str(value)))}</data>' for name, value in values.items()
    )


def _quoted(text: str) -> str:
    # Most are ids and names, which need no escapes.
    return f'"{text}"' if text.isalnum() or _PLAIN(text) else quoteattr(_clean(text))


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)
