"""Fixed point: number formats, the rule from equations to integers, and the integer model."""

from sc_neurocore.fixed.evaluate import BitVectors, NumpyIntegers, evaluate
from sc_neurocore.fixed.lowering import NeuronProgram, ParameterPort, lower
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork
from sc_neurocore.fixed.program import Port
from sc_neurocore.fixed.qformat import FixedPoint, QFormat
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.fixed.synapses import IntegerSynapses

__all__ = [
    "BitVectors",
    "FixedPoint",
    "IntegerLayer",
    "IntegerNetwork",
    "IntegerSynapses",
    "NeuronProgram",
    "NumpyIntegers",
    "ParameterPort",
    "Port",
    "QFormat",
    "evaluate",
    "lower",
    "quantize",
]
