"""NIR graphs as chains of nodes: nested graphs opened, loops and delays found, order put right.

A graph arrives as nested dictionaries, `NIRGraph.to_dict()` or the same from a file. What leaves
is the one way from input to output that a network description takes; whatever does not lie on it
is an error that names it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sc_neurocore.errors import DescriptionError

MAXIMUM_NODES = 10_000
MAXIMUM_EDGES = 100_000
MAXIMUM_DEPTH = 16
MAXIMUM_NAME = 1000

LINEAR = ("Linear", "Affine")
SPIKING = ("IF", "LIF", "CubaLIF", "Threshold")


@dataclass(frozen=True)
class Node:
    """A node of a graph with its fields as they were given."""

    name: str
    kind: str
    fields: Mapping[str, Any]

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What its author wrote beside the fields."""
        found = self.fields.get("metadata")
        return found if isinstance(found, Mapping) else {}

    def error(self, message: str) -> DescriptionError:
        """Return an error that names the node."""
        return DescriptionError(f"node {self.name!r} ({self.kind}): {message}")


@dataclass(frozen=True)
class Stage:
    """One stage of the chain.

    Attributes:
        node: The node; of a fan of synapses with delays, the first linear node.
        loop: The linear node through which its own spikes come back, if there is one.
        shares_weight: Whether the loop runs through the linear node before it.
        fan: The delay (None for none) and the linear node of each of several branches that
            meet again in the next stage.
    """

    node: Node
    loop: Node | None = None
    shares_weight: bool = False
    fan: tuple[tuple[Node | None, Node], ...] = ()


@dataclass
class Graph:
    """Nodes and edges of a graph without graphs in it; `size` counts the graphs too."""

    nodes: dict[str, Node] = field(default_factory=dict)
    before: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    after: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    size: int = 0

    def connect(self, source: str, target: str) -> None:
        """Add an edge; edges are a set, so that one given twice is one."""
        self.after[source].add(target)
        self.before[target].add(source)

    def disconnect(self, source: str, target: str) -> None:
        """Take an edge out."""
        self.after[source].discard(target)
        self.before[target].discard(source)

    def remove(self, name: str) -> None:
        """Take out a node and its edges."""
        for target in list(self.after[name]):
            self.disconnect(name, target)
        for source in list(self.before[name]):
            self.disconnect(source, name)
        del self.nodes[name]


def chain(tree: Any) -> list[Stage]:
    """Return the stages of a graph from its Input to its Output, both included where given.

    Raises:
        DescriptionError: If the graph is malformed, larger than the limits, or not a chain.
    """
    graph = _opened(tree)
    loops = _take_loops(graph)
    stages = list(_walk(graph, loops))
    seen = {each.name for stage in stages for each in _members(stage)}
    left = sorted(set(graph.nodes) - seen)
    if left:
        name, others = left[0], f", nor do {len(left) - 1} others" if len(left) > 1 else ""
        if not graph.before[name] and not graph.after[name]:
            raise graph.nodes[name].error(
                "no edge leads to it or from it: connect it, or leave it out"
            )
        raise graph.nodes[name].error(
            f"it does not lie on the one way from input to output{others}; branches that do not "
            f"meet again through Linear or Affine nodes cannot be represented"
        )
    return stages


def _members(stage: Stage) -> Iterator[Node]:
    yield stage.node
    for delay, linear in stage.fan:
        yield from filter(None, (delay, linear))


def _opened(tree: Any) -> Graph:
    """Return the graph with nested graphs opened."""
    graph = Graph()
    if isinstance(tree, Mapping) and _text(tree.get("type")) not in (None, "NIRGraph"):
        tree = {"type": "NIRGraph", "nodes": {"node": tree}, "edges": []}
    _collect(graph, tree, "", 0)
    made = 0
    for name in [name for name in graph.nodes if graph.nodes[name].kind == "Port"]:
        if name in graph.after[name]:
            raise graph.nodes[name].error("it is connected to itself")
        before, after = set(graph.before[name]), set(graph.after[name])
        made += len(before) * len(after)
        if made > MAXIMUM_EDGES:
            raise graph.nodes[name].error(
                f"{len(before)} edges lead to this end of a graph and {len(after)} from it, which "
                f"makes more than {MAXIMUM_EDGES} in all"
            )
        graph.remove(name)
        for source in before:
            for target in after:
                graph.connect(source, target)
    return graph


