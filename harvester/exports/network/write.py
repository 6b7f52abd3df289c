"""Writes the network in the requested format."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from harvester.exports.csv_table import writer
from harvester.exports.graph_xml import Drawing, DrawnEdge, DrawnNode, gexf, graphml
from harvester.exports.json_lines import line_of
from harvester.exports.network.edges import KINDS, TOGETHER
from harvester.exports.network.graph import TABLES, Graph, Limits, Node, graph_of
from harvester.exports.network.tally import Edge
from harvester.exports.output import folder, output
from harvester.exports.posts import Posts
from harvester.exports.written import Written, written

FROM_TABLES = "They were counted in the tables of these collections."
GEXF, GRAPHML, CSV, JSONL = "gexf", "graphml", "csv", "jsonl"
_OF_NODE = {"kind": "string", "degree": "integer", "weight": "integer"}
_OF_EDGE = {**dict.fromkeys(KINDS, "integer"), "first": "string", "last": "string", "sample": "string"}


def write(posts: Posts, to: str, options: Mapping[str, Any]) -> Written:
    """Write nodes, then edges."""
    kinds = frozenset(options.get("edges") or ())
    limits = Limits(
        bool(options.get("between_collected")),
        *(int(options.get(name) or 0) for name in ("min_weight", "min_degree", "top")),
    )
    with ExitStack() as within:
        graph = graph_of(posts, kinds, limits, within)
        directed = is_directed(kinds)
        if options.get("format") == CSV:
            return _tables(graph, to, directed=directed)
        counts = _Counts()
        with output(to) as file:
            for line in counts.of(_in_format(graph, str(options.get("format") or GEXF), directed=directed)):
                file.write(line.encode("utf-8", "replace") + b"\n")
        made = written(counts.edges, file, what="edge")
        return _with_nodes(made, counts.nodes, graph.source)


class _Counts:
    """The number of lines with nodes and with edges."""

    def __init__(self) -> None:
        self.nodes = self.edges = 0

    def of(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self.nodes += line.startswith(("<node id", '{"node"'))
            self.edges += line.startswith(("<edge id", "<edge source", '{"edge"'))
            yield line


def _with_nodes(made: Written, nodes: int, source: str) -> Written:
    notes = (f"They connect {nodes:,} nodes.", *((FROM_TABLES,) if source == TABLES else ()))
    figures = {"nodes": nodes, "source": source}
    return Written(made.number, made.bytes, made.sha256, made.what, made.files, notes, figures)


def is_directed(kinds: frozenset[str]) -> bool:
    """The direction, one for all edges of a file: co-occurring hashtags have none."""
    return kinds != {TOGETHER}


def _in_format(graph: Graph, form: str, *, directed: bool) -> Iterator[str]:
    if form == JSONL:
        return _lines(graph, directed=directed)
    drawing = Drawing(
        _OF_NODE, _OF_EDGE, map(_drawn_node, graph.nodes()), map(_drawn_edge, graph.edges()), directed
    )
    return gexf(drawing) if form == GEXF else graphml(drawing)


def _drawn_node(node: Node) -> DrawnNode:
    return DrawnNode(node.id, node.label, {"kind": node.kind, "degree": node.degree, "weight": node.weight})


def _drawn_edge(edge: Edge) -> DrawnEdge:
    times = {"first": edge.first, "last": edge.last, "sample": edge.sample}
    values = {**edge.kinds, **{name: value for name, value in times.items() if value}}
    return DrawnEdge(edge.source, edge.target, values, edge.weight)


def _lines(graph: Graph, *, directed: bool) -> Iterator[str]:
    for node in graph.nodes():
        yield line_of({"node": node._asdict()}).decode()
    for edge in graph.edges():
        yield line_of({"edge": {**edge._asdict(), "directed": directed}}).decode()


def _tables(graph: Graph, to: str, *, directed: bool) -> Written:
    """Two tables with the names of columns by which Gephi knows them."""
    nodes = edges = size = 0
    with folder(to, known_by=["nodes.csv"]) as made:
        with output(str(made / "nodes.csv")) as file:
            table = writer(file.write)
            table.writerow(("Id", "Label", "Kind", "Degree", "Weight"))
            for nodes, node in enumerate(graph.nodes(), 1):  # noqa: B007
                table.writerow(node)
        size += file.bytes
        with output(str(made / "edges.csv")) as file:
            table = writer(file.write)
            table.writerow(("Source", "Target", "Type", "Weight", *KINDS, "First", "Last", "Sample"))
            direction = "Directed" if directed else "Undirected"
            for edges, edge in enumerate(graph.edges(), 1):  # noqa: B007
                counts = (edge.kinds.get(kind, 0) for kind in KINDS)
                row = (edge.source, edge.target, direction, edge.weight, *counts)
                table.writerow((*row, edge.first, edge.last, edge.sample))
        size += file.bytes
    return _with_nodes(Written(edges, size, what="edge", files=2), nodes, graph.source)
