"""Follow edges as GEXF and GraphML, for Gephi and networkx."""

from collections.abc import Iterator

from harvester.errors import Exit, HarvesterError
from harvester.exports.edges.graph import FollowEdge, FollowGraph, FollowNode
from harvester.exports.graph_xml import Drawing, DrawnEdge, DrawnNode, gexf, graphml
from harvester.exports.output import output
from harvester.exports.written import Written, written

GEXF, GRAPHML = "gexf", "graphml"
MOST_EDGES = 5_000_000
_OF_NODE = {"depth": "integer", "list": "string", "followers": "integer", "following": "integer"}


def write_drawing(graph: FollowGraph, to: str, *, form: str, marked: bool, force: bool) -> Written:
    """Nodes, then edges; raises if there are more edges than Gephi opens, unless `force`."""
    number = graph.find_nodes()
    if number > MOST_EDGES and not force:
        raise HarvesterError(
            f"There are {number:,} edges; programs that read {form} hold all of them in memory.",
            hint=f"Use --format parquet or npz, or --force for more than {MOST_EDGES:,}.",
            exit_code=Exit.USAGE,
        )
    nodes = _Counted()
    drawing = Drawing(
        _OF_NODE,
        {"complete": "boolean"} if marked else {},
        nodes.of(graph.nodes()),
        (_edge(edge, marked=marked) for edge in graph.edges()),
        weighted=False,
    )
    with output(to) as file:
        for line in gexf(drawing) if form == GEXF else graphml(drawing):
            file.write(line.encode("utf-8", "replace") + b"\n")
    made = written(number, file, what="edge")
    notes = (f"They connect {nodes.number:,} accounts.",)
    return Written(number, made.bytes, made.sha256, "edge", notes=notes, figures={"nodes": nodes.number})


class _Counted:
    def __init__(self) -> None:
        self.number = 0

    def of(self, nodes: Iterator[FollowNode]) -> Iterator[DrawnNode]:
        for node in nodes:
            self.number += 1
            named = {
                "depth": node.depth,
                "list": node.outcome or None,
                "followers": node.followers,
                "following": node.following,
            }
            values = {name: value for name, value in named.items() if value is not None}
            yield DrawnNode(node.id, node.name, values)


def _edge(edge: FollowEdge, *, marked: bool) -> DrawnEdge:
    values = {"complete": str(edge.complete).lower()} if marked else {}
    return DrawnEdge(edge.source, edge.target, values)
