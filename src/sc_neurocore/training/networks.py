"""Spiking networks: torch layers and cells in a row, and the way to a network description."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.errors import UserError
from sc_neurocore.network.description import (
    Dense,
    InputEncoding,
    Layer,
    NetworkDescription,
    Population,
    Recurrent,
)
from sc_neurocore.network.encoding import EncodedWeights, WeightEncoding, encode_weights
from sc_neurocore.training.arguments import are_sizes, check_input, checked_maker
from sc_neurocore.training.catalogue import LIFCell
from sc_neurocore.training.cells import Cell
from sc_neurocore.training.recurrent import RecurrentCell

Readout: TypeAlias = Literal["spike-count", "membrane"]


class SpikingOutput(NamedTuple):
    """What a network answers, each (batch, outputs).

    Attributes:
        spike_counts: Spikes of each output neuron over all steps.
        membrane: The sum of its membrane after reset over all steps.
    """

    spike_counts: Tensor
    membrane: Tensor

    def scores(self, readout: Readout) -> Tensor:
        """Return what the readout compares; the class is the lowest index of its maximum."""
        return self.membrane if readout == "membrane" else self.spike_counts


class SpikingSequential(nn.Module):
    """Torch layers and cells, one after the other; the last one is a cell.

    Layers between cells see time as part of the batch. What comes before the first cell is
    computed once when the input is static.
    """

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        if not modules or not isinstance(modules[-1], Cell):
            last = type(modules[-1]).__name__ if modules else "nothing"
            raise UserError(f"a spiking network ends with a cell, not with {last}")
        self.layers = nn.ModuleList(modules)

    @classmethod
    def from_description(cls, description: NetworkDescription) -> SpikingSequential:
        """Build the network that a description describes, to evaluate it or to train it further.

        Raises:
            UserError: If it has a layer that training does not know yet.
        """
        return SpikingSequential(*(_to_module(layer) for layer in description.layers))

    def forward(self, x: Tensor, steps: int | None = None) -> SpikingOutput:
        """Run the network from rest.

        Args:
            x: Input (T, batch, ...); with `steps`, a static input (batch, ...).
            steps: Number of steps T for which a static input acts.

        Raises:
            UserError: If the input is not what the first layer takes.
        """
        check_input(self.layers[0], x, steps)
        *hidden, last = self.layers
        is_pooled = False
        for layer, following in pairwise([*hidden, last]):
            if is_pooled:
                is_pooled = False
            elif isinstance(layer, Cell):
                is_pooled = _averages_squares(following)
                x = layer.pooled(x, steps=steps) if is_pooled else layer.unroll(x, steps=steps)[0]
                steps = None
            elif steps is not None:
                x = _images_as_they_are_fast(layer(x))
            else:
                x = layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        assert isinstance(last, Cell)
        return SpikingOutput(*last.readout(x, steps=steps))

    def to_sc_weights(self, encoding: WeightEncoding = "sign-magnitude") -> list[EncodedWeights]:
        """Return the weights of every layer that has some, as probabilities, input side first."""
        return [
            encode_weights(_numbers(layer.weight), _bias(layer), encoding)
            for layer in self.layers
            if isinstance(layer, nn.Linear)
        ]

    def to_description(
        self,
        name: str,
        input: InputEncoding,
        steps: int,
        readout: Readout = "spike-count",
        metadata: Mapping[str, str | int | float | bool | None] | None = None,
    ) -> NetworkDescription:
        """Return the network as the one artefact that the rest of the road sees.

        Args:
            name: An identifier; the generated hardware carries it.
            input: Shape and number format of what comes in.
            steps: Time steps per input.
            readout: "spike-count" or "membrane".
            metadata: Plain values that people want to know.

        Raises:
            UserError: For a layer that cannot be described.
            DescriptionError: If the layers do not fit the input.
        """
        return NetworkDescription(
            name=name,
            input=input,
            steps=steps,
            layers=tuple(_to_layer(module) for module in self.layers),
            readout=readout,
            metadata=dict(metadata or {}),
        )


CellChoice: TypeAlias = Neuron | Cell | Callable[..., Cell]


class SpikingNet(SpikingSequential):
    """A feed-forward network: linear layers, each followed by a cell.

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
        **cell_options: Any,
    ) -> None:
        if not are_sizes(n_input, n_hidden, n_output, n_layers):
            raise UserError(
                f"n_input={n_input}, n_hidden={n_hidden}, n_output={n_output}, "
                f"n_layers={n_layers}: each must be a whole number of at least 1"
            )
        widths = (n_input, *(n_hidden,) * n_layers, n_output)
        modules: list[nn.Module] = []
        for incoming, outgoing in pairwise(widths):
            modules.append(nn.Linear(incoming, outgoing, bias=bias))
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

        def population(width: int, axis: int) -> Cell:
            own = {"channels": width, "channel_axis": axis} if per_channel else {}
            return _make_cell(cell, width, {**own, **cell_options})

        modules: list[nn.Module] = []
        for outgoing in channels:
            convolution = nn.Conv2d(incoming, outgoing, kernel_size, bias=bias)
            images = convolution.weight.detach().contiguous(memory_format=torch.channels_last)
            convolution.weight = nn.Parameter(images)
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


