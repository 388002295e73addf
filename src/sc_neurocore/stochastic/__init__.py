"""Stochastic computing: bitstream sources, streams, arithmetic, layers and whole networks.

Reference: Gaines 1969, "Stochastic computing systems", Advances in Information Systems Science 2.
"""

from sc_neurocore.stochastic.arithmetic import (
    correlation,
    count,
    multiply,
    multiply_bipolar,
    saturating_add,
    scaled_add,
)
from sc_neurocore.stochastic.calibration import calibrate_weights
from sc_neurocore.stochastic.convolution import SCConv2dLayer
from sc_neurocore.stochastic.inference import run_network
from sc_neurocore.stochastic.layer import SCDenseLayer
from sc_neurocore.stochastic.sharing import Sharing, SourceName, SourcePair, make_sources
from sc_neurocore.stochastic.sources import LFSR16, Bernoulli, Counter, Halton, Sobol, Source
from sc_neurocore.stochastic.streams import decode, encode, popcount

__all__ = [
    "LFSR16",
    "Bernoulli",
    "Counter",
    "Halton",
    "SCConv2dLayer",
    "SCDenseLayer",
    "Sharing",
    "Sobol",
    "Source",
    "SourceName",
    "SourcePair",
    "calibrate_weights",
    "correlation",
    "count",
    "decode",
    "encode",
    "make_sources",
    "multiply",
    "multiply_bipolar",
    "popcount",
    "run_network",
    "saturating_add",
    "scaled_add",
]
