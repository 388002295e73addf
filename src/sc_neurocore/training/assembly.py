"""From a run's options and its data to a network, and from the network to its description."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray
from torch import nn

from sc_neurocore.data.dataset import Dataset, Split
from sc_neurocore.equation.catalogue import find_neuron
from sc_neurocore.equation.surrogate import SURROGATES
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.training.loop import seeded
from sc_neurocore.training.networks import ConvSpikingNet, SpikingNet, SpikingSequential
from sc_neurocore.training.options import RunOptions


def taken_by_network(parts: Split, options: RunOptions) -> Split:
    """Return the parts in the shape that the network takes: "ff" takes rows of numbers."""
    if options.net == "conv":
        return parts
    return replace(parts, train=_flattened(parts.train), test=_flattened(parts.test))


def time_first(dataset: Dataset) -> NDArray[Any]:
    """Return the inputs as a network takes them: sequences as (T, samples, *shape)."""
    return dataset.inputs.swapaxes(0, 1) if _is_sequence(dataset) else dataset.inputs


def build_network(parts: Split, options: RunOptions) -> SpikingSequential:
    """Return the untrained network, its first weights drawn from the seed.

    Raises:
        UserError: For a surrogate, neuron or parameter that does not exist.
        DataError: If a convolutional network is asked for data that are no images.
    """
    if options.surrogate not in SURROGATES:
        raise UserError(f"no surrogate {options.surrogate!r}; known: {', '.join(SURROGATES)}")
    shape = parts.train.encoding.shape
    common: dict[str, Any] = {
        "cell": find_neuron(options.neuron),
        "per_channel": options.per_channel,
        "surrogate": SURROGATES[options.surrogate],
        "learn": options.learn,
    }
    with seeded(options.training.seed):
        if options.net == "conv":
            if len(shape) != 3:
                raise DataError(
                    f"net 'conv' takes images (channels, rows, columns), but an input of "
                    f"{parts.train.name} has shape {shape}; use net 'ff'"
                )
            net: SpikingSequential = ConvSpikingNet(
                (shape[0], shape[1], shape[2]),
                options.channels,
                options.n_hidden,
                parts.train.n_classes,
                options.kernel_size,
                **common,
            )
        else:
            net = SpikingNet(
                shape[0], options.n_hidden, parts.train.n_classes, options.n_layers, **common
            )
        return _with_dropout(net, options.dropout) if options.dropout else net


def describe_network(
    net: SpikingSequential,
    parts: Split,
    options: RunOptions,
    **measured: str | int | float,
) -> NetworkDescription:
    """Return the network's description, with the split, the sizes and what was measured."""
    widths, short = _widths(parts, options)
    architecture = "-".join(map(str, widths))
    name = f"{parts.train.name}-{architecture if len(architecture) < 40 else short}"
    return net.to_description(
        name.replace("-", "_"),
        parts.train.encoding,
        parts.train.inputs.shape[1] if _is_sequence(parts.train) else options.training.steps,
        metadata={
            **parts.metadata,
            "architecture": architecture,
            "parameters": sum(parameter.numel() for parameter in net.parameters()),
            **measured,
        },
    )


def _is_sequence(dataset: Dataset) -> bool:
    return getattr(dataset, "kind", "static") == "sequence"


def _flattened(dataset: Dataset) -> Dataset:
    first = 2 if _is_sequence(dataset) else 1
    return replace(dataset, inputs=dataset.inputs.reshape(*dataset.inputs.shape[:first], -1))


def _widths(parts: Split, options: RunOptions) -> tuple[tuple[object, ...], str]:
    """Return what the layers are called, and something shorter."""
    classes = parts.train.n_classes
    if options.net == "conv":
        convolutions = [f"{channels}c{options.kernel_size}" for channels in options.channels]
        widths = ("conv", *convolutions, options.n_hidden, classes)
        return widths, f"conv-{len(convolutions)}-{options.n_hidden}-{classes}"
    inputs = parts.train.encoding.shape[0]
    widths = (inputs, *(options.n_hidden,) * options.n_layers, classes)
    return widths, f"{inputs}-{options.n_layers}x{options.n_hidden}-{classes}"


def _with_dropout(net: SpikingSequential, share: float) -> SpikingSequential:
    """Return the same layers with dropout before every linear layer but the first layer."""
    modules: list[nn.Module] = []
    for module in net.layers:
        if modules and isinstance(module, nn.Linear):
            modules.append(nn.Dropout(share))
        modules.append(module)
    return SpikingSequential(*modules)
