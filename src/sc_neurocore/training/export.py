"""Between torch modules and the layers of a network description, both ways.

The description holds what the network computes when it is evaluated: dropout goes, BatchNorm's
running statistics are folded into the layer before it, delays are rounded to whole steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.parameter import is_lazy

from sc_neurocore.errors import DescriptionError, UserError
from sc_neurocore.network.description import (
    AveragePool2d,
    Conv1d,
    Conv2d,
    Delay,
    DelayDense,
    Dense,
    Flatten,
    Integrator,
    Layer,
    Population,
    Recurrent,
    Scale,
    Shape,
    SumPool2d,
)
from sc_neurocore.training.cells import Cell
from sc_neurocore.training.delays import DelayLinear
from sc_neurocore.training.layers import Factor, IntegratorCell, Later, SumPool
from sc_neurocore.training.recurrent import RecurrentCell

_KNOWN = (
    "Linear, DelayLinear, Conv1d, Conv2d, AvgPool2d, SumPool, Factor, Later, Flatten, BatchNorm "
    "behind a layer with weights, Dropout, Identity, Sequential and cells"
)


def flattened(modules: Iterable[nn.Module]) -> Iterator[nn.Module]:
    """Yield the modules in order, the contents of every `nn.Sequential` in its place."""
    for module in modules:
        if _is(module, nn.Sequential):
            # Not children(), which leaves out a module that comes a second time.
            yield from flattened(cast(nn.Sequential, module))
        else:
            yield module


def export_layers(modules: Iterable[nn.Module], shape: Shape | None = None) -> list[Layer]:
    """Return the layers of a description for torch modules in a row.

    Args:
        modules: Modules that are neither `nn.Sequential` nor contain one another.
        shape: The shape of an input without time and batch. With it, errors about sizes name the
            module, and parameters that differ by channel are checked to lie along the first axis.

    Raises:
        UserError: For a module that cannot be described, named with its index.
        DescriptionError: If a module does not fit the shape before it, or holds NaN.
    """
    layers: list[Layer] = []
    for index, module in enumerate(modules):
        place = f"module {index} ({type(module).__name__})"
        if any(map(is_lazy, module.parameters())):
            raise UserError(f"{place}: it has no sizes yet; run the network once, then export it")
        try:
            if isinstance(module, _BatchNorm):
                if not layers:
                    raise UserError("it comes first: expected a layer with weights before it")
                layers[-1] = _folded(layers[-1], module)
            elif not isinstance(module, _DropoutNd | nn.Identity):
                if isinstance(module, Cell) and shape is not None:
                    _check_channel_axis(module, shape)
                if isinstance(module, DelayLinear):
                    module.warn_of_rounding(place)
                layers.append(_to_layer(module))
                shape = None if shape is None else layers[-1].output_shape(shape)
        except UserError as error:
            raise type(error)(f"{place}: {error}") from None
        except ValueError as error:
            raise DescriptionError(f"{place}: {error}") from None
    return layers


def _is(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a module is of that kind and computes the same; a subclass may not."""
    return isinstance(module, kind) and type(module).forward is kind.forward


def _numbers(tensor: Tensor) -> NDArray[Any]:
    """Return an array in C order of a type that descriptions have."""
    tensor = tensor.detach().cpu()
    if tensor.dtype not in (torch.float32, torch.float64, torch.int64):
        tensor = tensor.float()
    return np.asarray(tensor.numpy(), order="C")  # one number stays one


def _weights(module: Any) -> dict[str, Any]:
    bias = None if module.bias is None else _numbers(module.bias)
    return {"weight": _numbers(module.weight), "bias": bias}


def _to_layer(module: nn.Module) -> Layer:
    if _is(module, nn.Linear):
        return Dense(**_weights(module))
    if isinstance(module, DelayLinear):
        delays = _numbers(module.delays).round()
        return DelayDense(delays=delays, **_weights(module))
    if isinstance(module, nn.Conv1d) and _is(module, nn.Conv1d):
        _check_zeros(module)
        return Conv1d(
            stride=module.stride[0],
            padding=_padding(module)[0],
            dilation=module.dilation[0],
            groups=module.groups,
            **_weights(module),
        )
    if isinstance(module, nn.Conv2d) and _is(module, nn.Conv2d):
        _check_zeros(module)
        return Conv2d(
            stride=_pair(module.stride),
            padding=_pair(_padding(module)),
            dilation=_pair(module.dilation),
            groups=module.groups,
            **_weights(module),
        )
    if isinstance(module, nn.AvgPool2d) and _is(module, nn.AvgPool2d):
        size, stride, padding = map(_pair, (module.kernel_size, module.stride, module.padding))
        if module.ceil_mode or module.divisor_override is not None or padding != (0, 0):
            raise UserError(
                "ceil_mode, divisor_override and padding cannot be exported; leave them out"
            )
        return AveragePool2d(size=size, stride=None if stride == size else stride)
    if isinstance(module, nn.Flatten) and _is(module, nn.Flatten):
        if (module.start_dim, module.end_dim) != (1, -1):
            raise UserError("only Flatten() without arguments, from axis 1 on, can be exported")
        return Flatten()
    if isinstance(module, SumPool):
        return SumPool2d(size=module.size, stride=module.stride, padding=module.padding)
    if isinstance(module, Factor):
        return Scale(factor=_numbers(module.factor))
    if isinstance(module, Later):
        return Delay(delays=_numbers(module.delays))
    if isinstance(module, IntegratorCell):
        return Integrator(neuron=module.neuron, parameters=module.parameter_values())
    if isinstance(module, RecurrentCell):
        bias = module.recurrent_bias
        return Recurrent(
            neuron=module.neuron,
            parameters=module.parameter_values(),
            weight=_numbers(module.weight),
            bias=None if bias is None else _numbers(bias),
        )
    if isinstance(module, Cell):
        return Population(neuron=module.neuron, parameters=module.parameter_values())
    raise UserError(f"a network description cannot hold it; it takes {_KNOWN}")


