"""Spiking networks: torch layers and cells in a row, and the way to a network description."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from operator import is_
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from sc_neurocore.errors import UserError
from sc_neurocore.kernels.arguments import shown
from sc_neurocore.network import layers as kinds
from sc_neurocore.network.description import InputEncoding, NetworkDescription, WeightedLayer
from sc_neurocore.network.encoding import EncodedWeights, WeightEncoding, encode_weights
from sc_neurocore.training.arguments import (
    check_input,
    check_output,
    names_of,
)
from sc_neurocore.training.cells import Cell
from sc_neurocore.training.delays import DelayLinear, RoundingWarning
from sc_neurocore.training.export import export_layers, flattened
from sc_neurocore.training.layer_modules import import_layer
from sc_neurocore.training.passage import (
    averages_squares,
    check_last,
    check_layer,
    joined,
    name_marks,
    of_one_frame,
    over_time,
)
from sc_neurocore.training.paths import Join, Mark

Readout: TypeAlias = Literal["spike-count", "membrane"]
NetworkState: TypeAlias = Sequence[Any]
"""One entry per layer: what `Cell.unroll` and the like return, or None."""


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

    An `nn.Sequential` stands for its contents, another `SpikingSequential` for its layers, and a
    `Residual` for its two paths.

    Args:
        modules: The layers, from input to output.

    Attributes:
        layers: The same in one list.

    Raises:
        UserError: If the last one is not a cell, something is no module, or a module would mix
            samples with steps.
    """

    layers: nn.ModuleList

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index, module in enumerate(flattened(modules)):
            if not isinstance(module, SpikingSequential):
                check_layer(module, index)
            layers += module.layers if isinstance(module, SpikingSequential) else [module]
        check_last(layers)
        self.layers = nn.ModuleList(layers)
        self._looked_at: tuple[nn.Module, ...] = ()
        self._check_layers()

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
        if not isinstance(description, NetworkDescription):
            raise UserError(
                f"description: found {shown(description)}, expected a NetworkDescription: "
                f"load_description(folder) reads one"
            )
        before = torch.get_default_dtype()
        if dtype is not None and not isinstance(dtype, torch.dtype):
            raise UserError(f"dtype = {shown(dtype)}: expected a type such as torch.float64")
        torch.set_default_dtype(dtype or before)
        try:
            with torch.random.fork_rng(devices=[]):  # first weights are drawn, and overwritten
                return SpikingSequential(*_imported(description, cell_options))
        finally:
            torch.set_default_dtype(before)

    def forward(
        self,
        x: Tensor,
        steps: int | None = None,
        lengths: Tensor | None = None,
        *,
        state: NetworkState | None = None,
        record: Sequence[str] | None = None,
    ) -> Any:
        """Run the network from rest.

        Args:
            x: Input (T, batch, ...); with `steps`, a static input (batch, ...).
            steps: Number of steps T for which a static input acts.
            lengths: Valid steps of each sequence, integers (batch,); in later steps no neuron
                spikes, and nothing is counted.
            state: Only for `unroll`, as `record`.
            record: With it, the answer is that of `unroll`, and a trace.

        Returns:
            A `SpikingOutput`.

        Raises:
            UserError: If the input is not what the first layer takes, or a layer cannot take what
                the layers before it give.
        """
        if not torch.compiler.is_compiling():
            self._check_layers()
        check_input(next(each for each in self.layers if not isinstance(each, Mark)), x, steps)
        shape, static = x.shape, steps
        before = self._state_of_each(state)
        after: list[Any] = [None] * len(before)
        *hidden, last = self.layers
        is_pooled = False
        seen: dict[Mark, tuple[Tensor, int | None]] = {}
        for index, (layer, following) in enumerate(pairwise([*hidden, last])):
            if is_pooled:
                is_pooled = False
            elif isinstance(layer, Mark):
                seen[layer] = x, steps
            elif isinstance(layer, Join):
                x, steps = joined(layer, index, x, steps, seen)
            elif isinstance(layer, Cell):
                is_pooled = averages_squares(following)
                x, after[index] = layer.passed(x, before[index], steps, lengths, pool=is_pooled)
                steps = None
            elif getattr(layer, "over_time", False):
                asks = state is not None, record is not None
                x, after[index] = over_time(layer, index, x, before[index], steps, *asks)
                steps = None
            elif steps is not None:
                x = _images_as_they_are_fast(of_one_frame(layer, index, x))
            elif isinstance(layer, _WITH_ONE_MASK):
                x = x * layer(torch.ones_like(x[0])) if layer.training else x
            else:
                x = torch.unflatten(of_one_frame(layer, index, x.flatten(0, 1)), 0, x.shape[:2])
        assert isinstance(last, Cell)
        names = None if record is None else tuple(record)
        counts, membrane, after[-1], trace = last.read_out(x, before[-1], steps, lengths, names)
        check_output(self.layers[0], shape, counts, static)
        output = SpikingOutput(counts, membrane)
        return output if record is None else (output, tuple(after), trace)

    def unroll(
        self,
        x: Tensor,
        state: NetworkState | None = None,
        steps: int | None = None,
        lengths: Tensor | None = None,
        record: Sequence[str] = (),
    ) -> Any:
        """Run the network from a state, such as the one that it ended in: step by step, in parts.

        Parts of a sequence, one after the other, are the whole: the same spikes and, up to the
        rounding of sums, the same membranes.

        Args:
            x: As for `forward`.
            state: What `unroll` returned after the part before; None for rest. To cut the way of
                the gradients, as truncated backpropagation through time does, detach it:
                `torch.utils._pytree.tree_map(lambda t: t.detach(), state)`, or `detached(state)`.
            steps: As for `forward`.
            lengths: As for `forward`.
            record: What to return of the output layer at every step: "spikes", and names of states
                of its neuron, such as ("spikes", "v").

        Returns:
            `(output, state)`: the `SpikingOutput` of these steps, and a tuple with one entry per
            layer, None where it has no state. With `record`, `(output, state, trace)`, the trace a
            dictionary of (T, batch, outputs), states after reset.

        Raises:
            UserError: As for `forward`; for a state of another network; for a layer of one's own
                that works over time and has no `unroll`, where a state is given.
        """
        last = self.layers[-1]
        assert isinstance(last, Cell)
        names = names_of("record", record, last.recorded)
        output, after, trace = self(x, steps, lengths, state=state, record=names)
        return (output, after, trace) if names else (output, after)

    def __prepare_scriptable__(self) -> Any:
        raise UserError(
            "torch.jit.script cannot read a spiking network, whose equations are data: take "
            "torch.compile, or torch.jit.trace of one made with backend='eager'"
        )

    def _check_layers(self) -> None:
        """Look at the layers, which may have been replaced, once."""
        now = tuple(self.layers)
        if len(now) != len(self._looked_at) or not all(map(is_, now, self._looked_at)):
            for index, layer in enumerate(now):
                check_layer(layer, index)
            check_last(now)
            name_marks(now)
            self._looked_at = now

    def _state_of_each(self, state: NetworkState | None) -> Sequence[Any]:
        if state is None:
            return (None,) * len(self.layers)
        if not isinstance(state, Sequence) or len(state) != len(self.layers):
            raise UserError(
                f"state: found {shown(state)}, expected None or what unroll of this network "
                f"returned: a tuple with one entry for each of its {len(self.layers)} layers"
            )
        return state

    def rounded(self) -> SpikingSequential:
        """Return a copy whose delays are whole steps, as exporting makes them, and held.

        Warns:
            RoundingWarning: For each layer whose delays move, saying by how much.
        """
        other = copy.deepcopy(self)
        for index, layer in enumerate(other.layers):
            if isinstance(layer, DelayLinear):
                layer.warn_of_rounding(f"layers[{index}]")
                with warnings.catch_warnings():  # said already
                    warnings.simplefilter("ignore", RoundingWarning)
                    other.layers[index] = layer.rounded()
        return other

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
        readout: str = "spike-count",
        metadata: Mapping[str, str | int | float | bool | None] | None = None,
    ) -> NetworkDescription:
        """Return the network as the one artefact that the rest of the road sees.

        It says what the network computes when it is evaluated: dropout is left out, BatchNorm's
        running statistics are folded into the layer before it, delays are rounded to whole steps.

        Args:
            name: An identifier; the generated hardware carries it.
            input: Shape and number format of what comes in.
            steps: Time steps per input.
            readout: "spike-count", "membrane", or "first-to-N": see `NetworkDescription`.
            metadata: Plain values that people want to know.

        Raises:
            UserError: For a layer that cannot be described.
            DescriptionError: If the layers do not fit the input.
        """
        if not isinstance(input, InputEncoding):
            raise UserError(
                f"input: found {shown(input)}, expected an InputEncoding, such as "
                f"InputEncoding(shape=(64,), bits=5, fraction_bits=4), or a Dataset's encoding"
            )
        return NetworkDescription(
            name=name,
            input=input,
            steps=steps,
            layers=tuple(export_layers(self.layers, input.shape)),
            readout=readout,
            metadata=dict(metadata or {}),
        )


