"""What users give to cells and networks, checked before anything is made of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.surrogate import Surrogate, find_surrogate
from sc_neurocore.errors import ToolMissingError, UserError
from sc_neurocore.kernels.arguments import check_currents, shown
from sc_neurocore.kernels.backends import BACK_ENDS, NAMES

_A_MODULE = nn.ParameterDict()


_ELSEWHERE = {
    "spike_grad": "; a surrogate is given as surrogate=",
    "surrogate_function": "; a surrogate is given as surrogate=",
    "alpha": "; the sharpness belongs to the surrogate, such as surrogate=atan_surrogate(2.0)",
    "reset_mechanism": "; the reset is given as reset='subtract', 'zero' or 'none'",
    "v_reset": "; the reset is given as reset=, 'subtract', 'zero', 'none' or a number",
    "v_threshold": "; the threshold is given as threshold=",
    "v_th": "; the threshold is given as threshold=",
    "tau": "; of a time constant tau in steps, beta is exp(-1 / tau)",
    "init_hidden": "; states are explicit here: they go in and come out of every call",
    "step_mode": "; one step is cell(current, state), many are cell.unroll(currents)",
}
"""What options of other frameworks are called here."""


def check_backend(backend: str) -> None:
    """Raise unless cells can promise to run on that backend."""
    if not isinstance(backend, str) or backend not in NAMES:
        *names, last = map(repr, NAMES)
        raise UserError(f"backend={backend!r}: expected {', '.join(names)} or {last}")
    chosen = BACK_ENDS.get(backend)
    if chosen is not None and not chosen.is_available():
        raise ToolMissingError(
            f"backend={backend!r}: the package {chosen.package} is not installed; pip install "
            f"{chosen.package}, or use 'eager'"
        )
    if chosen is not None and not (chosen.is_interpreted() or any(map(_is_here, chosen.devices))):
        interpreted = (
            f", or set {chosen.interpreter}=1 before Python starts, which runs it on the processor "
            f"to try it, slowly"
            if chosen.interpreter
            else ""
        )
        raise ToolMissingError(
            f"backend={backend!r}: it runs on {' and '.join(chosen.devices)}, and torch finds no "
            f"such device here; use 'auto'{interpreted}"
        )


def _is_here(device: str) -> bool:
    """Whether there is a device of a type."""
    module: Any = torch.get_device_module(device)
    return bool(module.is_available())


def check_neuron(neuron: Any) -> None:
    """Raise unless it is a neuron model."""
    if not isinstance(neuron, Neuron):
        given = f"the class {neuron.__name__}" if isinstance(neuron, type) else shown(neuron)
        raise UserError(
            f"neuron: found {given}, expected a Neuron, such as find_neuron('LIF'), "
            f"parse_neuron(text) or Neuron.from_equations(...)"
        )
    neuron.need_one_input("a cell in torch")
    neuron.need_no_noise("a layer that is trained")


def as_surrogate(surrogate: Any) -> Surrogate:
    """Return a surrogate as it is, or the one of that name."""
    if isinstance(surrogate, Surrogate):
        return surrogate
    return find_surrogate(surrogate)


def are_sizes(*values: Any) -> bool:
    """Whether all are whole numbers of at least 1."""
    return all(
        isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 1
        for value in values
    )


def check_flag(name: str, value: Any) -> bool:
    """Return a truth value; any text, "no" too, would pass for True."""
    if not isinstance(value, bool | np.bool_):
        raise UserError(f"{name} = {shown(value)}: expected True or False")
    return bool(value)


def check_channel_axis(axis: Any) -> int:
    """Return an axis that is counted from the last one."""
    if isinstance(axis, bool) or not isinstance(axis, int) or axis >= 0:
        raise UserError(
            f"channel_axis = {shown(axis)}: expected a negative whole number, counted from the "
            f"last axis: -1 for dense layers, -3 for images"
        )
    return axis


def check_pooled(is_asked: bool, frame: Tensor) -> None:
    """Raise if spikes of a step are to be averaged over squares and are no images."""
    if is_asked and (frame.ndim != 4 or min(frame.shape[-2:]) < 2):
        raise UserError(
            f"spikes of shape {tuple(frame.shape)} are not averaged over squares of 2 x 2: "
            f"expected (batch, channels, rows, columns)"
        )


def names_of(option: str, names: Any, known: Iterable[str]) -> tuple[str, ...]:
    """Return names given as one text or as several; the known ones are for the message."""
    several = [names] if isinstance(names, str) else names
    try:
        listed = tuple(several)
    except TypeError:
        listed = (None,)
    if not all(isinstance(name, str) for name in listed):
        raise UserError(
            f"{option} = {shown(names)}: expected names out of {', '.join(known) or 'none'}"
        )
    return listed


def check_parameter_names(neuron: Neuron, kind: type[nn.Module], base: type[nn.Module]) -> None:
    """Refuse parameters that could not be told from the options of a cell's class."""
    options = {
        option.name
        for each in kind.__mro__
        if issubclass(each, base)
        for option in inspect.signature(each.__init__).parameters.values()
        if option.kind is not inspect.Parameter.VAR_KEYWORD
    }
    options |= {f"learn_{name}" for name in neuron.parameters}
    for name in neuron.parameters:
        if name in options:
            raise UserError(
                f"{neuron.name} has a parameter {name!r}, but {kind.__name__} has an option of "
                f"that name; give the parameter another name"
            )
        if hasattr(_A_MODULE, name):
            raise UserError(
                f"{neuron.name} has a parameter {name!r}, a name that PyTorch's modules use for "
                f"themselves; give the parameter another name"
            )


