"""Networks that are made by their sizes: feed-forward and convolutional ones."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

from torch import nn

from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.errors import UserError
from sc_neurocore.training.arguments import are_sizes, check_flag, checked_maker
from sc_neurocore.training.catalogue import LIFCell
from sc_neurocore.training.cells import Cell
from sc_neurocore.training.delays import DelayLinear
from sc_neurocore.training.layer_modules import keep_channels_last
from sc_neurocore.training.networks import SpikingSequential
from sc_neurocore.training.recurrent import RecurrentCell, RecurrentConvCell

CellChoice: TypeAlias = Neuron | Cell | Callable[..., Cell]


class SpikingNet(SpikingSequential):
    """A feed-forward network: linear layers, each followed by a cell.

    With a `max_delay`, every one of the layers is a `DelayLinear`, the first and the last too.

    Args:
        n_input: Number of inputs.
        n_hidden: Neurons in each hidden layer.
        n_output: Number of outputs: the classes.
        n_layers: Number of hidden layers: `SpikingNet(784, 128, 10, n_layers=2)` is
            784-128-128-10.
        cell: A `Neuron`, a cell class such as `LIFCell`, any function that returns a cell, or a
            cell, which is copied for every layer.
        bias: Whether the linear layers have a bias.
        per_channel: Whether every neuron has learnable parameters of its own.
        max_delay: The longest trainable delay of a synapse in steps; 0 for none.
        cell_options: What the cells take, such as `learn_beta=True` or `surrogate=...`.

    Raises:
        UserError: For a size below 1, or options for a cell that is already made.
    """

    def __init__(
        self,
        n_input: int,
        n_hidden: int,
        n_output: int,
        n_layers: int = 1,
        cell: CellChoice = LIFCell,
        bias: bool = True,
        per_channel: bool = False,
        max_delay: int = 0,
        **cell_options: Any,
    ) -> None:
        if not are_sizes(n_input, n_hidden, n_output, n_layers):
            raise UserError(
                f"n_input={n_input}, n_hidden={n_hidden}, n_output={n_output}, "
                f"n_layers={n_layers}: each must be a whole number of at least 1"
            )
        bias, per_channel = check_flag("bias", bias), check_flag("per_channel", per_channel)
        widths = (n_input, *(n_hidden,) * n_layers, n_output)
        modules: list[nn.Module] = []
        for incoming, outgoing in pairwise(widths):
            modules.append(
                DelayLinear(incoming, outgoing, max_delay, bias=bias)
                if max_delay
                else nn.Linear(incoming, outgoing, bias=bias)
            )
            channels = {"channels": outgoing} if per_channel else {}
            modules.append(_make_cell(cell, outgoing, {**channels, **cell_options}))
        super().__init__(*modules)


class ConvSpikingNet(SpikingSequential):
    """A convolutional network: convolutions and two linear layers, each followed by a cell.

    By default Conv2d(1, 32, 5), cell, AvgPool2d(2), Conv2d(32, 64, 5), cell, AvgPool2d(2),
    Linear(1024, 128), cell, Linear(128, 10), cell. Convolutions keep their images in channels_last
    memory, which is faster on CPUs.

    Args:
        input_shape: Channels, rows and columns of an image.
        channels: Outputs of each convolution.
        n_hidden: Neurons in the hidden linear layer.
        n_output: Number of outputs: the classes.
        kernel_size: Rows and columns of each convolution.
        cell: As for `SpikingNet`.
        bias: Whether convolutions and linear layers have a bias.
        per_channel: Whether every channel, and every neuron of the linear layers, has learnable
            parameters of its own.
        cell_options: What the cells take, such as `learn_beta=True` or `surrogate=...`.

    Raises:
        UserError: For a size below 1, images too small, or options for a cell already made.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int] = (1, 28, 28),
        channels: Sequence[int] = (32, 64),
        n_hidden: int = 128,
        n_output: int = 10,
        kernel_size: int = 5,
        cell: CellChoice = LIFCell,
        bias: bool = True,
        per_channel: bool = False,
        **cell_options: Any,
    ) -> None:
        lists = isinstance(input_shape, Sequence) and isinstance(channels, Sequence)
        shape = tuple(input_shape) if lists else ()
        if len(shape) != 3 or not are_sizes(*shape, *channels, n_hidden, n_output, kernel_size):
            raise UserError(
                f"input_shape={input_shape}, channels={channels}, n_hidden={n_hidden}, "
                f"n_output={n_output}, kernel_size={kernel_size}: expected three sizes, a list of "
                f"sizes and one each, whole numbers of at least 1"
            )
        incoming, rows, columns = shape
        bias, per_channel = check_flag("bias", bias), check_flag("per_channel", per_channel)

        def population(width: int, axis: int) -> Cell:
            own = {"channels": width, "channel_axis": axis} if per_channel else {}
            return _make_cell(cell, width, {**own, **cell_options})

        modules: list[nn.Module] = []
        for outgoing in channels:
            convolution = nn.Conv2d(incoming, outgoing, kernel_size, bias=bias)
            keep_channels_last(convolution)
            modules += [convolution, population(outgoing, -3), nn.AvgPool2d(2)]
            incoming = outgoing
            rows, columns = (rows - kernel_size + 1) // 2, (columns - kernel_size + 1) // 2
        if min(rows, columns) < 1:
            raise UserError(
                f"input_shape={input_shape}: too small for {len(channels)} convolutions with "
                f"kernel_size={kernel_size}, each followed by averages over 2 x 2"
            )
        modules += [nn.Flatten(), nn.Linear(incoming * rows * columns, n_hidden, bias=bias)]
        modules += [population(n_hidden, -1), nn.Linear(n_hidden, n_output, bias=bias)]
        super().__init__(*modules, population(n_output, -1))


def _make_cell(choice: CellChoice, width: int, options: dict[str, Any]) -> Cell:
    if isinstance(choice, Cell):
        if options:
            raise UserError(
                f"{', '.join(options)}: the cell is already made; give these to it, or pass its "
                f"class"
            )
        return copy.deepcopy(choice)
    if isinstance(choice, Neuron):
        return Cell(choice, **options)
    maker: Any = checked_maker(choice, Cell, (Cell, RecurrentCell))
    if isinstance(maker, type) and issubclass(maker, RecurrentConvCell):
        raise UserError(
            f"cell={maker.__name__}: it is for images, and knows its channels: put it into a "
            f"SpikingSequential"
        )
    if isinstance(maker, type) and issubclass(maker, RecurrentCell):
        options = {"n_neurons": width, **options}
    made: Cell = maker(**options)
    return made
