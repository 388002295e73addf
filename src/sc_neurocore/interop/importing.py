"""From NIR to a network description."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np

from sc_neurocore.equation.ode import METHODS, Method
from sc_neurocore.errors import DescriptionError, UserError
from sc_neurocore.interop.graph import LINEAR, Node, Stage, chain
from sc_neurocore.interop.hdf5 import FormatError, read_tree
from sc_neurocore.interop.layers import numbers, to_delay_dense, to_layers, weights
from sc_neurocore.interop.neurons import FIELDS, KINDS, Reset, equation
from sc_neurocore.interop.notes import as_noted, graph_note, node_note
from sc_neurocore.interop.populations import Options, fires, to_population
from sc_neurocore.network.description import (
    InputEncoding,
    Layer,
    NetworkDescription,
    Population,
    Readout,
    Shape,
    spikes_that_suffice,
)
from sc_neurocore.network.schema import MAXIMUM_STEPS, MAXIMUM_VALUES

NIR_SUFFIX = ".nir"
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
    if "node" not in tree:
        found = ", ".join(map(repr, list(tree)[:5])) or "nothing"
        raise DescriptionError(
            f"{path}: an HDF5 file with {found} in it, and not the 'node' in which a .nir file "
            f"holds its graph"
        )
    options.setdefault("name", _identifier(path.stem))
    try:
        return from_nir(tree["node"], **options)
    except DescriptionError as error:
        raise DescriptionError(f"{path}: {error}") from None


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
        input: What comes in, in as many values as the graph's Input has, whose shape they take;
            by default spikes.
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
    notes = graph_note(tree) if use_notes else {}
    given = {"dt": dt, "method": method, "reset": reset}
    if notes:
        for key, value in given.items():
            if value is not None and value != notes.get(key, value):
                raise UserError(
                    f"{key}={value!r}: the graph's notes say {key}={notes[key]!r}; leave it out, "
                    f"or give use_notes=False to read the nodes alone"
                )
    dt = notes.get("dt") if dt is None else dt
    steps = notes.get("steps") if steps is None else steps
    method = notes.get("method", "euler") if method is None else method
    if method not in METHODS:
        raise UserError(f"method={method!r}: expected one of {', '.join(METHODS)}")
    if reset not in (None, *get_args(Reset)):
        raise UserError(f"reset={reset!r}: expected one of {', '.join(get_args(Reset))}")
    if not isinstance(dt, int | float) or not 0 < dt < math.inf:
        raise UserError(
            f"dt={dt!r}: expected the length of a time step in the unit of the graph's time "
            f"constants, which NIR does not say (snnTorch and SpikingJelly take 1e-4, Norse 1e-3, "
            f"Sinabs 1); on the command line: sc-neurocore import FILE.nir --dt … --steps …"
        )
    if not isinstance(steps, int) or not 1 <= steps <= MAXIMUM_STEPS:
        raise UserError(
            f"steps={steps!r}: expected the number of time steps per input, 1 to {MAXIMUM_STEPS}, "
            f"which NIR does not say; on the command line: sc-neurocore import FILE.nir --dt … "
            f"--steps …"
        )
    readout = readout or notes.get("readout")
    if readout not in (None, "spike-count", "membrane") and not spikes_that_suffice(str(readout)):
        raise UserError(
            f"readout={readout!r}: expected spike-count, membrane, or first-to-N, such as "
            f"first-to-3"
        )
    options = Options(float(dt), method, reset or "value", initial, bool(notes))
    layers, shape = _layers(chain(tree), options)
    last = layers[-1]
    silent = isinstance(last, Population) and not fires(last)
    noted = notes.get("input")
    if input is not None:
        if math.prod(input.shape) != math.prod(shape):
            raise UserError(
                f"inputs of shape {input.shape} are {math.prod(input.shape)} values: the graph "
                f"takes {math.prod(shape)}, of shape {shape}"
            )
        input = InputEncoding(**{**dict(input), "shape": shape})
    elif noted:
        input = _noted_input(noted, shape)
    metadata = {"nir_dt": float(dt), "nir_method": method, "nir_reset": options.reset}
    return NetworkDescription(
        name=notes.get("name") or name or "nir_network",
        input=input or InputEncoding(kind="spikes", shape=shape, bits=1, fraction_bits=0),
        steps=steps,
        layers=tuple(layers),
        readout=readout or ("membrane" if silent else "spike-count"),
        metadata=notes.get("metadata", metadata),
    )


def _noted_input(noted: Any, shape: Shape) -> InputEncoding:
    try:
        return InputEncoding(**{**noted, "shape": shape})
    except TypeError:
        raise DescriptionError(f"the note on the input is {noted!r}: expected its fields") from None


def _identifier(text: str) -> str:
    name = re.sub(r"\W", "_", text, flags=re.ASCII)[:60]
    return name if re.match("[A-Za-z]", name) else f"nir_{name}"


def _layers(stages: list[Stage], options: Options) -> tuple[list[Layer], Shape]:
    """Return the layers and the shape of the input."""
    shape, has_batch = _input_shape(stages)
    start = shape
    layers: list[Layer] = []
    skipped: Stage | None = None
    for index, stage in enumerate(stages):
        node = stage.node
        if node.kind in ("Input", "Output"):
            declared = _declared(node)
            if declared != (1, *shape)[not has_batch :]:
                raise node.error(f"its shape is {declared}, but values of shape {shape} arrive")
            continue
        if stage is skipped:
            continue
        note = node_note(node) if options.trusts_notes else {}
        following = stages[index + 1] if index + 1 < len(stages) else None
        new: list[Layer]
        if stage.fan:
            new = [_fan(stage, shape, options)]
        elif node.kind in KINDS:
            is_last = following is None or following.node.kind == "Output"
            new = [to_population(stage, shape, options, note, is_last)]
        elif node.kind in _LAYERS:
            joined = _is_delayed(stage, following, options)
            if joined is not None:
                skipped = following if node.kind == "Delay" else None
                new = [_fan(joined, shape, options)]
            else:
                new = to_layers(node, shape, options.dt)
                new[0] = as_noted(new[0], note, shape)
        else:
            known = ", ".join((*_LAYERS, *KINDS, "Input", "Output", "NIRGraph"))
            raise node.error(f"this primitive is not known; known: {known}")
        for layer in new:
            layers.append(layer)
            try:
                before, shape = shape, layer.output_shape(shape)
                layer.check_work(before, shape)
            except ValueError as error:
                raise node.error(str(error)) from None
            if math.prod(shape) > MAXIMUM_VALUES:
                raise node.error(
                    f"values of shape {shape} leave it: more than {MAXIMUM_VALUES} of them"
                )
    if not layers or not isinstance(layers[-1], Population):
        layers.append(Population(neuron=equation("Readout")))
    return layers, start


def _is_delayed(stage: Stage, following: Stage | None, options: Options) -> Stage | None:
    """Return a [Delay and] Linear that `to_nir` made of synapses with delays, as a fan of one."""
    if not options.trusts_notes:
        return None
    if stage.node.kind in LINEAR:
        is_noted = _delays_note(stage.node) is not None
        return Stage(stage.node, fan=((None, stage.node),)) if is_noted else None
    if stage.node.kind == "Delay" and following is not None and not following.fan:
        is_noted = _delays_note(following.node) is not None
        return Stage(following.node, fan=((stage.node, following.node),)) if is_noted else None
    return None


def _delays_note(node: Node) -> Any:
    return node_note(node).get("delays")


def _fan(stage: Stage, shape: Shape, options: Options) -> Layer:
    given = None
    if options.trusts_notes:
        noted = [_delays_note(linear) for _, linear in stage.fan]
        for each in filter(None, noted):
            try:
                given = np.array(each, dtype=np.int64)
            except (TypeError, ValueError, OverflowError):
                raise stage.node.error("the noted delays are not whole numbers") from None
    return to_delay_dense(list(stage.fan), shape, options.dt, given)


def _input_shape(stages: list[Stage]) -> tuple[Shape, bool]:
    """Return the shape of the values that come in, and whether a batch was declared with it.

    Exporters that trace a network with a batch of one sample, such as Norse's, leave its axis in
    the shapes of Input and Output; where the first node says otherwise, it is left out.
    """
    node, first = stages[0].node, stages[1].node if len(stages) > 1 else None
    if node.kind != "Input":
        wanted = _wanted(node)
        if wanted is None:
            raise node.error("the graph has no Input node that says the shape of its input")
        return wanted, False
    shape = _declared(node)
    has_batch = first is not None and shape[0] == 1 and _wanted(first) == shape[1:]
    return (shape[1:] if has_batch else shape), has_batch


def _wanted(node: Node) -> Shape | None:
    """Return the shape that a node takes, where its fields say it."""
    if node.kind in LINEAR:
        return (weights(node, 2)[0].shape[1],)
    if node.kind in KINDS:
        return tuple(numbers(node, FIELDS[node.kind][0]).shape)
    return None


def _declared(node: Node) -> Shape:
    value = node.fields.get("shape")
    for key in ("input_type", "output_type"):
        if value is None and isinstance(node.fields.get(key), Mapping):
            value = next(iter(node.fields[key].values()), None)
    checked = numbers(Node(node.name, node.kind, {"shape": value}), "shape")
    sizes = checked.ravel().tolist()
    if any(size != int(size) or size < 1 for size in sizes) or not sizes:
        raise node.error(f"shape = {sizes}: expected positive sizes")
    if math.prod(sizes) > MAXIMUM_VALUES:
        raise node.error(f"shape = {sizes}: more than {MAXIMUM_VALUES} values")
    return tuple(int(size) for size in sizes)
