"""SC-NeuroCore: spiking networks from PyTorch to FPGA bitstreams, held against their integer model.

The names below are what most programs need; they are imported when they are first used, so that
hardware work never waits for torch.

Where torch is not loaded yet, and neither OMP_WAIT_POLICY nor GOMP_SPINCOUNT is set, importing this
package sets GOMP_SPINCOUNT: threads of torch then sleep after a short while of waiting. Without it,
one that waits for a partner that lost its core to another program keeps its own core in vain.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

SPINS = "2000"
"""How often a waiting thread looks before it sleeps; GNU's OpenMP looks far more often."""

if "torch" not in sys.modules and not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
    os.environ["GOMP_SPINCOUNT"] = SPINS

if TYPE_CHECKING:
    from sc_neurocore.equation.neuron import Neuron
    from sc_neurocore.fixed.qformat import QFormat
    from sc_neurocore.fixed.quantize import quantize
    from sc_neurocore.hdl.equation_compiler import compile_equations
    from sc_neurocore.network.description import NetworkDescription
    from sc_neurocore.network.storage import load_description, save_description
    from sc_neurocore.stochastic.convolution import SCConv2dLayer
    from sc_neurocore.stochastic.layer import SCDenseLayer
    from sc_neurocore.training.architectures import ConvSpikingNet, SpikingNet
    from sc_neurocore.training.catalogue import (
        AdExCell,
        ALIFCell,
        AlphaCell,
        ExpIFCell,
        IFCell,
        LapicqueCell,
        LIFCell,
        RecurrentLIFCell,
        SecondOrderLIFCell,
        SynapticCell,
    )
    from sc_neurocore.training.cells import Cell
    from sc_neurocore.training.delays import DelayLinear
    from sc_neurocore.training.networks import SpikingSequential

_HOMES = {
    "Cell": "training.cells",
    "ConvSpikingNet": "training.architectures",
    "DelayLinear": "training.delays",
    "ALIFCell": "training.catalogue",
    "AdExCell": "training.catalogue",
    "AlphaCell": "training.catalogue",
    "ExpIFCell": "training.catalogue",
    "IFCell": "training.catalogue",
    "LIFCell": "training.catalogue",
    "LapicqueCell": "training.catalogue",
    "RecurrentLIFCell": "training.catalogue",
    "SecondOrderLIFCell": "training.catalogue",
    "SynapticCell": "training.catalogue",
    "NetworkDescription": "network.description",
    "Neuron": "equation.neuron",
    "QFormat": "fixed.qformat",
    "SCConv2dLayer": "stochastic.convolution",
    "SCDenseLayer": "stochastic.layer",
    "SpikingNet": "training.architectures",
    "SpikingSequential": "training.networks",
    "compile_equations": "hdl.equation_compiler",
    "load_description": "network.storage",
    "quantize": "fixed.quantize",
    "save_description": "network.storage",
}

__all__ = [
    "ALIFCell",
    "AdExCell",
    "AlphaCell",
    "Cell",
    "ConvSpikingNet",
    "DelayLinear",
    "ExpIFCell",
    "IFCell",
    "LIFCell",
    "LapicqueCell",
    "NetworkDescription",
    "Neuron",
    "QFormat",
    "RecurrentLIFCell",
    "SCConv2dLayer",
    "SCDenseLayer",
    "SecondOrderLIFCell",
    "SpikingNet",
    "SpikingSequential",
    "SynapticCell",
    "__version__",
    "compile_equations",
    "load_description",
    "quantize",
    "save_description",
]


def __getattr__(name: str) -> Any:
    """Import a name of the public interface when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