def _pair(value: Any) -> tuple[int, int]:
    first, second = value if isinstance(value, tuple | list) else (value, value)
    return first, second


def _check_zeros(module: nn.Conv1d | nn.Conv2d) -> None:
    if module.padding_mode != "zeros":
        raise UserError(f"padding_mode={module.padding_mode!r}: only 'zeros' can be exported")


def _padding(module: nn.Conv1d | nn.Conv2d) -> tuple[int, ...]:
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


def _check_channel_axis(cell: Cell, shape: Shape) -> None:
    varied = [name for name, value in cell.parameter_values().items() if np.ndim(value)]
    if varied and cell.channel_axis != -len(shape):
        raise UserError(
            f"{', '.join(varied)} differ along axis {cell.channel_axis} of an input of shape "
            f"{shape}: only channels along the first axis, channel_axis={-len(shape)}, can be "
            f"exported"
        )


def _folded(layer: Layer, norm: _BatchNorm) -> Layer:
    """Return the layer with BatchNorm's running statistics in its weights.

    In float64, then rounded once to the type of the weights.
    """
    if not isinstance(layer, Dense | DelayDense | Conv1d | Conv2d):
        raise UserError(
            f"it follows a layer of kind {layer.kind!r}: only behind Linear, DelayLinear, Conv1d "
            f"and Conv2d can it be folded into weights; move it there"
        )
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise UserError(
            "track_running_stats=False: it has no statistics to evaluate with, only those of "
            "each batch, which no weights can stand for"
        )
    outputs = len(layer.weight)
    if norm.num_features != outputs:
        raise UserError(f"{norm.num_features} features behind a layer with {outputs} outputs")
    scale = 1 / np.sqrt(_double(variance) + norm.eps)
    shift: Any = 0.0
    if norm.affine:
        scale = scale * _double(norm.weight)
        shift = _double(norm.bias)
    bias = np.zeros(outputs) if layer.bias is None else layer.bias
    weight = layer.weight * scale.reshape(-1, *(1,) * (layer.weight.ndim - 1))
    folded = {
        "weight": weight.astype(layer.weight.dtype),
        "bias": ((bias - _double(mean)) * scale + shift).astype(layer.weight.dtype),
    }
    return type(layer)(**{**dict(layer), **folded})


def _double(tensor: Tensor) -> NDArray[np.float64]:
    return tensor.detach().cpu().double().numpy()


def import_layer(
    layer: Layer, shape: Shape, cell_options: Mapping[str, Any] | None = None
) -> nn.Module:
    """Return the torch module of a layer, its numbers in PyTorch's default type.

    Args:
        layer: The layer.
        shape: The shape of its input, without time and batch.
        cell_options: What cells take beside their numbers.
    """
    if isinstance(layer, Population):
        return _to_cell(layer, shape, cell_options or {})
    if isinstance(layer, Flatten):
        return nn.Flatten()
    if isinstance(layer, AveragePool2d):
        return nn.AvgPool2d(layer.size, layer.stride)
    if isinstance(layer, SumPool2d):
        return SumPool(layer.size, layer.stride, layer.padding)
    if isinstance(layer, Scale):
        return Factor(layer.factor)
    if isinstance(layer, Delay):
        return Later(layer.delays)
    has_bias = layer.bias is not None
    module: nn.Linear | DelayLinear | nn.Conv1d | nn.Conv2d
    if isinstance(layer, Conv1d):
        module = nn.Conv1d(
            layer.weight.shape[1] * layer.groups,
            layer.weight.shape[0],
            layer.weight.shape[2],
            stride=layer.stride,
            padding=layer.padding,
            dilation=layer.dilation,
            groups=layer.groups,
            bias=has_bias,
        )
    elif isinstance(layer, Conv2d):
        module = nn.Conv2d(
            layer.weight.shape[1] * layer.groups,
            layer.weight.shape[0],
            (layer.weight.shape[2], layer.weight.shape[3]),
            stride=layer.stride,
            padding=layer.padding,
            dilation=layer.dilation,
            groups=layer.groups,
            bias=has_bias,
        )
        keep_channels_last(module)
    elif isinstance(layer, DelayDense):
        outputs, inputs = layer.weight.shape
        longest = max(int(layer.delays.max()), 1)
        module = DelayLinear(inputs, outputs, longest, has_bias, delays=layer.delays)
    else:
        outputs, inputs = layer.weight.shape
        module = nn.Linear(inputs, outputs, has_bias)
    with torch.no_grad():
        module.weight.copy_(torch.tensor(layer.weight))
        if module.bias is not None:
            module.bias.copy_(torch.tensor(layer.bias))
    return module


def _to_cell(layer: Population, shape: Shape, cell_options: Mapping[str, Any]) -> Cell:
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
    if not isinstance(layer, Recurrent):
        kind = IntegratorCell if isinstance(layer, Integrator) else Cell
        return kind(layer.neuron, **options)
    bias = None if layer.bias is None else torch.tensor(layer.bias)
    cell = RecurrentCell(layer.neuron, len(layer.weight), bias=bias is not None, **options)
    cell.set_weight(torch.tensor(layer.weight), bias)
    return cell


def keep_channels_last(convolution: nn.Conv2d) -> None:
    """Lay a convolution's weight out as channels_last, which is faster on CPUs."""
    images = convolution.weight.detach().contiguous(memory_format=torch.channels_last)
    convolution.weight = nn.Parameter(images)
