"""From NIR to a network description."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from sc_neurocore.equation.ode import METHODS, Method
from sc_neurocore.errors import DescriptionError, UserError
from sc_neurocore.interop.exporting import OWN, node_fields
from sc_neurocore.interop.graph import Node, Stage, chain
from sc_neurocore.interop.hdf5 import FormatError, read_tree
from sc_neurocore.interop.layers import numbers, reduced, to_delay_dense, to_layers, weights
from sc_neurocore.interop.neurons import FIELDS, KINDS, Reset, coefficients, equation
from sc_neurocore.network.description import (
    Dense,
    InputEncoding,
    Integrator,
    Layer,
    NetworkDescription,
    Population,
    Recurrent,
    Shape,
)

Readout: TypeAlias = Literal["spike-count", "membrane"]
_FIRING = ("IF", "LIF", "CubaLIF", "Threshold")
_LAYERS = (
    "Affine",
    "Linear",
    "Scale",
    "Conv1d",
    "Conv2d",
    "SumPool2d",
    "AvgPool2d",
    "Flatten",
    "Delay",
)
_MAXIMUM_INPUTS = 1 << 24


def read_nir(path: str | os.PathLike[str], **options: Any) -> NetworkDescription:
    """Read a .nir file into a network description.

    The file is not trusted: it is read by a reader that checks every address and size, and an
    error is one of ours. The package nir is not needed.

    Args:
        path: The file.
        options: As for `from_nir`.

    Raises:
        DescriptionError: If the file cannot be read, or what it holds cannot be represented.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DescriptionError(f"{path}: {error.strerror}; expected a .nir file") from None
    try:
        tree = read_tree(content)
    except FormatError as error:
        raise DescriptionError(
            f"{path}: {error}; expected a file such as nir.write makes"
        ) from None
    options.setdefault("name", _identifier(path.stem))
    try:
        return from_nir(tree.get("node"), **options)
    except DescriptionError as error:
        raise DescriptionError(f"{path}: {error}") from None


@dataclass(frozen=True)
class _Options:
    """How nodes become layers."""

    dt: float
    method: Method
    reset: Reset
    initial: float
    trusts_notes: bool


def from_nir(
    graph: Any,
    *,
    dt: float | None = None,
    steps: int | None = None,
    input: InputEncoding | None = None,
    method: Method | None = None,
    reset: Reset | None = None,
    initial: float = 0.0,
    readout: Readout | None = None,
    name: str | None = None,
    use_notes: bool = True,
) -> NetworkDescription:
    """Turn a NIR graph into a network description.

    NIR says what the neurons are in continuous time, and nothing of time steps, of how long an
    input lasts, and of how numbers come in. Graphs that `to_nir` made carry this in notes; for
    others it must be said here.

    Args:
        graph: A `nir.NIRGraph`, or the same as dictionaries (`graph.to_dict()`).
        dt: Length of a time step, in the unit of the graph's time constants.
        steps: Time steps per input.
        input: What comes in; by default spikes in the shape of the graph's Input.
        method: "euler", the forward Euler step of the NIR paper, is the default;
            "exponential-euler" is exact for an input that is constant during a step.
        reset: "value" sets the membrane to v_reset where it fired, which is NIR's definition and
            the default; "subtract" takes v_threshold off it, for graphs of frameworks that do so
            without a word in the file. A graph without v_reset (before nir 1.0.5) has 0.
        initial: The membrane before the first step, of which NIR says nothing.
        readout: By default "spike-count", or "membrane" if the last neurons do not fire.
        name: The description's name.
        use_notes: Whether to use the notes that `to_nir` left. They are checked against the nodes.

    Raises:
        DescriptionError: Naming node, field and value of what cannot be represented.
        UserError: For an argument that is missing or does not go with the notes.
    """
    tree = graph.to_dict() if hasattr(graph, "to_dict") else graph
    notes = _notes(tree) if use_notes else {}
    given = {"dt": dt, "method": method, "reset": reset}
    if notes:
        for key, value in given.items():
            if value is not None and value != notes.get(key, value):
                raise UserError(
                    f"{key}={value!r}: the graph's notes say {key}={notes[key]!r}; leave it out, "
                    f"or give use_notes=False to read the nodes alone"
                )
    dt, method = dt or notes.get("dt"), method or notes.get("method") or "euler"
    steps = steps or notes.get("steps")
    if method not in METHODS:
        raise UserError(f"method={method!r}: expected one of {', '.join(METHODS)}")
    if reset not in (None, *get_args(Reset)):
        raise UserError(f"reset={reset!r}: expected one of {', '.join(get_args(Reset))}")
    if not isinstance(dt, int | float) or not 0 < dt < math.inf:
        raise UserError(
            f"dt={dt!r}: expected the length of a time step in the unit of the graph's time "
            f"constants; NIR does not say it (snnTorch and SpikingJelly take 1e-4, Norse 1e-3, "
            f"Sinabs 1)"
        )
    if not isinstance(steps, int) or steps < 1:
        raise UserError(f"steps={steps!r}: expected the number of time steps per input, 1 or more")
    options = _Options(float(dt), method, reset or "value", initial, bool(notes))
    layers, shape = _layers(chain(tree), options)
    fires = isinstance(layers[-1], Population) and _fires(layers[-1])
    noted = notes.get("input")
    if input is None and noted:
        input = InputEncoding(shape=shape, **noted)
    metadata = {"nir_dt": float(dt), "nir_method": method, "nir_reset": options.reset}
    return NetworkDescription(
        name=notes.get("name") or name or "nir_network",
        input=input or InputEncoding(kind="spikes", shape=shape, bits=1, fraction_bits=0),
        steps=steps,
        layers=tuple(layers),
        readout=readout or notes.get("readout") or ("spike-count" if fires else "membrane"),
        metadata=notes.get("metadata", metadata),
    )


