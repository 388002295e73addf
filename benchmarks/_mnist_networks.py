"""The untrained networks of mnist_accuracy.py, and those that go on from one in models/."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from sc_neurocore.network.storage import load_description
from sc_neurocore.training import ConvSpikingNet, LIFCell, SpikingNet, SpikingSequential

MODELS = Path(__file__).parent.parent / "models"
LEARNT = {"learn_beta": True, "learn_threshold": True}


def conv_net() -> SpikingSequential:
    """Return the convolutional network with dropout before its linear layers."""
    layers = ConvSpikingNet(**LEARNT).layers
    flatten = next(i for i, layer in enumerate(layers) if isinstance(layer, nn.Flatten))
    return SpikingSequential(*layers[:flatten], nn.Dropout(0.2), *layers[flatten:])


def continued(model: str, *, adds_up: bool = False) -> SpikingSequential:
    """Return a network of models/ to be trained on for few steps.

    Args:
        model: Its folder.
        adds_up: Whether its outputs add up and do not fire, for the readout membrane: a few spikes
            are few to tell classes apart. Their threshold is out of reach, so that they still share
            the circuit of the other neurons.
    """
    description = load_description(MODELS / model)
    net = SpikingSequential.from_description(description, learn=("beta", "threshold"))
    return _adding_up(net, float(description.layers[-1].parameters["beta"])) if adds_up else net


def dense(
    n_layers: int, *, adds_up: bool = False, **options: Any
) -> Callable[[], SpikingSequential]:
    """Return what makes a feed-forward network with 128 neurons in each hidden layer.

    Args:
        n_layers: Hidden layers.
        adds_up: As of `continued`.
        options: As `SpikingNet` takes them.
    """

    def make() -> SpikingSequential:
        net = SpikingNet(784, 128, 10, n_layers=n_layers, **options)
        return _adding_up(net, 0.95) if adds_up else net

    return make


def _adding_up(net: SpikingSequential, beta: float) -> SpikingSequential:
    """Return the network with outputs that do not fire."""
    outputs = LIFCell(beta=beta, threshold=100.0, learn_beta=True)
    return SpikingSequential(*net.layers[:-1], outputs)
