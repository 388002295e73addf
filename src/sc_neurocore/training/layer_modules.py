"""The torch module of each kind of layer, both ways: one entry for a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sc_neurocore.errors import UserError
from sc_neurocore.network import layers as kinds
from sc_neurocore.network.layers import Layer
from sc_neurocore.network.schema import Shape
from sc_neurocore.training.cells import Cell
from sc_neurocore.training.delays import DelayLinear
from sc_neurocore.training.layers import Factor, IntegratorCell, Later, SumPool
from sc_neurocore.training.paths import Join, Mark
from sc_neurocore.training.recurrent import RecurrentCell, RecurrentConvCell


@dataclass(frozen=True)
class LayerModule:
    """A kind of layer, and the torch module that computes it.

    Attributes:
        layer: The kind.
        module: The module; a subclass with a `forward` of its own is another one, unless a cell.
        describe: From a module to the layer; raises `UserError` for what a description cannot say.
        build: From a layer, the shape of its input and what cells take besides, to a module.
    """

    layer: type[Layer]
    module: type[nn.Module]
    describe: Callable[[Any], Layer]
    build: Callable[[Any, Shape, Mapping[str, Any]], nn.Module]


def export_layer(module: nn.Module) -> Layer:
    """Return the layer of a torch module.

    Raises:
        UserError: If there is none.
    """
    for kind in type(module).__mro__:
        entry = _BY_MODULE.get(kind)
        if entry and (issubclass(kind, Cell) or computes_as(module, entry.module)):
            return entry.describe(module)
    known = ", ".join(kind.__name__ for kind in _BY_MODULE if not issubclass(kind, Cell))
    raise UserError(
        f"a network description cannot hold it; it takes {known}, BatchNorm and Normalize behind "
        f"or in front of a layer with weights, Dropout, Identity, Sequential and cells"
    )


def import_layer(
    layer: Layer, shape: Shape, cell_options: Mapping[str, Any] | None = None
) -> nn.Module:
    """Return the torch module of a layer, its numbers in PyTorch's default type.

    Args:
        layer: The layer.
        shape: The shape of its input, without time and batch.
        cell_options: What cells take beside their numbers.
    """
    return _BY_LAYER[type(layer)].build(layer, shape, cell_options or {})


def computes_as(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a module is of that kind and computes the same; a subclass may not."""
    return isinstance(module, kind) and type(module).forward is kind.forward


def numbers(tensor: Tensor) -> NDArray[Any]:
    """Return an array in C order of a type that descriptions have.

    Raises:
        UserError: For complex numbers, which would lose their imaginary part.
    """
    if tensor.is_complex():
        raise UserError(
            f"numbers of type {tensor.dtype}: expected real ones, as weights of the hardware are; "
            f"make channels of real and imaginary parts"
        )
    tensor = tensor.detach().cpu()
    if tensor.dtype not in (torch.float32, torch.float64, torch.int64):
        tensor = tensor.float()
    return np.asarray(tensor.numpy(), order="C")  # one number stays one


def _weights(module: Any) -> dict[str, Any]:
    bias = None if module.bias is None else numbers(module.bias)
    return {"weight": numbers(module.weight), "bias": bias}


def _filled(
    module: Any, layer: kinds.Dense | kinds.DelayDense | kinds.Conv1d | kinds.Conv2d
) -> nn.Module:
    """Copy a layer's weight and bias into its module."""
    with torch.no_grad():
        module.weight.copy_(torch.tensor(layer.weight))
        if layer.bias is not None:
            module.bias.copy_(torch.tensor(layer.bias))
    return module  # type: ignore[no-any-return]


def _linear(layer: kinds.Dense, *_: Any) -> nn.Module:
    outputs, inputs = layer.weight.shape
    return _filled(nn.Linear(inputs, outputs, layer.bias is not None), layer)


def _describe_delays(module: DelayLinear) -> Layer:
    return kinds.DelayDense(delays=numbers(module.delays).round(), **_weights(module))


