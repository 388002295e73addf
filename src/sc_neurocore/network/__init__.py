"""What a trained network is: the description, its files, and its weights as probabilities."""

from sc_neurocore.network.description import (
    AveragePool2d,
    Conv2d,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    Layer,
    NetworkDescription,
    Population,
    Recurrent,
    WeightedLayer,
)
from sc_neurocore.network.encoding import (
    ENCODINGS,
    EncodedWeights,
    WeightEncoding,
    encode_weights,
)
from sc_neurocore.network.storage import load_description, save_description

__all__ = [
    "ENCODINGS",
    "AveragePool2d",
    "Conv2d",
    "DelayDense",
    "Dense",
    "EncodedWeights",
    "Flatten",
    "InputEncoding",
    "Layer",
    "NetworkDescription",
    "Population",
    "Recurrent",
    "WeightEncoding",
    "WeightedLayer",
    "encode_weights",
    "load_description",
    "save_description",
]
