"""Fine-tuning of the networks in models/ for cheaper arithmetic, as two tables report it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from mnist_accuracy import AFFINE

from sc_neurocore.data.catalogue import split_from_metadata
from sc_neurocore.network import NetworkDescription
from sc_neurocore.training import SpikingSequential, TrainingOptions, fit

EPOCHS = 5


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
