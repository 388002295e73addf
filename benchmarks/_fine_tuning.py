"""Fine-tuning of the networks in models/ for cheaper arithmetic, as two tables report it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from sc_neurocore.data.catalogue import split_from_metadata
from sc_neurocore.fixed import QFormat
from sc_neurocore.network import NetworkDescription
from sc_neurocore.network.layers import WeightedLayer
from sc_neurocore.training import SpikingSequential, TrainingOptions, fit
from sc_neurocore.training.augmentation import Distortion

EPOCHS = 5
AFFINE = Distortion(rotation=12, shift=2, scale=0.12, shear=8)


def made_up_for_rounding(description: NetworkDescription, format: str) -> NetworkDescription:
    """Return a network of leaky neurons with every bias raised by a unit of the states' format.

    Integers round a current down, and what is left of a membrane too: by half a unit each, on the
    average. A neuron that blank pixels hold just at its threshold would else fire a step later in
    integers than in floats, everywhere in the background.
    """
    unit = 2.0 ** -QFormat.parse(format).fraction_bits
    layers = [
        layer.model_copy(update={"bias": layer.bias + layer.bias.dtype.type(unit)})
        if isinstance(layer, WeightedLayer) and layer.bias is not None
        else layer
        for layer in description.layers
    ]
    return description.model_copy(update={"layers": tuple(layers)})


def fine_tuned(
    description: NetworkDescription,
    context: Callable[[SpikingSequential], AbstractContextManager[Any]],
    epochs: int = EPOCHS,
) -> NetworkDescription:
    """Return the network after training on its training set, in the context."""
    train = split_from_metadata(description.metadata).shaped(description.input.shape).train
    options = TrainingOptions(
        epochs=epochs,
        batch_size=128,
        learning_rate=5e-4,
        steps=description.steps,
        schedule="cosine",
        label_smoothing=0.05,
        augment=AFFINE if train.name == "mnist" else None,
    )
    net = SpikingSequential.from_description(description, learn=("beta", "threshold"))
    with context(net):
        fit(net, train, options=options)
    return net.to_description("tuned", description.input, description.steps, description.readout)