def _identifier(text: str) -> str:
    name = re.sub(r"\W", "_", text, flags=re.ASCII)[:60]
    return name if name[:1].isalpha() else f"nir_{name}"


def _notes(tree: Any) -> dict[str, Any]:
    """Return what `to_nir` wrote into the graph, or nothing."""
    metadata = tree.get("metadata") if isinstance(tree, Mapping) else None
    return _note(metadata, "the graph")


def _note(metadata: Any, where: str) -> dict[str, Any]:
    text = metadata.get(OWN) if isinstance(metadata, Mapping) else None
    if text is None:
        return {}
    try:
        content = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise DescriptionError(
            f"{where}: the notes of sc_neurocore are damaged; give use_notes=False to read the "
            f"nodes alone"
        )
    return content


def _layers(stages: list[Stage], options: _Options) -> tuple[list[Layer], Shape]:
    """Return the layers and the shape of the input."""
    shape = start = _input_shape(stages)
    layers: list[Layer] = []
    skipped: Stage | None = None
    for index, stage in enumerate(stages):
        node = stage.node
        if node.kind in ("Input", "Output"):
            _check_shape(node, shape)
            continue
        if stage is skipped:
            continue
        note = _note(node.metadata, f"node {node.name!r}") if options.trusts_notes else {}
        following = stages[index + 1] if index + 1 < len(stages) else None
        new: list[Layer]
        if stage.fan:
            new = [_fan(stage, shape, options)]
        elif node.kind in KINDS:
            is_last = not any(each.node.kind in (*KINDS, *_LAYERS) for each in stages[index + 1 :])
            new = [_population(stage, shape, options, note, is_last)]
        elif node.kind in _LAYERS:
            joined = _is_delayed(stage, following, options)
            if joined is not None:
                skipped = following
                new = [_fan(joined, shape, options)]
            else:
                new = to_layers(node, shape, options.dt)
                new = _as_noted(new, note, shape, node)
        else:
            known = ", ".join((*_LAYERS, *KINDS, "Input", "Output", "NIRGraph"))
            raise node.error(f"this primitive is not known; known: {known}")
        for layer in new:
            layers.append(layer)
            try:
                shape = layer.output_shape(shape)
            except ValueError as error:
                raise node.error(str(error)) from None
    _check_shape(stages[-1].node, shape)
    if not layers or not isinstance(layers[-1], Population):
        layers.append(Population(neuron=equation("Readout")))
    return layers, start


def _is_delayed(stage: Stage, following: Stage | None, options: _Options) -> Stage | None:
    """Return a [Delay and] Linear that `to_nir` made of synapses with delays, as a fan of one."""
    if not options.trusts_notes:
        return None
    if stage.node.kind in ("Linear", "Affine"):
        if _delays_note(stage.node) is not None:
            return Stage(stage.node, fan=((None, stage.node),))
    elif stage.node.kind == "Delay" and following is not None and not following.fan:
        if _delays_note(following.node) is not None:
            return Stage(following.node, fan=((stage.node, following.node),))
    return None


def _delays_note(node: Node) -> Any:
    return _note(node.metadata, f"node {node.name!r}").get("delays")


def _fan(stage: Stage, shape: Shape, options: _Options) -> Layer:
    given = None
    if options.trusts_notes:
        noted = [_delays_note(linear) for _, linear in stage.fan]
        for each in filter(None, noted):
            try:
                given = np.array(each, dtype=np.int64)
            except (TypeError, ValueError, OverflowError):
                raise stage.node.error("the noted delays are not whole numbers") from None
    return to_delay_dense(list(stage.fan), shape, options.dt, given)


def _as_noted(new: list[Layer], note: Mapping[str, Any], shape: Shape, node: Node) -> list[Layer]:
    """Give a layer the form that it had, where the note says it and it means the same."""
    layer = new[0]
    if note.get("bias") is False and not np.any(getattr(layer, "bias", None)):
        return [type(layer)(**{**dict(layer), "bias": None})]
    axes = note.get("axes")
    if node.kind in ("Scale", "Delay") and isinstance(axes, int):
        name = "factor" if node.kind == "Scale" else "delays"
        values = getattr(layer, name)
        whole = values.reshape(-1, *(1,) * (len(shape) - 1)) if values.ndim == 1 else values
        if values.ndim <= axes:
            wanted = () if axes == 0 else shape[:1] if axes == 1 else shape
            if axes == 1 and values.ndim == 0:
                whole = np.broadcast_to(values, wanted)
            elif axes == 1:
                whole = values
            else:
                whole = np.broadcast_to(whole, wanted)
            return [type(layer)(**{name: np.ascontiguousarray(whole)})]
    return new