def _images_as_they_are_fast(x: Tensor) -> Tensor:
    """Put images on the CPU into channels_last memory; convolutions of one channel do not."""
    if x.ndim != 4 or x.device.type != "cpu":
        return x
    return x.contiguous(memory_format=torch.channels_last)


def _averages_squares(module: nn.Module) -> bool:
    """Whether a layer averages over squares of 2 x 2, which a cell can do on the way."""
    if not isinstance(module, nn.AvgPool2d):
        return False
    size, stride, padding = (
        value if isinstance(value, tuple) else (value, value)
        for value in (module.kernel_size, module.stride, module.padding)
    )
    plain = not module.ceil_mode and module.divisor_override is None
    return size == stride == (2, 2) and padding == (0, 0) and plain


def _make_cell(choice: CellChoice, width: int, options: dict[str, Any]) -> Cell:
    if isinstance(choice, Cell):
        if options:
            raise UserError(
                f"{', '.join(options)}: the cell is already made; give these to it, or pass its "
                f"class"
            )
        return copy.deepcopy(choice)
    if not isinstance(choice, Neuron):
        choice = checked_maker(choice, Cell, (Cell, RecurrentCell))
    if isinstance(choice, type) and issubclass(choice, RecurrentCell):
        options = {"n_neurons": width, **options}
    return Cell(choice, **options) if isinstance(choice, Neuron) else choice(**options)


def _numbers(tensor: Tensor) -> Any:
    return tensor.detach().cpu().numpy()


def _bias(layer: nn.Linear) -> Any:
    return None if layer.bias is None else _numbers(layer.bias)


def _to_layer(module: nn.Module) -> Layer:
    if isinstance(module, nn.Linear):
        return Dense(weight=_numbers(module.weight), bias=_bias(module))
    if isinstance(module, RecurrentCell):
        return Recurrent(
            neuron=module.neuron,
            parameters=module.parameter_values(),
            weight=_numbers(module.weight),
            bias=None if module.recurrent_bias is None else _numbers(module.recurrent_bias),
        )
    if isinstance(module, Cell):
        return Population(neuron=module.neuron, parameters=module.parameter_values())
    raise UserError(
        f"a network description cannot hold {type(module).__name__} yet; it takes Linear and cells"
    )


def _to_module(layer: Layer) -> nn.Module:
    if isinstance(layer, Dense):
        outputs, inputs = layer.weight.shape
        linear = nn.Linear(inputs, outputs, bias=layer.bias is not None)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(layer.weight))
            if layer.bias is not None:
                linear.bias.copy_(torch.tensor(layer.bias))
        return linear
    if not isinstance(layer, Population):
        raise UserError(
            f"a {layer.kind!r} layer cannot be trained yet; only 'dense', 'population' and "
            f"'recurrent'"
        )
    values: dict[str, Any] = dict(layer.parameters)
    if not isinstance(layer, Recurrent):
        return Cell(layer.neuron, **values)
    bias = None if layer.bias is None else torch.tensor(layer.bias)
    cell = RecurrentCell(layer.neuron, len(layer.weight), bias=bias is not None, **values)
    cell.set_weight(torch.tensor(layer.weight), bias)
    return cell
