"""From torch modules in a row to the layers of a network description.

The description holds what the network computes when it is evaluated: dropout goes, BatchNorm's
running statistics are folded into the layer before it, delays are rounded to whole steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.parameter import is_lazy

from sc_neurocore.errors import DescriptionError, UserError
from sc_neurocore.network.layers import Layer, Weighted
from sc_neurocore.network.schema import Shape
from sc_neurocore.training.cells import Cell
from sc_neurocore.training.delays import DelayLinear
from sc_neurocore.training.layer_modules import computes_as, export_layer


def flattened(modules: Iterable[nn.Module]) -> Iterator[nn.Module]:
    """Yield the modules in order, the contents of every `nn.Sequential` in its place."""
    for module in modules:
        if computes_as(module, nn.Sequential):
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
                layers.append(export_layer(module))
                shape = None if shape is None else layers[-1].output_shape(shape)
        except UserError as error:
            raise type(error)(f"{place}: {error}") from None
        except ValueError as error:
            raise DescriptionError(f"{place}: {error}") from None
    return layers


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
    if not isinstance(layer, Weighted):
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
