"""What a neuron is: one equation, written once, as plain data."""

from sc_neurocore.equation.algebra import ArrayAlgebra
from sc_neurocore.equation.catalogue import CATALOGUE, LIF, find_neuron
from sc_neurocore.equation.expression import (
    Constant,
    Expression,
    Operation,
    Symbol,
    evaluate,
)
from sc_neurocore.equation.latex import latex_expression, latex_neuron
from sc_neurocore.equation.neuron import Assignment, Neuron, Parameter
from sc_neurocore.equation.parser import parse_neuron
from sc_neurocore.equation.step import StepAlgebra, step
from sc_neurocore.equation.surrogate import SURROGATES, Surrogate, atan_surrogate
from sc_neurocore.equation.syntax import parse_assignment, parse_expression
from sc_neurocore.equation.text import format_expression, format_neuron

__all__ = [
    "CATALOGUE",
    "LIF",
    "SURROGATES",
    "ArrayAlgebra",
    "Assignment",
    "Constant",
    "Expression",
    "Neuron",
    "Operation",
    "Parameter",
    "StepAlgebra",
    "Surrogate",
    "Symbol",
    "atan_surrogate",
    "evaluate",
    "find_neuron",
    "format_expression",
    "format_neuron",
    "latex_expression",
    "latex_neuron",
    "parse_assignment",
    "parse_expression",
    "parse_neuron",
    "step",
]
