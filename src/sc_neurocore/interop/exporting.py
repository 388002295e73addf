"""From a network description to NIR."""

from __future__ import annotations

import io
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from sc_neurocore.equation.ode import METHODS, Method
from sc_neurocore.errors import DescriptionError, EquationError, ToolMissingError, UserError
from sc_neurocore.files import write_atomically
from sc_neurocore.interop.fields import linear_node
from sc_neurocore.interop.layers import to_nodes
from sc_neurocore.interop.neurons import FIELDS
from sc_neurocore.interop.notes import write_note
from sc_neurocore.interop.populations import node_fields
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.network.layers import Dense, Layer, Population
from sc_neurocore.network.schema import Shape

TIME_STEP = 1e-4
"""The length of a step in seconds that snnTorch and SpikingJelly assume."""


def time_step(
    description: NetworkDescription, dt: float | None = None, method: Method | None = None
) -> dict[str, Any]:
    """Return the time step and the rule with which a network is written: given, or its own."""
    read = description.metadata
    return {
        "dt": read.get("nir_dt", TIME_STEP) if dt is None else dt,
        "method": read.get("nir_method", "euler") if method is None else method,
    }


def differences(
    description: NetworkDescription, dt: float | None = None, method: Method | None = None
) -> list[str]:
    """Return what a reader that follows NIR's definitions, and not our notes, would do otherwise.

    Nothing, where the list is empty.
    """
    return _Writer(description, dt, method).differences


def to_nir(
    description: NetworkDescription,
    *,
    dt: float | None = None,
    method: Method | None = None,
    allow_differences: bool = False,
) -> Any:
    """Turn a network description into a `nir.NIRGraph`.

    What NIR cannot say stands in notes in its metadata, so that `from_nir` gives the same
    description back, bit for bit.

    Args:
        description: The network.
        dt: Length of a time step, in the unit that the time constants shall have: by default that
            of the file that the network was read from, or 1e-4 seconds, as snnTorch and
            SpikingJelly assume it.
        method: The rule by which decays become time constants: "euler", as in the NIR paper
            (decay = 1 - dt/tau), or "exponential-euler" (decay = exp(-dt/tau)); by default that by
            which the network was read, or "euler".
        allow_differences: Whether to write a network that NIR's definitions change; see
            `differences`.

    Raises:
        DescriptionError: For a layer that NIR has no primitive for, or differences.
        ToolMissingError: If the package nir is not installed.
    """
    try:
        import nir
    except ImportError:
        raise ToolMissingError(
            "writing NIR needs the package nir: pip install -e '.[nir]' in the checkout"
        ) from None
    writer = _Writer(description, dt, method)
    if writer.differences and not allow_differences:
        raise DescriptionError(
            f"{description.name}: a reader of NIR that ignores our notes would compute something "
            f"else: {'; '.join(writer.differences)}. Give allow_differences=True to write it all "
            f"the same"
        )
    # Its check of types takes every convolution for a square one without groups; ours is done.
    return nir.dict2NIRNode({**writer.graph(), "type_check": False})


def write_nir(
    description: NetworkDescription, path: str | os.PathLike[str], **options: Any
) -> Path:
    """Write a network description as a .nir file, beside its place and then renamed.

    Args:
        description: The network.
        path: The file.
        options: As for `to_nir`.
    """
    path = Path(path)
    graph = to_nir(description, **options)
    import nir

    draft = io.BytesIO()
    nir.write(draft, graph)
    write_atomically(path, draft.getvalue())
    return path


class _Writer:
    """Collects nodes and edges."""

    def __init__(
        self, description: NetworkDescription, dt: float | None, method: Method | None
    ) -> None:
        dt, method = time_step(description, dt, method).values()
        if not isinstance(dt, int | float) or not 0 < dt < math.inf:
            raise UserError(f"dt={dt!r}: expected the length of a time step, more than 0")
        if method not in METHODS:
            raise UserError(f"method={method!r}: expected one of {', '.join(METHODS)}")
        self.description, self.dt, self.method = description, dt, method
        shapes = list(description.shapes())
        self.nodes: dict[str, Any] = {"input": {"type": "Input", "shape": np.array(shapes[0])}}
        self.edges: list[tuple[str, str]] = []
        self.ends = ["input"]
        self.differences: list[str] = []
        for index, layer in enumerate(description.layers):
            try:
                self.add(index, layer, shapes[index])
            except EquationError as error:
                raise DescriptionError(
                    f"layers[{index}] ({layer.kind}): NIR has no primitive for it: {error}"
                ) from None
        self.append("output", {"type": "Output", "shape": np.array(shapes[-1])})

    def graph(self) -> dict[str, Any]:
        """Return the graph as dictionaries."""
        encoding = self.description.input
        notes = {
            "version": 1,
            "name": self.description.name,
            "steps": self.description.steps,
            "dt": self.dt,
            "method": self.method,
            "readout": self.description.readout,
            "input": encoding.model_dump(exclude={"shape"}),
            "metadata": self.description.metadata,
        }
        # Arrays of their own, which PyTorch may take as they are.
        nodes = {
            name: {
                key: value.copy() if isinstance(value, np.ndarray) else value
                for key, value in node.items()
            }
            for name, node in self.nodes.items()
        }
        return {
            "type": "NIRGraph",
            "nodes": nodes,
            "edges": self.edges,
            "metadata": write_note(notes),
        }

    def append(self, name: str, node: dict[str, Any], note: dict[str, Any] | None = None) -> None:
        """Add a node behind all that has no successor yet."""
        self.nodes[name] = _with_note(node, note)
        self.edges += [(end, name) for end in self.ends]
        self.ends = [name]

    def add(self, index: int, layer: Layer, shape: Shape) -> None:
        """Add a layer."""
        name = str(index)
        if isinstance(layer, Population):
            self.add_neurons(name, layer, shape)
            return
        source, ends = self.ends, []
        for branch in to_nodes(layer, shape, self.dt):
            self.ends = source
            for written in branch:
                self.append(name + written.name, written.node, written.note)
            ends += self.ends
        self.ends = ends

    def add_neurons(self, name: str, layer: Population, shape: Shape) -> None:
        """Add neurons, and the weights through which their spikes come back."""
        kind, fields, differences = node_fields(layer, shape, self.dt, self.method)
        self.differences += [f"layer {name} ({layer.neuron.name}): {each}" for each in differences]
        if kind == "Readout" and type(layer) is Population and name == self.last:
            return
        if kind == "Readout":
            raise EquationError(f"{layer.neuron.name}: it hands on its input, and is not the last")
        parameters = {key: np.asarray(value).tolist() for key, value in layer.parameters.items()}
        note = {"neuron": str(layer.neuron), "parameters": parameters}
        feedback = layer.feedback
        if feedback is not None and not isinstance(feedback, Dense):
            raise EquationError(
                f"its spikes come back through a {feedback.kind}, which is not written so far"
            )
        own = name if feedback is None else f"{name}.neurons"
        node = {key: fields[key] for key in FIELDS[kind]}
        self.append(own, {"type": kind, **node}, note)
        if feedback is not None:
            self.nodes[f"{name}.recurrent"] = linear_node(feedback.weight, feedback.bias)
            self.edges += [(own, f"{name}.recurrent"), (f"{name}.recurrent", own)]

    @property
    def last(self) -> str:
        """The name of the last layer."""
        return str(len(self.description.layers) - 1)


def _with_note(node: dict[str, Any], note: dict[str, Any] | None) -> dict[str, Any]:
    return {**node, "metadata": write_note(note)} if note else node
