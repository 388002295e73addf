"""Surrogate gradients: what stands in for the derivative of the spike.

A spike is a step of the crossing x (left side minus right side of the firing condition). Its
derivative is zero almost everywhere, so training uses a smooth pulse around x = 0 instead. A
surrogate is that pulse, an expression in `x` and `width`-like constants, as data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sc_neurocore.equation.expression import Expression
from sc_neurocore.equation.parser import parse_expression
from sc_neurocore.errors import EquationError


@dataclass(frozen=True)
class Surrogate:
    """A pulse around the threshold.

    Attributes:
        name: The name that users give.
        derivative: The pulse as an expression in `x`, the crossing, and `alpha`.
        alpha: The sharpness; larger is narrower.
        reference: The paper it comes from.
    """

    name: str
    derivative: Expression
    alpha: float
    reference: str

    def __call__(self, alpha: float) -> Surrogate:
        """Return the same surrogate with another sharpness, which must be positive."""
        if not alpha > 0:
            raise EquationError(f"{self.name}: alpha = {alpha}: expected a number above 0")
        return replace(self, alpha=alpha)


atan_surrogate = Surrogate(
    "atan_surrogate",
    parse_expression("alpha/2 / (1 + (pi/2*alpha*x)**2)"),
    alpha=2.0,
    reference="Fang et al., Incorporating learnable membrane time constant to enhance learning "
    "of spiking neural networks, ICCV 2021",
)

SURROGATES: Mapping[str, Surrogate] = {s.name: s for s in (atan_surrogate,)}