def _delay_linear(layer: kinds.DelayDense, *_: Any) -> nn.Module:
    outputs, inputs = layer.weight.shape
    longest, has_bias = max(int(layer.delays.max()), 1), layer.bias is not None
    return _filled(DelayLinear(inputs, outputs, longest, has_bias, delays=layer.delays), layer)


def _describe_conv1d(module: nn.Conv1d) -> Layer:
    return kinds.Conv1d(
        stride=module.stride[0],
        padding=_padding(module)[0],
        dilation=module.dilation[0],
        groups=module.groups,
        **_weights(module),
    )


def _describe_conv2d(module: nn.Conv2d) -> Layer:
    return kinds.Conv2d(
        stride=_pair(module.stride),
        padding=_pair(_padding(module)),
        dilation=_pair(module.dilation),
        groups=module.groups,
        **_weights(module),
    )


def _convolution(layer: kinds.Conv1d | kinds.Conv2d, *_: Any) -> nn.Module:
    kind: Any = nn.Conv1d if isinstance(layer, kinds.Conv1d) else nn.Conv2d
    outputs, inputs, *size = layer.weight.shape
    module = kind(
        inputs * layer.groups,
        outputs,
        tuple(size),
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
        bias=layer.bias is not None,
    )
    if kind is nn.Conv2d:
        keep_channels_last(module)
    return _filled(module, layer)