def check_change(neuron: Neuron, name: str) -> None:
    """Refuse to change an attribute that a finished cell could only ignore."""
    fixed = {
        "neuron",
        "reset",
        "channels",
        "learn",
        *(f"learn_{each}" for each in neuron.parameters),
    }
    if name in fixed:
        raise UserError(
            f"{name} of a finished cell cannot be changed: make another cell with {name}=...; what "
            f"can be changed is surrogate, detach_reset, backend, channel_axis and "
            f"{', '.join(neuron.parameters) or 'no parameter'}"
        )


def separate(
    neuron: Neuron, options: Mapping[str, Any], learn: Sequence[str]
) -> tuple[dict[str, Any], set[str]]:
    """Tell parameter values from `learn_NAME` flags; refuse names that do not exist."""
    given, learnt = dict(options), set(names_of("learn", learn, neuron.parameters))
    for name in neuron.parameters:
        if check_flag(f"learn_{name}", given.pop(f"learn_{name}", False)):
            learnt.add(name)
    unknown = sorted((set(given) | learnt) - set(neuron.parameters))
    if unknown:
        known = ", ".join(neuron.parameters) or "none"
        hint = _ELSEWHERE.get(unknown[0], "")
        raise UserError(f"{neuron.name} has no parameter {unknown[0]!r}; it has {known}{hint}")
    return given, learnt


def check_value(neuron: Neuron, name: str, value: Any, channels: int | None) -> NDArray[np.float64]:
    """Return a parameter's value as an array of no axis or of one, the channels."""
    try:
        if isinstance(value, Tensor):
            found = value.detach().cpu()
            array = (found.double() if found.is_floating_point() else found).numpy()
        else:
            array = np.array(value)
        if array.dtype.kind not in "iuf":
            raise ValueError
    except (TypeError, ValueError, NotImplementedError):
        raise UserError(f"{name} = {shown(value)}: expected a number, or one per channel") from None
    if array.ndim > 1 or (array.ndim and len(array) != (channels or len(array) or 1)):
        wanted = "a number, or one per channel"
        wanted += f" ({channels})" if channels is not None else ""
        raise UserError(f"{name} has shape {array.shape}: expected {wanted}")
    for number in np.unique(array):
        neuron.parameters[name].check(name, float(number))
    return array.astype(np.float64)


