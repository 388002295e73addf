"""Losses and metrics that are functions of one's own: how they are called, and what goes wrong."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from sc_neurocore.errors import UserError
from sc_neurocore.kernels.arguments import shown
from sc_neurocore.training.readouts import Answer


def called(option: str, function: Any, answer: Answer, targets: Tensor) -> Any:
    """Return what a loss or a metric says.

    Raises:
        UserError: If it takes the answer for a tensor.
    """
    try:
        return function(answer, targets)
    except (AttributeError, TypeError) as error:
        if "NoneType" in str(error) and (answer.spikes is None or answer.membranes is None):
            raise UserError(
                f"{option}={shown(function)}: {str(error).splitlines()[0]}; answer.spikes and "
                f"answer.membranes are None unless its attribute needs = ('spikes', 'membrane') "
                f"asks for them"
            ) from error
        if "Answer" not in str(error):
            raise
        raise UserError(
            f"{option}={shown(function)}: {str(error).splitlines()[0]}; it is given an Answer, of "
            f"which answer.spike_counts and answer.membrane are tensors (batch, outputs): wrap it, "
            f"such as {option}=lambda answer, targets: function(answer.membrane / answer.steps, "
            f"targets)"
        ) from error