def _padding(module: nn.Conv1d | nn.Conv2d) -> tuple[int, ...]:
    if module.padding_mode != "zeros":
        raise UserError(f"padding_mode={module.padding_mode!r}: only 'zeros' can be exported")
    if module.padding == "valid":
        return (0,) * len(module.kernel_size)
    if not isinstance(module.padding, str):
        return tuple(module.padding)
    spans = [
        dilation * (kernel - 1)
        for dilation, kernel in zip(module.dilation, module.kernel_size, strict=True)
    ]
    if any(span % 2 for span in spans):
        raise UserError(
            f"padding='same' with kernel_size={module.kernel_size} pads one side more than the "
            f"other, which cannot be exported; take odd kernel sizes, or give a number"
        )
    return tuple(span // 2 for span in spans)


def _describe_average(module: nn.AvgPool2d) -> Layer:
    padding = _pair(module.padding)
    if module.ceil_mode or module.divisor_override is not None or padding != (0, 0):
        raise UserError(
            "ceil_mode, divisor_override and padding cannot be exported; leave them out"
        )
    return kinds.AveragePool2d(size=_pair(module.kernel_size), stride=_pair(module.stride))


def _describe_maximum(module: nn.MaxPool2d) -> Layer:
    if module.ceil_mode or module.return_indices or _pair(module.dilation) != (1, 1):
        raise UserError("ceil_mode, return_indices and dilation cannot be exported; leave them out")
    size, stride, padding = map(_pair, (module.kernel_size, module.stride, module.padding))
    return kinds.MaxPool2d(size=size, stride=stride, padding=padding)


def _describe_sum(module: SumPool) -> Layer:
    return kinds.SumPool2d(size=module.size, stride=module.stride, padding=module.padding)


def _describe_flatten(module: nn.Flatten) -> Layer:
    if (module.start_dim, module.end_dim) != (1, -1):
        raise UserError("only Flatten() without arguments, from axis 1 on, can be exported")
    return kinds.Flatten()


def _describe_join(module: Join) -> Layer:
    raise UserError("only in a whole network has it a second path")


def _neurons(cell: Cell) -> dict[str, Any]:
    return {"neuron": cell.neuron, "parameters": cell.parameter_values()}


def _describe_recurrent(cell: RecurrentCell) -> Layer:
    bias = None if cell.recurrent_bias is None else numbers(cell.recurrent_bias)
    kind = kinds.RecurrentConv2d if isinstance(cell, RecurrentConvCell) else kinds.Recurrent
    return kind(weight=numbers(cell.weight), bias=bias, **_neurons(cell))


def _cell(layer: kinds.Population, shape: Shape, cell_options: Mapping[str, Any]) -> Cell:
    options: dict[str, Any] = {**layer.parameters, **cell_options, "channel_axis": -len(shape)}
    for name, value in layer.parameters.items():
        if np.ndim(value) > 1:
            raise UserError(
                f"{layer.neuron.name}: {name} has shape {np.shape(value)}, a number per neuron of "
                f"an image: torch cells take one number, or one per channel"
            )
    lengths = [np.size(value) for value in layer.parameters.values() if np.ndim(value)]
    if lengths:
        options["channels"] = lengths[0]
    if layer.feedback is None:
        kind = IntegratorCell if layer.passes_membrane else Cell
        return kind(layer.neuron, **options)
    weight, bias = layer.feedback.weight, layer.feedback.bias
    options["bias"] = bias is not None
    cell = (
        RecurrentCell(layer.neuron, len(weight), **options)
        if weight.ndim == 2
        else RecurrentConvCell(layer.neuron, len(weight), weight.shape[2:], **options)
    )
    cell.set_weight(torch.tensor(weight), None if bias is None else torch.tensor(bias))
    return cell


def keep_channels_last(convolution: nn.Conv2d) -> None:
    """Lay a convolution's weight out as channels_last, which is faster on CPUs."""
    images = convolution.weight.detach().contiguous(memory_format=torch.channels_last)
    convolution.weight = nn.Parameter(images)


def _pair(value: Any) -> tuple[int, int]:
    first, second = value if isinstance(value, tuple | list) else (value, value)
    return first, second


ENTRIES = (
    LayerModule(kinds.Dense, nn.Linear, lambda module: kinds.Dense(**_weights(module)), _linear),
    LayerModule(kinds.DelayDense, DelayLinear, _describe_delays, _delay_linear),
    LayerModule(kinds.Conv1d, nn.Conv1d, _describe_conv1d, _convolution),
    LayerModule(kinds.Conv2d, nn.Conv2d, _describe_conv2d, _convolution),
    LayerModule(
        kinds.AveragePool2d,
        nn.AvgPool2d,
        _describe_average,
        lambda layer, *_: nn.AvgPool2d(layer.size, layer.stride),
    ),
    LayerModule(
        kinds.SumPool2d,
        SumPool,
        _describe_sum,
        lambda layer, *_: SumPool(layer.size, layer.stride, layer.padding),
    ),
    LayerModule(
        kinds.MaxPool2d,
        nn.MaxPool2d,
        _describe_maximum,
        lambda layer, *_: nn.MaxPool2d(layer.size, layer.stride, layer.padding),
    ),
    LayerModule(
        kinds.Scale,
        Factor,
        lambda module: kinds.Scale(factor=numbers(module.factor)),
        lambda layer, *_: Factor(layer.factor),
    ),
    LayerModule(
        kinds.Delay,
        Later,
        lambda module: kinds.Delay(delays=numbers(module.delays)),
        lambda layer, *_: Later(layer.delays),
    ),
    LayerModule(
        kinds.Join,
        Join,
        _describe_join,
        lambda layer, *_: Join(Mark(), layer.how),  # whoever builds the network says which mark
    ),
    LayerModule(kinds.Flatten, nn.Flatten, _describe_flatten, lambda layer, *_: nn.Flatten()),
    LayerModule(kinds.Population, Cell, lambda cell: kinds.Population(**_neurons(cell)), _cell),
    LayerModule(
        kinds.Integrator,
        IntegratorCell,
        lambda cell: kinds.Integrator(**_neurons(cell)),
        _cell,
    ),
    LayerModule(kinds.Recurrent, RecurrentCell, _describe_recurrent, _cell),
    LayerModule(kinds.RecurrentConv2d, RecurrentConvCell, _describe_recurrent, _cell),
)

_BY_MODULE = {entry.module: entry for entry in ENTRIES}
_BY_LAYER = {entry.layer: entry for entry in ENTRIES}
