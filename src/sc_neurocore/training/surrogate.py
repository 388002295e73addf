"""The surrogate gradients, where people who train look for them."""

from sc_neurocore.equation.surrogate import SURROGATES, Surrogate, atan_surrogate

__all__ = ["SURROGATES", "Surrogate", "atan_surrogate"]
