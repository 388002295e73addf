"""What a trained network is: the description, its files, and its weights as probabilities."""

from sc_neurocore.network.description import (
    AveragePool2d,
    Conv1d,
    Conv2d,
    Delay,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    Integrator,
    Layer,
    NetworkDescription,
    Population,
    Recurrent,
    Scale,
    SumPool2d,
    WeightedLayer,
)
from sc_neurocore.network.encoding import (
    ENCODINGS,
    EncodedWeights,
    WeightEncoding,
    clipping_limit,
    encode_weights,
)
from sc_neurocore.network.storage import load_description, save_description

__all__ = [
    "ENCODINGS",
    "AveragePool2d",
    "Conv1d",
    "Conv2d",
    "Delay",
    "DelayDense",
    "Dense",
    "EncodedWeights",
    "Flatten",
    "InputEncoding",
    "Integrator",
    "Layer",
    "NetworkDescription",
    "Population",
    "Recurrent",
    "Scale",
    "SumPool2d",
    "WeightEncoding",
    "WeightedLayer",
    "clipping_limit",
    "encode_weights",
    "load_description",
    "save_description",
]
