"""Stochastic computing: bitstream sources, streams, layers and whole networks.

Reference: Gaines 1969, "Stochastic computing systems", Advances in Information Systems Science 2.
"""

from sc_neurocore.stochastic.inference import SCRun, run_network
from sc_neurocore.stochastic.layer import SCDenseLayer
from sc_neurocore.stochastic.sources import (
    LFSR16,
    Bernoulli,
    Sobol,
    Source,
    SourceName,
    SourcePair,
    make_sources,
)
from sc_neurocore.stochastic.streams import decode, encode, popcount

__all__ = [
    "LFSR16",
    "Bernoulli",
    "SCDenseLayer",
    "SCRun",
    "Sobol",
    "Source",
    "SourceName",
    "SourcePair",
    "decode",
    "encode",
    "make_sources",
    "popcount",
    "run_network",
]
