"""The network as GEXF 1.3 and as GraphML, written while it is read."""

import re
from collections.abc import Iterable, Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

from harvester.exports.network.edges import KINDS, TOGETHER
from harvester.exports.network.graph import Graph, Node
from harvester.exports.network.tally import Edge

# Characters that XML cannot represent.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_PLAIN = re.compile(r"[\w:.#@ -]*", re.ASCII).fullmatch
_OF_NODE = {"kind": "string", "degree": "integer", "weight": "integer"}
_OF_EDGE = {**dict.fromkeys(KINDS, "integer"), "first": "string", "last": "string", "sample": "string"}


def is_directed(kinds: frozenset[str]) -> bool:
    """The direction, one for all edges of a file: co-occurring hashtags have none."""
    return kinds != {TOGETHER}


def gexf(graph: Graph, *, directed: bool) -> Iterator[str]:
    """The lines of a GEXF file."""
    direction = "directed" if directed else "undirected"
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<gexf xmlns="http://gexf.net/1.3" version="1.3">'
    yield f'<graph mode="static" defaultedgetype="{direction}">'
    for kind, names in (("node", _OF_NODE), ("edge", _OF_EDGE)):
        yield f'<attributes class="{kind}">'
        yield from (f'<attribute id="{name}" title="{name}" type="{of}"/>' for name, of in names.items())
        yield "</attributes>"
    yield "<nodes>"
    for node in graph.nodes():
        values = _gexf_values(_values_of_node(node))
        yield f"<node id={_quoted(node.id)} label={_quoted(node.label)}>{values}</node>"
    yield "</nodes>"
    yield "<edges>"
    for number, edge in enumerate(graph.edges()):
        ends = f"source={_quoted(edge.source)} target={_quoted(edge.target)}"
        values = _gexf_values(_values_of_edge(edge))
        yield f'<edge id="{number}" {ends} weight="{edge.weight}">{values}</edge>'
    yield from ("</edges>", "</graph>", "</gexf>")


def _gexf_values(values: Mapping[str, object]) -> str:
    found = (f'<attvalue for="{name}" value={_quoted(str(value))}/>' for name, value in values.items())
    return f"<attvalues>{''.join(found)}</attvalues>"


def graphml(graph: Graph, *, directed: bool) -> Iterator[str]:
    """The lines of a GraphML file."""
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    yield from _keys("node", {"label": "string", **_OF_NODE})
    yield from _keys("edge", {"weight": "integer", **_OF_EDGE})
    yield f'<graph edgedefault="{"directed" if directed else "undirected"}">'
    for node in graph.nodes():
        data = _data("node", {"label": node.label, **_values_of_node(node)})
        yield f"<node id={_quoted(node.id)}>{data}</node>"
    for edge in graph.edges():
        data = _data("edge", {"weight": edge.weight, **_values_of_edge(edge)})
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


def _values_of_node(node: Node) -> dict[str, object]:
    return {"kind": node.kind, "degree": node.degree, "weight": node.weight}


def _values_of_edge(edge: Edge) -> dict[str, object]:
    times = {"first": edge.first, "last": edge.last, "sample": edge.sample}
    return {**edge.kinds, **{name: value for name, value in times.items() if value}}


def _quoted(text: str) -> str:
    # Most are ids and names, which need no escapes.
    return f'"{text}"' if _PLAIN(text) else quoteattr(_clean(text))


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)
