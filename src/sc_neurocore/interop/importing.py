"""From NIR to a network description."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sc_neurocore.equation.ode import Method
from sc_neurocore.errors import DescriptionError, UserError
from sc_neurocore.interop.conventions import Convention, Framework, Gain, convention
from sc_neurocore.interop.copies import with_copies
from sc_neurocore.interop.delays import to_delay_dense
from sc_neurocore.interop.equations import Fires, Reset, equation
from sc_neurocore.interop.fields import numbers, weights, whole
from sc_neurocore.interop.graph import LINEAR, Node, Stage, chain
from sc_neurocore.interop.hdf5 import FormatError, read_tree
from sc_neurocore.interop.layers import READ, to_layers
from sc_neurocore.interop.neurons import FIELDS, KINDS
from sc_neurocore.interop.notes import graph_note, node_note
from sc_neurocore.interop.populations import Options, to_population
from sc_neurocore.interop.populations import fires as can_fire
from sc_neurocore.interop.timing import check_dt, find_dt, shortest_tau
from sc_neurocore.network.description import (
    InputEncoding,
    NetworkDescription,
    Readout,
    Shape,
    spikes_that_suffice,
)
from sc_neurocore.network.layers import Dense, Layer, Population
from sc_neurocore.network.schema import MAXIMUM_AXES, MAXIMUM_STEPS, MAXIMUM_VALUES

NIR_SUFFIX = ".nir"
MAXIMUM_DROPPED = 2
"""Axes before a frame's: batch and time."""
_SHAPELESS = ("Scale", "Delay", "Flatten")
"""Nodes that take what arrives, whatever its shape."""


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
    if "node" not in tree and "layer" in tree:
        raise DescriptionError(
            f"{path}: an HDF5 file with 'layer' in it: a network of Lava (.net), not a .nir file; "
            f"Lava's neurons are not read: export the network as NIR from where it was trained"
        )
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
    framework: Framework | None = None,
    method: Method | None = None,
    reset: Reset | None = None,
    fires: Fires | None = None,
    floor: float | None = None,
    gain: Gain | None = None,
    spikes: int | None = None,
    initial: float = 0.0,
    readout: Readout | None = None,
    name: str | None = None,
    use_notes: bool = True,
    trust_dt: bool = False,
) -> NetworkDescription:
    """Turn a NIR graph into a network description.

    NIR says what the neurons are in continuous time, and nothing of time steps, of how long an
    input lasts, and of how numbers come in. Graphs that `to_nir` made carry this in notes; for
    others it must be said here.

    Args:
        graph: A `nir.NIRGraph`, or the same as dictionaries (`graph.to_dict()`).
        dt: Length of a time step, in the unit of the graph's time constants. It may be left out
            where the graph gives it away (see `timing`), or the framework always takes the same.
        steps: Time steps per input.
        input: What comes in, in as many values as the graph's Input has, whose shape they take;
            by default spikes.
        framework: Whose exporter wrote the graph: "snntorch", "norse", "sinabs", "spikingjelly" or
            "rockpool"; it is then read as that framework computes by default. Without, as NIR says.
        method: "euler", the forward Euler step of the NIR paper, is the default;
            "exponential-euler" is exact for an input that is constant during a step.
        reset: "value" sets the membrane to v_reset where it fired, which is NIR's definition and
            the default; "subtract" takes v_threshold off it; others are said in
            `equations.Firing`. A graph without v_reset (before nir 1.0.5) has 0.
        fires: "above" the threshold, as NIR says, or "at" it too.
        floor: The membrane does not fall below it.
        gain: "file" multiplies what comes in by what the graph says; "one" does not multiply it.
        spikes: How often a neuron fires in one step, at most; with more than 1 it becomes as many
            neurons, each of which fires once.
        initial: The membrane before the first step, of which NIR says nothing.
        readout: By default "spike-count", or "membrane" if the last neurons do not fire.
        name: The description's name.
        use_notes: Whether to use the notes that `to_nir` left. They are checked against the nodes.
        trust_dt: Whether to take a time step with which all that comes in is multiplied by more
            than 1, as happens where the step is not the exporter's.

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
    steps = notes.get("steps") if steps is None else steps
    how = convention(
        framework,
        notes.get("method") if method is None else method,
        reset,
        fires,
        floor,
        gain,
        spikes,
    )
    stages = chain(tree)
    nodes = [stage.node for stage in stages]
    dt, origin = _time_step(notes.get("dt") if dt is None else dt, nodes, how)
    if dt is None:
        raise UserError(_which_dt(nodes, how))
    if not isinstance(dt, int | float) or not 0 < dt < math.inf:
        raise UserError(
            f"dt={dt!r}: expected the length of a time step in the unit of the graph's time "
            f"constants, more than 0"
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
    options = Options(float(dt), how, initial, bool(notes), find_dt(nodes, how))
    layers, shape = _layers(stages, options)
    if not notes and not trust_dt:
        check_dt(dt, nodes, how)
    if how.firing.spikes > 1:
        layers, readout = with_copies(layers, shape, how.firing.spikes, readout)
    last = layers[-1]
    silent = isinstance(last, Population) and not can_fire(last)
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
    metadata: dict[str, str | int | float | bool | None] = {
        "nir_dt": float(dt),
        "nir_method": how.method,
        "nir_reset": how.firing.reset,
    }
    if origin:
        metadata["nir_dt_origin"] = origin
    if framework:
        metadata["nir_framework"] = framework
    return NetworkDescription(
        name=notes.get("name") or name or "nir_network",
        input=input or InputEncoding(kind="spikes", shape=shape, bits=1, fraction_bits=0),
        steps=steps,
        layers=tuple(layers),
        readout=readout or ("membrane" if silent else "spike-count"),
        metadata=notes.get("metadata", metadata),
    )


def _time_step(dt: Any, nodes: Sequence[Node], how: Convention) -> tuple[Any, str | None]:
    """Return the time step that is given, or found, and where it is from if it was not given."""
    if dt is not None:
        return dt, None
    found = find_dt(nodes, how)
    if found is not None:
        return found, "the file's own r = tau/dt"
    if how.dt is not None:
        return how.dt, f"what {how.framework}'s exporter writes with by default"
    return None, None


def _which_dt(nodes: Sequence[Node], how: Convention) -> str:
    """Ask for the time step."""
    text = (
        "dt=None: expected the length of a time step in the unit of the graph's time constants, "
        "which NIR does not say, nor does this graph give it away (snnTorch and SpikingJelly take "
        "1e-4, Sinabs 1; Norse's to_nir, with its default dt, writes 1e-6, and with dt=1 1e-3); on "
        "the command line: sc-neurocore import FILE.nir --dt … --steps …"
    )
    shortest = shortest_tau(nodes)
    if shortest is not None:
        text += f". The shortest time constant is {shortest:g}: dt must not be longer"
    return text


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
    shape, dropped = _input_shape(stages)
    start = shape
    layers: list[Layer] = []
    skipped: Stage | None = None
    for index, stage in enumerate(stages):
        node = stage.node
        if node.kind in ("Input", "Output"):
            declared = _declared(node)
            if declared[-len(shape) :] != shape:
                raise node.error(f"its shape is {declared}, but values of shape {shape} arrive")
            if node.kind == "Output" and not 0 <= len(declared) - len(shape) <= MAXIMUM_DROPPED:
                raise node.error(f"its shape is {declared}: expected {shape}")
            continue
        if stage is skipped:
            continue
        note = node_note(node) if options.trusts_notes else {}
        following = stages[index + 1] if index + 1 < len(stages) else None
        new: Sequence[Layer]
        if stage.fan:
            new = [_fan(stage, shape, options)]
        elif node.kind in KINDS:
            is_last = following is None or following.node.kind == "Output"
            new = [to_population(stage, shape, options, note, is_last)]
        elif node.kind in READ:
            joined = _is_delayed(stage, following, options)
            if joined is not None:
                skipped = following if node.kind == "Delay" else None
                new = [_fan(joined, shape, options)]
            else:
                new = to_layers(_without_axes(node, dropped), shape, options.dt, note)
        else:
            known = ", ".join((*READ, *KINDS, "Input", "Output", "NIRGraph"))
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
    layer = to_delay_dense(list(stage.fan), shape, options.dt, given)
    if given is None and not layer.delays.any():  # parallel weights are one
        return Dense(weight=layer.weight, bias=layer.bias)
    return layer


def _input_shape(stages: list[Stage]) -> tuple[Shape, int]:
    """Return the shape of the values that come in, and how many axes before it were left out.

    Exporters that trace a network with samples leave the axes of batch and time in the shapes of
    Input and Output; the first node that says what it takes tells them from the others.
    """
    node = stages[0].node
    following = next(
        (stage.node for stage in stages[1:] if stage.node.kind not in _SHAPELESS), None
    )
    if node.kind != "Input":
        wanted = _wanted(node)
        if wanted is None:
            raise node.error("the graph has no Input node that says the shape of its input")
        return wanted, 0
    shape = _declared(node)
    if following is None:
        return shape, 0
    wanted = _wanted(following)
    if wanted is not None and len(stages) > 1 and stages[1].node is following:
        extra = len(shape) - len(wanted)
        is_within = 1 <= extra <= MAXIMUM_DROPPED and shape[extra:] == wanted
        return (shape[extra:], extra) if is_within else (shape, 0)
    axes = {"Conv1d": 2, "Conv2d": 3, "SumPool2d": 3, "AvgPool2d": 3}.get(following.kind)
    if axes is None or not axes < len(shape) <= axes + MAXIMUM_DROPPED:
        return shape, 0
    extra = len(shape) - axes
    return shape[extra:], extra


def _without_axes(node: Node, dropped: int) -> Node:
    """Return a Flatten that counts axes without those of batch and time, where it did."""
    if node.kind != "Flatten" or not dropped:
        return node
    fields = {name: value for name, value in node.fields.items() if name != "input_type"}
    for name in ("start_dim", "end_dim"):
        (position,) = whole(node, name, 1, -MAXIMUM_AXES)
        if position >= 0:
            fields[name] = max(position - dropped, 0)
    return Node(node.name, node.kind, fields)


def _wanted(node: Node) -> Shape | None:
    """Return the shape that a node takes, where its fields say it."""
    if node.kind in LINEAR:
        return (weights(node, 2)[0].shape[1],)
    if node.kind in KINDS:
        first = numbers(node, FIELDS[node.kind][0])
        return tuple(first.shape) if first.size > 1 else None  # one number serves any shape
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