def _imported(
    description: NetworkDescription, cell_options: Mapping[str, Any]
) -> Iterator[nn.Module]:
    """Yield the modules of a description, with marks where second paths start."""
    marks = {each.source: Mark() for each in description.layers if isinstance(each, kinds.Join)}
    shapes = zip(description.layers, description.shapes(), strict=False)
    for place, (layer, shape) in enumerate(shapes):
        if isinstance(layer, kinds.Join):
            yield Join(marks[layer.source], layer.how)
        else:
            yield import_layer(layer, shape, cell_options)
        if place in marks:
            yield marks[place]


_WITH_ONE_MASK = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
"""What only zeroes and scales; AlphaDropout also shifts, and is drawn for each step."""


def _images_as_they_are_fast(x: Tensor) -> Tensor:
    """Put images on the CPU into channels_last memory; convolutions of one channel do not."""
    if x.ndim != 4 or x.device.type != "cpu":
        return x
    return x.contiguous(memory_format=torch.channels_last)


def check_sequential(net: Any) -> None:
    """Raise unless this is a network whose layers stand in a row."""
    if not isinstance(net, SpikingSequential):
        raise UserError(
            f"net: found a {type(net).__name__}, expected a SpikingSequential, such as SpikingNet"
        )


def detached(state: Any) -> Any:
    """Return a state of a cell or a network that sends no gradient back."""
    return tree_map(lambda value: value.detach() if isinstance(value, Tensor) else value, state)
