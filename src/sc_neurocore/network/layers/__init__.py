"""The layers of a network description: each kind is one class, which says all that NumPy can say.

Its fields and their checks, its shapes, what it computes in real numbers, and what integers and
streams need to know of it. Adding one: CONTRIBUTING.md.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from sc_neurocore.network.layers.base import (
    BaseLayer,
    Connection,
    Runner,
    Weighted,
    WithMemory,
    along_channels,
)
from sc_neurocore.network.layers.convolution import Conv1d, Conv2d
from sc_neurocore.network.layers.delays import Delay, DelayDense
from sc_neurocore.network.layers.dense import Dense
from sc_neurocore.network.layers.joins import Join
from sc_neurocore.network.layers.pooling import AveragePool2d, MaxPool2d, SumPool2d
from sc_neurocore.network.layers.populations import (
    Integrator,
    Population,
    Recurrent,
    RecurrentConv2d,
    by_input,
    of_each_input,
)
from sc_neurocore.network.layers.values import Flatten, Scale

__all__ = [
    "AveragePool2d",
    "BaseLayer",
    "Connection",
    "Conv1d",
    "Conv2d",
    "Delay",
    "DelayDense",
    "Dense",
    "Flatten",
    "Integrator",
    "Join",
    "Layer",
    "MaxPool2d",
    "Population",
    "Recurrent",
    "RecurrentConv2d",
    "Runner",
    "Scale",
    "SumPool2d",
    "Weighted",
    "WeightedLayer",
    "WithMemory",
    "along_channels",
    "by_input",
    "of_each_input",
]

Layer: TypeAlias = Annotated[
    Dense
    | DelayDense
    | Conv1d
    | Conv2d
    | AveragePool2d
    | SumPool2d
    | MaxPool2d
    | Scale
    | Delay
    | Flatten
    | Join
    | Population
    | Integrator
    | Recurrent
    | RecurrentConv2d,
    Field(discriminator="kind"),
]

WeightedLayer: TypeAlias = Weighted | Recurrent | RecurrentConv2d
"""The layers with a weight and perhaps a bias, one number per output (first axis)."""