def check_state(neuron: Neuron, names: Sequence[str], state: Any, frame: Tensor) -> dict[str, Any]:
    """Return a state, as a cell returns it or a mapping, by name and in order.

    Args:
        neuron: The model, for the message.
        names: What the state has to hold.
        state: What was given.
        frame: The current of one step, whose shape and device each tensor has to have.
    """
    if hasattr(state, "_asdict"):
        state = state._asdict()
    if not isinstance(state, Mapping):
        raise UserError(
            f"state: found {shown(state)}, expected None, a state that the cell returned, or a "
            f"mapping from {', '.join(names)} to tensors"
        )
    unknown = [name for name in state if name not in names]
    if unknown:
        raise UserError(
            f"state {unknown[0]!r}: {neuron.name} has no such state here; it has {', '.join(names)}"
        )
    wanted = f"a tensor of floats in the shape of the current of one step, {tuple(frame.shape)}"
    for name in names:
        value = state.get(name)
        found = None
        if not isinstance(value, Tensor):
            found = shown(value) if name in state else "none"
        elif value.shape != frame.shape:
            found = f"shape {tuple(value.shape)}"
        elif not value.is_floating_point():
            found = f"type {value.dtype}"
        elif value.device != frame.device:
            found, wanted = f"device {value.device}", f"that of the currents, {frame.device}"
        if found is not None:
            raise UserError(f"state {name!r} of {neuron.name}: found {found}, expected {wanted}")
    return {name: state[name] for name in names}


def checked_maker(
    maker: Any, cell: type[nn.Module], without_neuron: tuple[type[nn.Module], ...]
) -> Any:
    """Return a class of cells as it is, and a function as one that cannot return anything else."""
    is_kind = isinstance(maker, type) and issubclass(maker, cell)
    is_function = callable(maker) and not isinstance(maker, type | nn.Module)
    error = UserError(
        f"cell={shown(maker)}: expected a Neuron, the class of a cell that knows its neuron, such "
        f"as LIFCell, a function that returns a cell, or a cell"
    )
    if maker in without_neuron or not (is_kind or is_function):
        raise error

    def make(**options: Any) -> Any:
        made = maker(**options)
        if not isinstance(made, cell):
            raise error
        return made

    return maker if is_kind else make


def check_input(first: nn.Module, x: Any, steps: Any) -> None:
    """Raise unless a network whose first layer this is can take the input.

    Args:
        first: A linear or convolutional layer is asked what it takes; others speak for themselves.
        x: Input (T, batch, ...); with `steps`, a static input (batch, ...).
        steps: Number of steps of a static input, or None.
    """
    check_currents("the input", x, steps)
    if not isinstance(first, nn.Linear | nn.Conv2d):
        return
    sample = x.shape[1 if steps is not None else 2 :]
    if isinstance(first, nn.Linear):
        fits, wanted = bool(sample) and sample[-1] == first.in_features, f"{first.in_features}"
    else:
        fits = len(sample) == 3 and sample[0] == first.in_channels
        wanted = f"{first.in_channels}, rows, columns"
    if not fits:
        raise UserError(
            f"the input has shape {tuple(x.shape)} and steps={steps}: expected (T, batch, "
            f"{wanted}) without steps, or (batch, {wanted}) with steps=T for an input that is the "
            f"same at every step"
        )
    weight = first.weight
    if weight.device != x.device:
        raise UserError(
            f"the input is on {x.device} and the network on {weight.device}: move one with .to(...)"
        )
    if weight.dtype != x.dtype and not torch.is_autocast_enabled(x.device.type):
        raise UserError(
            f"the input has type {x.dtype} and the network {weight.dtype}: give both the same, "
            f"with x.to(...) or net.to(...)"
        )


def check_output(first: nn.Module, shape: torch.Size, counts: Tensor, steps: int | None) -> None:
    """Raise if axes of the input, beside time and batch, came through the network as they were.

    A linear layer takes any number of axes, so that a sequence given as a static input, or spikes
    encoded twice, would be answered with something for each step.

    Args:
        first: The first layer.
        shape: Of the input.
        counts: Spikes of the output layer.
        steps: Number of steps of a static input, or None.
    """
    sample = shape if steps is not None else shape[1:]
    if isinstance(first, nn.Linear) and len(sample) > 2 and counts.shape[:-1] == sample[:-1]:
        features = sample[-1]
        advice = "; leave steps out for a sequence, time_axis=1 in fit" if steps is not None else ""
        raise UserError(
            f"the input has shape {tuple(shape)} and steps={steps}, and the network answers "
            f"{tuple(counts.shape)}, something for each of axis {1 if steps is not None else 2}: "
            f"expected (T, batch, {features}) without steps, or (batch, {features}) with "
            f"steps=T{advice}"
        )
