"""The surrogate gradients, where people who train look for them."""

from sc_neurocore.equation.surrogate import (
    SURROGATES,
    Surrogate,
    atan_surrogate,
    fast_sigmoid,
    gaussian,
    piecewise_quadratic,
    sigmoid_surrogate,
    straight_through,
    superspike,
    triangular,
)

__all__ = [
    "SURROGATES",
    "Surrogate",
    "atan_surrogate",
    "fast_sigmoid",
    "gaussian",
    "piecewise_quadratic",
    "sigmoid_surrogate",
    "straight_through",
    "superspike",
    "triangular",
]