@dataclass(frozen=True)
class _Ports:
    """How edges of the graph around reach into a nested graph."""

    names: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def _collect(graph: Graph, tree: Any, prefix: str, depth: int) -> _Ports:
    """Add the nodes and edges of a graph, and of those in it."""
    where = f"graph {prefix[:-1]!r}" if prefix else "the graph"
    if depth > MAXIMUM_DEPTH:
        raise DescriptionError(f"{where}: graphs nested deeper than {MAXIMUM_DEPTH}")
    if not isinstance(tree, Mapping) or not isinstance(tree.get("nodes"), Mapping):
        raise DescriptionError(f"{where}: no nodes; expected a NIRGraph")
    names: dict[str, str] = {}
    nested: dict[str, _Ports] = {}
    for key, content in tree["nodes"].items():
        full = f"{prefix}{key}"
        graph.size += 1
        if graph.size > MAXIMUM_NODES:
            raise DescriptionError(f"more than {MAXIMUM_NODES} nodes")
        if len(full) > MAXIMUM_NAME:
            raise DescriptionError(
                f"node {full[:50]!r}…: a name of {len(full)} characters, {MAXIMUM_NAME} at most"
            )
        kind = _text(content.get("type")) if isinstance(content, Mapping) else None
        if kind is None:
            raise DescriptionError(f"node {full!r}: no type; expected a NIR node")
        if kind == "NIRGraph":
            nested[str(key)] = _collect(graph, content, f"{full}.", depth + 1)
            continue
        if prefix and kind in ("Input", "Output"):
            names[str(key)] = full
            graph.nodes[full] = Node(full, "Port", {"kind": kind})
        else:
            names[str(key)] = full
            graph.nodes[full] = Node(full, kind, content)
    ends = set()
    for source, target in _edges(tree.get("edges"), where):
        start = _resolve(source, names, nested, "outputs", where)
        end = _resolve(target, names, nested, "inputs", where)
        graph.connect(start, end)
        ends |= {start, end}
    own = [*names.values(), *(name for each in nested.values() for name in each.names.values())]

    def ports(kind: str, edges: Mapping[str, set[str]]) -> tuple[str, ...]:
        given = [
            name
            for name in names.values()
            if graph.nodes[name].kind == kind or graph.nodes[name].fields.get("kind") == kind
        ]
        return tuple(given or [name for name in own if not edges[name]])

    return _Ports(
        names
        | {
            f"{key}.{inner}": name
            for key, each in nested.items()
            for inner, name in each.names.items()
        },
        ports("Input", graph.before),
        ports("Output", graph.after),
    )


