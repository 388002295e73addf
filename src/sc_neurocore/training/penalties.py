"""What is paid for the activity of layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from sc_neurocore.errors import UserError
from sc_neurocore.kernels.arguments import check_numbers, shown
from sc_neurocore.training.losses import check_rates, spike_l1_loss, spike_l2_loss
from sc_neurocore.training.recording import record


@dataclass(frozen=True)
class RatePenalty:
    """What is paid for the activity of hidden layers: `spike_l1_loss` or `spike_l2_loss`.

    Attributes:
        weight: What the penalty is multiplied by before it is added to the loss.
        layers: Names of cells, such as ("layers.1",); None takes all.
        lower: Rates below it are paid for.
        upper: Rates above it are paid for.
        kind: "l1" or "l2".
        population: Whether the mean of each layer is bounded, instead of each neuron.
    """

    weight: float
    layers: tuple[str, ...] | str | None = None
    lower: float = 0.0
    upper: float = 0.0
    kind: Literal["l1", "l2"] = "l1"
    population: bool = False

    def __post_init__(self) -> None:
        check_numbers(weight=self.weight)
        check_rates(lower=self.lower, upper=self.upper)
        if not 0 <= self.weight < math.inf:
            raise UserError(
                f"weight = {self.weight}: expected a finite number of 0 or more; `lower` pays for "
                f"rates that are too low"
            )
        if isinstance(self.layers, str):  # one name, not its letters
            object.__setattr__(self, "layers", (self.layers,))
        if self.kind not in ("l1", "l2"):
            raise UserError(f"kind={shown(self.kind)}: expected 'l1' or 'l2'")

    def of(self, rates: Mapping[str, Tensor]) -> Tensor:
        """Return the penalty: the mean over the layers, times the weight."""
        loss = spike_l1_loss if self.kind == "l1" else spike_l2_loss
        names = tuple(rates) if self.layers is None else self.layers
        paid = [
            loss(rates[name].unsqueeze(0), self.lower, self.upper, self.population)
            for name in names
        ]
        return torch.stack(paid).mean() * self.weight


def with_rates(
    net: nn.Module,
    penalties: tuple[RatePenalty, ...],
    run: Callable[[], Any],
    counted: Tensor | None = None,
) -> tuple[Any, Tensor]:
    """Run the network and return its answer, and what is paid for the rates of its layers.

    Args:
        net: The network.
        penalties: At least one.
        run: Runs it.
        counted: Which samples have rates, bool (batch,); None for all.
    """
    layers = None
    if all(each.layers is not None for each in penalties):
        layers = tuple(dict.fromkeys(name for each in penalties for name in each.layers or ()))
    with record(net, spikes=False, layers=layers, detach=False) as recording:
        answer = run()
    rates = {
        name: layer.rates if counted is None else layer.rates[counted]
        for name, layer in recording.items()
    }
    return answer, torch.stack([each.of(rates) for each in penalties]).sum()
