"""What a trained network is: the description, its files, and its weights as probabilities."""

from sc_neurocore.network import layers as _layers
from sc_neurocore.network.description import (
    InputEncoding,
    NetworkDescription,
    Readout,
    spikes_that_suffice,
)
from sc_neurocore.network.encoding import (
    ENCODINGS,
    EncodedWeights,
    WeightEncoding,
    clipping_limit,
    encode_weights,
)
from sc_neurocore.network.folding import fold_linear
from sc_neurocore.network.layers import *  # noqa: F403  # one list of the kinds is enough
from sc_neurocore.network.storage import load_description, save_description

__all__ = [
    "ENCODINGS",
    "EncodedWeights",
    "InputEncoding",
    "NetworkDescription",
    "Readout",
    "WeightEncoding",
    "clipping_limit",
    "encode_weights",
    "fold_linear",
    "load_description",
    "save_description",
    "spikes_that_suffice",
]
__all__ += _layers.__all__
