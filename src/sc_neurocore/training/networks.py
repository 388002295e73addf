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
from sc_neurocore.network.description import InputEncoding, NetworkDescription, WeightedLayer
from sc_neurocore.network.encoding import EncodedWeights, WeightEncoding, encode_weights
from sc_neurocore.training.arguments import are_sizes, check_input, checked_maker
from sc_neurocore.training.catalogue import LIFCell
from sc_neurocore.training.cells import Cell
from sc_neurocore.training.delays import DelayLinear
from sc_neurocore.training.export import export_layers, flattened
from sc_neurocore.training.layer_modules import import_layer, keep_channels_last
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

    What comes before the first cell is computed once when the input is static. Behind it:

    - an ordinary layer sees time as part of the batch, so BatchNorm's statistics are those of all
      steps and samples together;
    - a module with `over_time = True`, such as `DelayLinear`, is called as `module(x, steps=steps)`
      and answers with a sequence. It gets a sequence (T, batch, ...) and steps=None, or, where
      everything before it is static, (batch, ...) and the number of steps;
    - `Dropout`, also in 1d to 3d, draws one mask for all steps of a sample. A mask for each step
      would average out over the steps, so that the next layer hardly noticed it. Lee, Sarwar,
      Panda, Srinivasan and Roy, Enabling spike-based backpropagation for training deep neural
      network architectures, Frontiers in Neuroscience 14, 2020.

    An `nn.Sequential` stands for its contents, and another `SpikingSequential` for its layers.

    Args:
        modules: The layers, from input to output.

    Attributes:
        layers: The same in one list.

    Raises:
        UserError: If the last one is not a cell.
    """

    layers: nn.ModuleList

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for module in flattened(modules):
            layers += module.layers if isinstance(module, SpikingSequential) else [module]
        if not layers or not isinstance(layers[-1], Cell):
            last = type(layers[-1]).__name__ if layers else "nothing"
            raise UserError(f"a spiking network ends with a cell, not with {last}")
        self.layers = nn.ModuleList(layers)

    @classmethod
    def from_description(
        cls,
        description: NetworkDescription,
        dtype: torch.dtype | None = None,
        **cell_options: Any,
    ) -> SpikingSequential:
        """Build the network that a description describes, to evaluate it or to train it further.

        Weights, and delays within the longest one that there is, can be trained; of the cells'
        parameters those that `learn` names.

        Args:
            description: The network.
            dtype: The type of its numbers; by default PyTorch's default type. Numbers that this
                type does not hold are rounded.
            cell_options: What a description does not hold: `surrogate`, `detach_reset`, `learn`,
                `backend`; see `Cell`.

        Raises:
            UserError: If the cells do not take an option.
        """
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype or before)
        try:
            with torch.random.fork_rng(devices=[]):  # first weights are drawn, and overwritten
                return SpikingSequential(
                    *(
                        import_layer(layer, shape, cell_options)
                        for layer, shape in zip(
                            description.layers, description.shapes(), strict=False
                        )
                    )
                )
        finally:
            torch.set_default_dtype(before)

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
            elif getattr(layer, "over_time", False):
                x = layer(x, steps=steps)
                steps = None
            elif steps is not None:
                x = _images_as_they_are_fast(layer(x))
            elif isinstance(layer, _WITH_ONE_MASK):
                x = x * layer(torch.ones_like(x[0])) if layer.training else x
            else:
                x = layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        assert isinstance(last, Cell)
        return SpikingOutput(*last.readout(x, steps=steps))

    def to_sc_weights(self, encoding: WeightEncoding = "sign-magnitude") -> list[EncodedWeights]:
        """Return the weights of every layer that has some, as probabilities, input side first.

        Dense, convolutional and delay layers, and the recurrent weights of recurrent cells, each
        in the shape of its weight; BatchNorm is folded into the layer before it.

        Raises:
            UserError: For a layer that cannot be described.
        """
        return [
            encode_weights(layer.weight, layer.bias, encoding)
            for layer in export_layers(self.layers)
            if isinstance(layer, WeightedLayer)
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

        It says what the network computes when it is evaluated: dropout is left out, BatchNorm's
        running statistics are folded into the layer before it, delays are rounded to whole steps.

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
            layers=tuple(export_layers(self.layers, input.shape)),
            readout=readout,
            metadata=dict(metadata or {}),
        )


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


_WITH_ONE_MASK = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
"""What only zeroes and scales; AlphaDropout also shifts, and is drawn for each step."""


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
