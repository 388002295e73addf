"""From torch modules in a row to the layers of a network description.

The description holds what the network computes when it is evaluated: dropout goes, BatchNorm's
running statistics are folded into the layer before or behind it, as is `Normalize`; delays are
rounded to whole steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.parameter import is_lazy

from sc_neurocore.errors import DescriptionError, UserError
from sc_neurocore.network import layers as kinds
from sc_neurocore.network.layers import Layer, Weighted
from sc_neurocore.network.schema import Shape
from sc_neurocore.training.cells import Cell
from sc_neurocore.training.delays import DelayLinear
from sc_neurocore.training.layer_modules import computes_as, export_layer
from sc_neurocore.training.normalising import Affine, Normalize
from sc_neurocore.training.paths import Join, Mark, Residual


def flattened(modules: Iterable[nn.Module]) -> Iterator[nn.Module]:
    """Yield the modules in order, the contents of `nn.Sequential` and `Residual` in their place."""
    for module in modules:
        if computes_as(module, nn.Sequential):
            # Not children(), which leaves out a module that comes a second time.
            yield from flattened(cast(nn.Sequential, module))
        elif isinstance(module, Residual):
            yield from flattened(module.in_a_row())
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
    marks: dict[nn.Module, tuple[int, Shape | None]] = {}
    waiting: _Waiting | None = None
    for index, module in enumerate(modules):
        place = f"module {index} ({type(module).__name__})"
        if any(map(is_lazy, module.parameters())):
            raise UserError(f"{place}: it has no sizes yet; run the network once, then export it")
        if isinstance(module, _DropoutNd | nn.Identity):
            continue
        try:
            if isinstance(module, Normalize | _BatchNorm):
                affine = Affine.of(module)
                if waiting is not None:
                    waiting = replace(waiting, affine=waiting.affine.before(affine))
                elif layers and isinstance(layers[-1], Weighted):
                    layers[-1] = cast(Layer, affine.into_last(layers[-1]))
                else:
                    affine.check(shape)
                    waiting = _Waiting(affine, place, layers[-1].kind if layers else None)
                continue
            if isinstance(module, Mark):
                marks[module] = len(layers) - 1, shape
                if waiting is not None:
                    waiting.stop("a block with two paths")
                continue
            if isinstance(module, Join):
                if shape is None:  # only weights are wanted
                    continue
                layer: Layer = _join(module, *marks[module.mark])
            else:
                if isinstance(module, Cell) and shape is not None:
                    _check_channel_axis(module, shape)
                if isinstance(module, DelayLinear):
                    module.warn_of_rounding(place)
                layer = export_layer(module)
            after = None if shape is None else layer.output_shape(shape)
            if waiting is not None:
                waiting, layer = waiting.at(layer, shape)
            layers.append(layer)
            shape = after
        except UserError as error:
            place = place if waiting is None else waiting.place
            raise type(error)(f"{place}: {error}") from None
        except ValueError as error:
            raise DescriptionError(f"{place}: {error}") from None
    if waiting is not None:
        raise UserError(f"{waiting.place}: no layer with weights is behind it")
    return layers


@dataclass(frozen=True)
class _Waiting:
    """Factors and shifts on the way to the next layer with weights.

    Attributes:
        affine: They.
        place: Where they come from.
        behind: The kind of layer before that, if there is one.
    """

    affine: Affine
    place: str
    behind: str | None

    def at(self, layer: Layer, shape: Shape | None) -> tuple[_Waiting | None, Layer]:
        """Return what waits behind a layer, and the layer."""
        if isinstance(layer, Weighted):
            return None, cast(Layer, self.affine.into_next(layer))
        passed = self.affine.through(layer, shape)
        if passed is None:
            self.stop(f"a layer of kind {layer.kind!r}")
        assert passed is not None
        return replace(self, affine=passed), layer

    def stop(self, what: str) -> None:
        """Raise: it cannot pass."""
        follows = (
            "comes first" if self.behind is None else f"follows a layer of kind {self.behind!r}"
        )
        raise UserError(
            f"it {follows}, and {what} comes before the next weights: only directly behind or in "
            f"front of Linear, DelayLinear, Conv1d and Conv2d can it be folded into weights, with "
            f"Flatten and AvgPool2d between; move it there"
        )


def _join(join: Join, source: int, shape: Shape | None) -> kinds.Join:
    if source < 0:
        raise UserError(
            "its shortcut starts at the input: expected a cell before the block, whose spikes it "
            "hands on"
        )
    assert shape is not None
    return kinds.Join(how=join.how, source=source, source_shape=shape)


def _check_channel_axis(cell: Cell, shape: Shape) -> None:
    varied = [name for name, value in cell.parameter_values().items() if np.ndim(value)]
    if varied and cell.channel_axis != -len(shape):
        raise UserError(
            f"{', '.join(varied)} differ along axis {cell.channel_axis} of an input of shape "
            f"{shape}: only channels along the first axis, channel_axis={-len(shape)}, can be "
            f"exported"
        )
