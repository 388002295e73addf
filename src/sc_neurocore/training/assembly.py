"""From a run's options and its data to a network, and from the network to its description."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from sc_neurocore.data.dataset import Dataset, Split
from sc_neurocore.equation.catalogue import find_neuron
from sc_neurocore.equation.surrogate import SURROGATES
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.training.architectures import ConvSpikingNet, SpikingNet
from sc_neurocore.training.delays import DelayLinear, RoundingWarning
from sc_neurocore.training.encoders import find_encoder
from sc_neurocore.training.loop import seeded
from sc_neurocore.training.networks import SpikingSequential
from sc_neurocore.training.options import RunOptions

_ENCODED_TOGETHER = 1024


def taken_by_network(parts: Split, options: RunOptions) -> Split:
    """Return the parts in the shape that the network takes: "ff" takes rows of numbers."""
    return parts if options.net == "conv" else parts.flattened()


def encoded_dataset(dataset: Dataset, encoder: str, steps: int, seed: int) -> Dataset:
    """Return what an encoder makes of a data set: spikes, which a description's input can be.

    Args:
        dataset: Values from 0 to 1.
        encoder: A name in `ENCODERS`; "direct" leaves the data as they are.
        steps: Time steps of static data.
        seed: For encoders that draw at random; the spikes of a sample depend on those before it.
    """
    if encoder == "direct":
        return dataset
    encode = find_encoder(encoder)
    generator = torch.Generator().manual_seed(seed)
    spikes = []
    for frames in torch.split(torch.from_numpy(dataset.frames()), _ENCODED_TOGETHER):
        if dataset.kind == "static":
            x, _ = encode(frames, steps, generator)
        else:
            x, _ = encode(frames.transpose(0, 1), None, generator)
        spikes.append(x.transpose(0, 1).numpy().astype(np.uint8))
    return replace(
        dataset, inputs=np.concatenate(spikes), input_bits=1, fraction_bits=0, kind="spikes"
    )


def build_network(parts: Split, options: RunOptions) -> SpikingSequential:
    """Return the untrained network, its first weights drawn from the seed.

    Raises:
        UserError: For a surrogate, neuron or parameter that does not exist.
        DataError: If a convolutional network is asked for data that are no images.
    """
    if options.surrogate not in SURROGATES:
        raise UserError(f"no surrogate {options.surrogate!r}; known: {', '.join(SURROGATES)}")
    shape = parts.train.shape
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
                shape[0],
                options.n_hidden,
                parts.train.n_classes,
                options.n_layers,
                max_delay=options.max_delay,
                **common,
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
    training = options.training
    steps = parts.train.steps or training.steps
    encoder: dict[str, str | int] = {}
    if training.encoder != "direct":
        encoder = {"encoder": training.encoder, "encoder_seed": training.seed}
    architecture = "-".join(map(str, widths))
    name = f"{parts.train.name}-{architecture if len(architecture) < 40 else short}"
    encoding = encoded_dataset(parts.train.take(np.arange(1)), training.encoder, steps, 0).encoding
    with warnings.catch_warnings():  # a run says what rounding delays costs, in accuracy
        warnings.simplefilter("ignore", RoundingWarning)
        return net.to_description(
            name.replace("-", "_"),
            encoding,
            steps,
            options.readout,
            metadata={
                **parts.metadata,
                **encoder,
                "architecture": architecture,
                "parameters": sum(parameter.numel() for parameter in net.parameters()),
                **measured,
            },
        )


def _widths(parts: Split, options: RunOptions) -> tuple[tuple[object, ...], str]:
    """Return what the layers are called, and something shorter."""
    classes = parts.train.n_classes
    if options.net == "conv":
        convolutions = [f"{channels}c{options.kernel_size}" for channels in options.channels]
        widths = ("conv", *convolutions, options.n_hidden, classes)
        return widths, f"conv-{len(convolutions)}-{options.n_hidden}-{classes}"
    inputs = parts.train.shape[0]
    widths = (inputs, *(options.n_hidden,) * options.n_layers, classes)
    return widths, f"{inputs}-{options.n_layers}x{options.n_hidden}-{classes}"


def _with_dropout(net: SpikingSequential, share: float) -> SpikingSequential:
    """Return the same layers with dropout before every linear layer but the first layer."""
    modules: list[nn.Module] = []
    for module in net.layers:
        if modules and isinstance(module, nn.Linear | DelayLinear):
            modules.append(nn.Dropout(share))
        modules.append(module)
    return SpikingSequential(*modules)
