"""NIR's neurons as populations, and populations as NIR's neurons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.equation.ode import Method
from sc_neurocore.interop.conventions import Convention, simple
from sc_neurocore.interop.equations import equation
from sc_neurocore.interop.fields import numbers, reduced, weights
from sc_neurocore.interop.graph import Node, Stage
from sc_neurocore.interop.neurons import FIELDS, coefficients, to_form
from sc_neurocore.network.description import (
    Integrator,
    Layer,
    Population,
    Recurrent,
    Shape,
    along_channels,
)


@dataclass(frozen=True)
class Options:
    """How nodes become layers; see `from_nir`."""

    dt: float
    convention: Convention
    initial: float
    trusts_notes: bool
    fitting_dt: float | None = None

    @property
    def advice(self) -> str:
        """Name the time step that the graph itself speaks of, if there is one."""
        return "" if self.fitting_dt is None else f"; its r is tau/dt for dt = {self.fitting_dt:g}"

    @property
    def method(self) -> Method:
        """How a differential equation becomes a step."""
        return self.convention.method


def node_fields(
    layer: Population, shape: Shape, dt: float, method: Method
) -> tuple[str, dict[str, NDArray[np.float64]], tuple[str, ...]]:
    """Return the primitive of a population, its fields in the layer's shape, and differences.

    Raises:
        EquationError: If NIR has no primitive for it.
    """
    form = to_form(layer, dt, method)
    fields = {
        name: np.broadcast_to(along_channels(np.asarray(value, np.float64), len(shape)), shape)
        for name, value in form.fields.items()
    }
    return form.kind, fields, form.differences


def to_population(
    stage: Stage, shape: Shape, options: Options, note: Mapping[str, Any], is_last: bool
) -> Layer:
    """Return the neurons of a stage, with the weights through which their spikes come back.

    Args:
        stage: Its node is one of `neurons.KINDS`.
        shape: The shape that arrives.
        options: How neurons are read.
        note: The node's note, if it is to be used.
        is_last: Whether nothing follows, so that silent neurons are read out.

    Raises:
        DescriptionError: Naming the node, the field and the value that cannot be.
    """
    node = stage.node
    content = _noted_neurons(node, shape, options, note)
    if content is None:
        content = _read_neurons(node, shape, options, is_recurrent=stage.loop is not None)
    if stage.loop is not None:
        return _recurrent(stage, shape, content, options)
    layer = Population(**content)
    return layer if fires(layer) or is_last else Integrator(**content)


def fires(layer: Population) -> bool:
    """Whether the neurons of a layer can fire at all."""
    left, right = layer.neuron.spike.operands
    return left != right


def _recurrent(stage: Stage, shape: Shape, content: dict[str, Any], options: Options) -> Layer:
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
    node: Node, shape: Shape, options: Options, note: Mapping[str, Any]
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


def _read_neurons(node: Node, shape: Shape, options: Options, is_recurrent: bool) -> dict[str, Any]:
    fields = {}
    is_single = False
    for name in FIELDS[node.kind]:
        if name == "v_reset" and node.fields.get(name) is None:
            fields[name] = np.zeros(())
        elif name == "w_in" and node.fields.get(name) is None:
            fields[name] = np.ones(())
        else:
            given = numbers(node, name, shape)
            is_single = is_single or given.dtype == np.float32
            # One number stays one, for it may have to serve millions of neurons.
            fields[name] = np.asarray(given if any(given.strides) else given.flat[0], np.float64)
        if name.startswith("tau") and not (fields[name] > 0).all():
            raise node.error(f"{name} = {fields[name].min():g}: expected more than 0")
    convention = options.convention
    firing = convention.firing
    if firing.reset == "delayed-zero" and (is_recurrent or node.kind == "CubaLIF"):
        firing = replace(firing, forgets_input=True)  # so does snnTorch, but for its Leaky
    initial = options.initial
    if convention.starts_at_reset and "v_reset" in fields:
        starts = np.unique(fields["v_reset"])
        if starts.size > 1:
            raise node.error(
                f"v_reset is {starts[0]:g} to {starts[-1]:g}, and there {convention.framework}'s "
                f"membranes start: expected one number for all neurons of a layer"
            )
        initial = float(starts[0])
    neuron = equation(node.kind, initial=initial, firing=firing)
    with np.errstate(all="ignore"):
        found = coefficients(node.kind, fields, options.dt, options.method)
        found = convention.adjusted(node.kind, _simplified(found, is_single))
    found |= {"v_fire": found.get("v_threshold"), "v_floor": convention.floor}
    parameters = {}
    for name in neuron.parameters:
        value = np.broadcast_to(np.asarray(found[name], np.float64), shape)
        if not np.isfinite(value).all():
            raise node.error(f"with dt = {options.dt:g} its {name} overflows")
        if name.endswith("decay"):
            if not (np.abs(value) < 1).all():
                raise node.error(_decay_error(fields, value, options))
            if (value < 0).any():
                raise node.error(_negative_error(fields, value, options))
        small = reduced(value, shape)
        parameters[name] = float(small) if small.ndim == 0 else small
    return {"neuron": neuron, "parameters": parameters}


def _simplified(values: Mapping[str, Any], is_single: bool) -> dict[str, Any]:
    """Return coefficients with what the file's rounding took from simple numbers put back.

    What is multiplied to a decay or gain was rounded a few times, in float32 or float64, before it
    was written. Where a tie decides about a spike, beta = 0.5 must be 0.5.
    """
    relative = 2.0 ** (-21 if is_single else -50)
    result = dict(values)
    for name, value in values.items():
        if name.endswith("decay"):
            number = np.asarray(value, np.float64)
            result[name] = simple(number, np.abs(1 - number) * relative)
        elif name.endswith("gain"):
            number = np.asarray(value, np.float64)
            result[name] = simple(number, np.abs(number) * relative)
    return result


def _decay_error(fields: Mapping[str, Any], decay: NDArray[np.float64], options: Options) -> str:
    """Say which time constant does not go with the time step."""
    taus = [
        float(number)
        for name, value in fields.items()
        if name.startswith("tau")
        for number in (value.min(), value.max())
    ]
    if decay.min() <= -1:
        return (
            f"tau = {min(taus):g} with dt = {options.dt:g}: forward Euler leaves "
            f"{decay.min():g} of the state after a step and diverges: expected dt < 2 tau; choose "
            f"a smaller dt, or method='exponential-euler'{options.advice}"
        )
    return (
        f"tau = {max(taus):g} with dt = {options.dt:g}: float64 does not tell what is left of the "
        f"state after a step from all of it: expected dt / tau of more than 1e-16"
    )


def _negative_error(fields: Mapping[str, Any], decay: NDArray[np.float64], options: Options) -> str:
    """Say which time constant is shorter than the time step."""
    shortest = min(float(value.min()) for name, value in fields.items() if name.startswith("tau"))
    return (
        f"tau = {shortest:g} with dt = {options.dt:g}: a step leaves {decay.min():g} of the state, "
        f"and turns its sign, which no exporter means: expected dt <= {shortest:g}; another dt, or "
        f"method='exponential-euler'{options.advice}"
    )