def _edges(edges: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield the edges as pairs of names."""
    is_scalar = isinstance(edges, np.ndarray) and edges.ndim == 0
    if is_scalar or not isinstance(edges, list | tuple | set | np.ndarray):
        raise DescriptionError(f"{where}: no edges; expected pairs of names")
    if len(edges) > MAXIMUM_EDGES:
        raise DescriptionError(f"{where}: {len(edges)} edges, {MAXIMUM_EDGES} at most")
    if isinstance(edges, np.ndarray) and edges.size and (edges.ndim, edges.shape[-1]) != (2, 2):
        raise DescriptionError(f"{where}: edges of shape {edges.shape}: expected pairs of names")
    for edge in edges:
        pair = tuple(map(_text, edge)) if isinstance(edge, tuple | list | np.ndarray) else ()
        if len(pair) != 2 or None in pair:
            raise DescriptionError(f"{where}: the edge {edge!r} is not a pair of names")
        yield pair  # type: ignore[misc]  # two names


def _text(value: Any) -> str | None:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    return value if isinstance(value, str) else None


def _resolve(
    name: str, names: Mapping[str, str], nested: Mapping[str, _Ports], side: str, where: str
) -> str:
    """Return the full name of the node that an edge speaks of."""
    if name in names:
        return names[name]
    if name in nested:
        ports = getattr(nested[name], side)
        if len(ports) != 1:
            raise DescriptionError(
                f"{where}: an edge goes to the graph {name!r}, which has {len(ports)} {side}: "
                f"expected one"
            )
        return str(ports[0])
    for place in (place for place, letter in enumerate(name[:MAXIMUM_NAME]) if letter == "."):
        ports_of = nested.get(name[:place])
        if ports_of is not None and name[place + 1 :] in ports_of.names:
            return ports_of.names[name[place + 1 :]]
    known = ", ".join(sorted([*names, *nested])[:20])
    raise DescriptionError(f"{where}: an edge names {name!r}, which is not a node; known: {known}")


def _take_loops(graph: Graph) -> dict[str, tuple[Node, bool]]:
    """Take recurrent connections out of the graph; return them by the neuron they belong to."""
    loops: dict[str, tuple[Node, bool]] = {}
    for name, node in list(graph.nodes.items()):
        if name in graph.after[name]:
            raise node.error(
                "it is connected to itself; expected a Linear or Affine node in between, which "
                "holds the weights"
            )
        both = graph.before[name] & graph.after[name]
        if node.kind not in LINEAR or not both:
            continue
        (neuron,) = both if len(both) == 1 else (None,)
        if neuron is None or graph.after[name] != {neuron}:
            raise node.error("it is part of several loops; expected one neuron and its weights")
        if graph.nodes[neuron].kind not in SPIKING:
            raise graph.nodes[neuron].error(
                f"its output comes back through {name!r}: only neurons that spike can be recurrent"
            )
        if neuron in loops:
            raise graph.nodes[neuron].error("it has several recurrent connections: expected one")
        shares = graph.before[name] != {neuron}
        loops[neuron] = (node, shares)
        if shares:
            graph.disconnect(neuron, name)
        else:
            graph.remove(name)
    return loops


def _walk(graph: Graph, loops: Mapping[str, tuple[Node, bool]]) -> Iterator[Stage]:
    """Yield the stages from the input on."""
    name: str | None = _end(graph, "Input", graph.before)
    _end(graph, "Output", graph.after)
    seen: set[str] = set()
    while name is not None:
        if name in seen:
            raise graph.nodes[name].error(
                "it is part of a loop; only a neuron's spikes that come back to it through one "
                "Linear or Affine node can be represented"
            )
        seen.add(name)
        node = graph.nodes[name]
        loop, shares = loops.get(name, (None, False))
        yield Stage(node, loop, shares)
        following = sorted(graph.after[name])
        if len(following) > 1:
            stage, name = _fan(graph, node, following)
            seen |= {each.name for each in _members(stage)}
            yield stage
            continue
        name = following[0] if following else None
        if name is not None and len(graph.before[name]) > 1:
            sources = ", ".join(map(repr, sorted(graph.before[name])))
            raise graph.nodes[name].error(
                f"it gets the sum of {sources}, which is neither recurrent nor a fan of Linear "
                f"nodes from one source: that cannot be represented. Populations in a loop, such "
                f"as excitatory and inhibitory ones, become one population whose spikes come back "
                f"through one Linear node with a block for each pair; sums of several sources, one "
                f"source with their weights side by side"
            )


def _end(graph: Graph, kind: str, edges: Mapping[str, set[str]]) -> str:
    found = [name for name, node in graph.nodes.items() if node.kind == kind]
    if not found:
        found = [name for name in graph.nodes if not edges[name]]
    if len(found) != 1:
        names = ", ".join(map(repr, found[:10])) or "none"
        advice = (
            "; join them into one, with their values in a row and one Linear node behind it"
            if kind == "Input"
            else "; join them into one: the last neurons in a row, in one population"
        )
        advice *= len(found) > 1
        raise DescriptionError(
            f"the graph has {len(found)} {kind} nodes ({names}): expected one{advice}"
        )
    if edges[found[0]]:
        raise graph.nodes[found[0]].error("an edge leads through it: expected an end of the graph")
    return found[0]


def _fan(graph: Graph, source: Node, starts: list[str]) -> tuple[Stage, str]:
    """Return branches of [Delay and] Linear from one node to another as one stage."""
    branches, ends = [], set()
    for start in starts:
        delay, linear = None, graph.nodes[start]
        if linear.kind == "Delay" and len(graph.after[start]) == 1:
            delay, linear = linear, graph.nodes[next(iter(graph.after[start]))]
        steps = [start, linear.name]
        if linear.kind not in LINEAR or any(len(graph.before[each]) != 1 for each in steps):
            raise source.error(
                f"it leads to {', '.join(map(repr, starts))}: branches can be represented where "
                f"each is a Linear or Affine node, perhaps behind a Delay, and all meet in one "
                f"node. A residual connection past neurons cannot: train without it, or let more "
                f"neurons beside those hand on what goes past them"
            )
        ends.add(tuple(graph.after[linear.name]))
        branches.append((delay, linear))
    target = ends.pop() if len(ends) == 1 else ()
    if len(target) != 1 or graph.before[target[0]] != {linear.name for _, linear in branches}:
        raise source.error(
            f"the branches {', '.join(map(repr, starts))} do not meet in one node: that cannot be "
            f"represented"
        )
    return Stage(branches[0][1], fan=tuple(branches)), target[0]
