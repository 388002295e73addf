"""Surrogate gradients: what stands in for the derivative of the spike.

A spike is a step of the crossing x (left side minus right side of the firing condition). Its
derivative is zero almost everywhere, so training uses a pulse around x = 0 instead. A surrogate is
that pulse, an expression in `x` and `alpha`, as data. A larger `alpha` is a narrower pulse.

The defaults train the digits to the same accuracy, within the spread over splits. A pulse that ends
needs a half width of about twice the threshold: where it is as wide as the threshold, neurons whose
membrane is below zero get no gradient, and most of them never fire again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real

from sc_neurocore.equation.expression import Expression, symbols
from sc_neurocore.equation.syntax import parse_expression
from sc_neurocore.equation.text import format_expression
from sc_neurocore.errors import EquationError


@dataclass(frozen=True)
class Surrogate:
    """A pulse around the threshold.

    Attributes:
        name: The name that users give.
        derivative: The pulse as an expression in `x`, the crossing, and `alpha`.
        alpha: Its sharpness, above 0; larger is narrower.
        meaning: What exactly `alpha` is.
        reference: The paper it comes from.
    """

    name: str
    derivative: Expression
    alpha: float
    meaning: str
    reference: str

    def __post_init__(self) -> None:
        if not isinstance(self.derivative, Expression):
            raise EquationError(
                f"surrogate {self.name}: its derivative is {self.derivative!r}: expected an "
                f"expression, such as parse_expression('1 / (1 + (alpha*x)**2)')"
            )
        # Any other name would mean one of the neuron's own parameters, or nothing.
        for name in symbols(self.derivative):
            if name not in ("x", "alpha"):
                raise EquationError(
                    f"surrogate {self.name}: {format_expression(self.derivative)} has the name "
                    f"{name!r}: expected x, the crossing, and alpha, the sharpness"
                )

    def __call__(self, alpha: float) -> Surrogate:
        """Return the same surrogate with another `alpha`, which must be positive."""
        given: object = alpha
        is_number = isinstance(given, Real) and not isinstance(given, bool)
        if not is_number or not 0 < alpha < float("inf"):
            raise EquationError(
                f"{self.name}: alpha = {alpha!r}: expected a finite number above 0; {self.meaning}"
            )
        return replace(self, alpha=float(alpha))


atan_surrogate = Surrogate(
    "atan_surrogate",
    parse_expression("alpha/2 / (1 + (pi/2*alpha*x)**2)"),
    alpha=2.0,
    meaning="twice the height at x = 0; the derivative of 1/2 + atan(pi/2*alpha*x)/pi",
    reference="Fang et al., Incorporating learnable membrane time constant to enhance learning "
    "of spiking neural networks, ICCV 2021",
)

fast_sigmoid = Surrogate(
    "fast_sigmoid",
    parse_expression("alpha / (1 + alpha*abs(x))**2"),
    alpha=2.0,
    meaning="the height at x = 0; the derivative of alpha*x/(1 + alpha*abs(x))",
    reference="Zenke and Vogels, The remarkable robustness of surrogate gradient learning for "
    "instilling complex function in spiking neural networks, Neural Computation 33(4), 2021",
)

superspike = Surrogate(
    "superspike",
    parse_expression("1 / (1 + alpha*abs(x))**2"),
    alpha=2.0,
    meaning="the steepness; the height is 1, and a quarter of it is left at abs(x) = 1/alpha",
    reference="Zenke and Ganguli, SuperSpike: supervised learning in multilayer spiking neural "
    "networks, Neural Computation 30(6), 2018",
)

sigmoid_surrogate = Surrogate(
    "sigmoid_surrogate",
    parse_expression("alpha*sigmoid(alpha*x)*sigmoid(-(alpha*x))"),
    alpha=4.0,
    meaning="four times the height at x = 0; the derivative of sigmoid(alpha*x)",
    reference="Neftci, Mostafa and Zenke, Surrogate gradient learning in spiking neural networks, "
    "IEEE Signal Processing Magazine 36(6), 2019",
)

straight_through = Surrogate(
    "straight_through",
    parse_expression("select(alpha*abs(x) <= 1, 1, 0)"),
    alpha=0.5,
    meaning="one over the half width of the window in which the gradient passes unchanged",
    reference="Bengio, Léonard and Courville, Estimating or propagating gradients through "
    "stochastic neurons for conditional computation, arXiv:1308.3432, 2013; the window: Hubara "
    "et al., Binarized neural networks, NeurIPS 2016",
)

triangular = Surrogate(
    "triangular",
    parse_expression("max(0, 1 - alpha*abs(x))"),
    alpha=0.5,
    meaning="one over the half width; the height is 1, and nothing is left at abs(x) = 1/alpha",
    reference="Esser et al., Convolutional networks for fast, energy-efficient neuromorphic "
    "computing, PNAS 113(41), 2016",
)

gaussian = Surrogate(
    "gaussian",
    parse_expression("alpha*0.3989422804014327*exp(-(alpha*x)**2/2)"),
    alpha=2.0,
    meaning="one over the standard deviation; the area is 1",
    reference="Wu, Deng, Li, Zhu and Shi, Spatio-temporal backpropagation for training "
    "high-performance spiking neural networks, Frontiers in Neuroscience 12, 2018",
)

piecewise_quadratic = Surrogate(
    "piecewise_quadratic",
    parse_expression("alpha*max(0, 1 - alpha*abs(x))"),
    alpha=0.5,
    meaning="the height at x = 0 and one over the half width; the area is 1",
    reference="Bohte, Error-backpropagation in networks of fractionally predictive spiking "
    "neurons, ICANN 2011",
)

SURROGATES: Mapping[str, Surrogate] = {
    surrogate.name: surrogate
    for surrogate in (
        atan_surrogate,
        fast_sigmoid,
        superspike,
        sigmoid_surrogate,
        straight_through,
        triangular,
        gaussian,
        piecewise_quadratic,
    )
}


def find_surrogate(name: str) -> Surrogate:
    """Return the surrogate of that name.

    Raises:
        EquationError: Listing the known names.
    """
    surrogate = SURROGATES.get(name) if isinstance(name, str) else None
    if surrogate is None:
        raise EquationError(
            f"surrogate={name!r}: expected a Surrogate or one of {', '.join(SURROGATES)}"
        )
    return surrogate
