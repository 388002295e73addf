"""From a network description to NIR."""

from __future__ import annotations

import io
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.equation.ode import METHODS, Method
from sc_neurocore.errors import DescriptionError, EquationError, ToolMissingError, UserError
from sc_neurocore.files import write_atomically
from sc_neurocore.interop.neurons import FIELDS
from sc_neurocore.interop.notes import write_note
from sc_neurocore.interop.populations import node_fields
from sc_neurocore.network.description import (
    AveragePool2d,
    Conv1d,
    Conv2d,
    Delay,
    DelayDense,
    Dense,
    Flatten,
    Layer,
    NetworkDescription,
    Population,
    Recurrent,
    Scale,
    Shape,
    SumPool2d,
    along_channels,
)

TIME_STEP = 1e-4
"""The length of a step in seconds that snnTorch and SpikingJelly assume."""


def differences(description: NetworkDescription, dt: float = TIME_STEP) -> list[str]:
    """Return what a reader that follows NIR's definitions, and not our notes, would do otherwise.

    Nothing, where the list is empty.
    """
    return _Writer(description, dt, "euler").differences


def to_nir(
    description: NetworkDescription,
    *,
    dt: float = TIME_STEP,
    method: Method = "euler",
    allow_differences: bool = False,
) -> Any:
    """Turn a network description into a `nir.NIRGraph`.

    What NIR cannot say stands in notes in its metadata, so that `from_nir` gives the same
    description back, bit for bit.

    Args:
        description: The network.
        dt: Length of a time step, in the unit that the time constants shall have: seconds, with
            1e-4 as snnTorch and SpikingJelly assume it.
        method: The rule by which decays become time constants: "euler", as in the NIR paper
            (decay = 1 - dt/tau), or "exponential-euler" (decay = exp(-dt/tau)).
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
            "writing NIR needs the package nir: pip install 'sc-neurocore[nir]'"
        ) from None
    writer = _Writer(description, dt, method)
    if writer.differences and not allow_differences:
        raise DescriptionError(
            f"{description.name}: a reader of NIR that ignores our notes would compute something "
            f"else: {'; '.join(writer.differences)}. Give allow_differences=True to write it all "
            f"the same"
        )
    # Its check of types takes every convolution for one without groups.
    grouped = any(getattr(layer, "groups", 1) > 1 for layer in description.layers)
    return nir.dict2NIRNode({**writer.graph(), "type_check": not grouped})


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

    def __init__(self, description: NetworkDescription, dt: float, method: Method) -> None:
        if not 0 < dt < math.inf:
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
        elif isinstance(layer, DelayDense):
            self.add_delays(name, layer)
        else:
            self.append(name, *_to_node(layer, shape, self.dt))

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
        is_recurrent = isinstance(layer, Recurrent)
        own = f"{name}.neurons" if is_recurrent else name
        node = {key: fields[key] for key in FIELDS[kind]}
        self.append(own, {"type": kind, **node}, note)
        if isinstance(layer, Recurrent):
            self.nodes[f"{name}.recurrent"] = _linear(layer.weight, layer.bias)
            self.edges += [(own, f"{name}.recurrent"), (f"{name}.recurrent", own)]

    @property
    def last(self) -> str:
        """The name of the last layer."""
        return str(len(self.description.layers) - 1)

    def add_delays(self, name: str, layer: DelayDense) -> None:
        """Add one branch of a Delay and a Linear for every delay that a synapse has."""
        source, ends = self.ends, []
        for number, delay in enumerate(np.unique(layer.delays).tolist()):
            self.ends = source
            weight = np.where(layer.delays == delay, layer.weight, np.zeros((), layer.weight.dtype))
            if delay:
                inputs = np.full(layer.weight.shape[1], delay * self.dt)
                self.append(f"{name}.delay_{delay}", {"type": "Delay", "delay": inputs})
            note = {"delays": layer.delays.tolist()} if not number else None
            bias = None if number else layer.bias
            self.append(f"{name}.weight_{delay}", _linear(weight, bias), note)
            ends += self.ends
        self.ends = ends


def _with_note(node: dict[str, Any], note: dict[str, Any] | None) -> dict[str, Any]:
    return {**node, "metadata": write_note(note)} if note else node


def _linear(weight: NDArray[Any], bias: NDArray[Any] | None) -> dict[str, Any]:
    if bias is None:
        return {"type": "Linear", "weight": weight}
    return {"type": "Affine", "weight": weight, "bias": bias}


def _to_node(layer: Layer, shape: Shape, dt: float) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the node of a layer without neurons, and the note that goes with it."""
    if isinstance(layer, Dense):
        return _linear(layer.weight, layer.bias), None
    if isinstance(layer, Conv1d | Conv2d):
        bias = layer.bias
        is_plain = isinstance(layer, Conv1d)
        node = {
            "type": "Conv1d" if is_plain else "Conv2d",
            "input_shape": shape[1] if is_plain else np.array(shape[1:]),
            "weight": layer.weight,
            "stride": layer.stride if is_plain else np.array(layer.stride),
            "padding": layer.padding if is_plain else np.array(layer.padding),
            "dilation": layer.dilation if is_plain else np.array(layer.dilation),
            "groups": layer.groups,
            "bias": np.zeros(len(layer.weight), layer.weight.dtype) if bias is None else bias,
        }
        return node, {"bias": False} if bias is None else None
    if isinstance(layer, AveragePool2d | SumPool2d):
        padding = layer.padding if isinstance(layer, SumPool2d) else (0, 0)
        return {
            "type": "SumPool2d" if isinstance(layer, SumPool2d) else "AvgPool2d",
            "kernel_size": np.array(layer.size),
            "stride": np.array(layer.stride or layer.size),
            "padding": np.array(padding),
        }, None
    if isinstance(layer, Flatten):
        node = {"type": "Flatten", "start_dim": 0, "end_dim": -1}
        return {**node, "input_type": np.array(shape)}, None
    if isinstance(layer, Scale):
        factor = np.broadcast_to(along_channels(layer.factor, len(shape)), shape)
        return {"type": "Scale", "scale": factor}, {"axes": layer.factor.ndim}
    if isinstance(layer, Delay):
        delays = np.broadcast_to(along_channels(layer.delays, len(shape)), shape) * dt
        return {"type": "Delay", "delay": delays}, {"axes": layer.delays.ndim}
    raise EquationError(f"a layer of kind {layer.kind}")