def _input_shape(stages: list[Stage]) -> Shape:
    """Return the shape of the values that come in."""
    node = stages[0].node
    if node.kind == "Input":
        return _declared(node)
    if node.kind in ("Linear", "Affine"):
        return (weights(node, 2)[0].shape[1],)
    if node.kind in KINDS:
        return tuple(numbers(node, FIELDS[node.kind][0]).shape)
    raise node.error("the graph has no Input node that says the shape of its input")


def _declared(node: Node) -> Shape:
    value = node.fields.get("shape")
    for key in ("input_type", "output_type"):
        if value is None and isinstance(node.fields.get(key), Mapping):
            value = next(iter(node.fields[key].values()), None)
    checked = numbers(Node(node.name, node.kind, {"shape": value}), "shape")
    sizes = checked.ravel().tolist()
    if any(size != int(size) or size < 1 for size in sizes) or not sizes:
        raise node.error(f"shape = {sizes}: expected positive sizes")
    if math.prod(sizes) > _MAXIMUM_INPUTS:
        raise node.error(f"shape = {sizes}: more than {_MAXIMUM_INPUTS} values")
    return tuple(int(size) for size in sizes)


def _check_shape(node: Node, shape: Shape) -> None:
    if node.kind in ("Input", "Output") and _declared(node) != shape:
        raise node.error(f"its shape is {_declared(node)}, but values of shape {shape} arrive")


def _population(
    stage: Stage, shape: Shape, options: _Options, note: Mapping[str, Any], is_last: bool
) -> Layer:
    node = stage.node
    content = _noted_neurons(node, shape, options, note)
    if content is None:
        content = _read_neurons(node, shape, options)
    if stage.loop is not None:
        return _recurrent(stage, shape, content, options)
    layer = Population(**content)
    return layer if _fires(layer) or is_last else Integrator(**content)


def _fires(layer: Population) -> bool:
    left, right = layer.neuron.spike.operands
    return left != right


def _recurrent(stage: Stage, shape: Shape, content: dict[str, Any], options: _Options) -> Layer:
    assert stage.loop is not None
    weight, bias = weights(stage.loop, 2)
    if weight.shape != (*shape, *shape):
        raise stage.loop.error(
            f"weight has shape {weight.shape}: the {stage.node.name!r} that it leads back to has "
            f"the shape {shape}"
        )
    # A loop through the node before adds its bias there.
    return Recurrent(weight=weight, bias=None if stage.shares_weight else bias, **content)


def _noted_neurons(
    node: Node, shape: Shape, options: _Options, note: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the neurons that a note describes, if they are those of the node."""
    if "neuron" not in note:
        return None
    content = {"neuron": note["neuron"], "parameters": note.get("parameters", {})}
    try:
        layer = Population(**content)
        layer.output_shape(shape)
        kind, fields, _ = node_fields(layer, shape, options.dt, options.method)
    except ValueError as error:
        raise node.error(f"the noted neuron cannot be: {error}") from None
    same = kind == node.kind and all(
        np.array_equal(numbers(node, name, shape), value) for name, value in fields.items()
    )
    if not same:
        raise node.error(
            "its fields are not those of the neuron in its notes: one of them was changed; give "
            "use_notes=False to read the fields"
        )
    return content


def _read_neurons(node: Node, shape: Shape, options: _Options) -> dict[str, Any]:
    fields = {}
    for name in FIELDS[node.kind]:
        if name == "v_reset" and node.fields.get(name) is None:
            fields[name] = np.zeros(shape)
        elif name == "w_in" and node.fields.get(name) is None:
            fields[name] = np.ones(shape)
        else:
            fields[name] = np.asarray(numbers(node, name, shape), np.float64)
        if name.startswith("tau") and not (fields[name] > 0).all():
            raise node.error(f"{name} = {fields[name].min():g}: expected more than 0")
    neuron = equation(node.kind, options.reset, options.initial)
    with np.errstate(all="ignore"):
        values = coefficients(node.kind, fields, options.dt, options.method)
    parameters = {}
    for name in neuron.parameters:
        value = np.broadcast_to(np.asarray(values[name], np.float64), shape)
        if not np.isfinite(value).all():
            raise node.error(f"with dt = {options.dt:g} its {name} overflows")
        if name.endswith("decay") and not (np.abs(value) < 1).all():
            raise node.error(
                f"with dt = {options.dt:g} and method {options.method!r}, {value.min():g} to "
                f"{value.max():g} of its state is left after a step: expected between -1 and 1; "
                f"forward Euler needs dt < 2 tau, and float64 more than dt / tau = 1e-16"
            )
        small = reduced(value, shape)
        parameters[name] = float(small) if small.ndim == 0 else small
    return {"neuron": neuron, "parameters": parameters}


__all__ = ["Dense", "from_nir", "read_nir"]
