"""What a spiking network with few steps can learn at the price of a single step.

A neuron that adds up a constant current x and loses 1 when it fires has fired floor(t x) times
after t steps, as long as x is between 0 and 1. With static inputs that is what the first neurons
do: a network of staircases stands for theirs, and trains some T times faster. With one hidden layer
it is the same network; behind further ones, whose spikes are no constant current, it is where the
spiking one learns on. T. Bu, W. Fang, J. Ding, P. Dai, Z. Yu and T. Huang, Optimal ANN-SNN
conversion for high-accuracy and ultra-low-latency spiking neural networks, ICLR 2022.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sc_neurocore.training import IFCell, SpikingOutput, SpikingSequential
from sc_neurocore.training.straight_through import straight_through


class Staircase(nn.Module):
    """A spiking network's layers with staircases in place of its hidden cells.

    Its parameters are those of the network: training it trains the network's layers.

    Args:
        net: Hidden cells are `IFCell()`, and the last one an `IFCell` that never fires, whose
            membrane is read.
        steps: Time steps.
    """

    def __init__(self, net: SpikingSequential, steps: int) -> None:
        super().__init__()
        *hidden, _ = net.layers
        last = max(i for i, layer in enumerate(hidden) if isinstance(layer, IFCell))
        layers = [
            _Stairs(steps, adds_up=place == last) if isinstance(layer, IFCell) else layer
            for place, layer in enumerate(hidden)
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor, steps: int) -> SpikingOutput:
        """Return the membranes of the last neurons, added up over the steps, (batch, outputs)."""
        membrane = self.layers(x) * (steps * (steps + 1) / 2)
        return SpikingOutput(torch.zeros_like(membrane), membrane)


class _Stairs(nn.Module):
    """What a neuron's spikes for a constant current come to, as a share of the most it can be.

    Args:
        steps: T.
        adds_up: Whether those who listen read out the sum, over the steps, of what they received so
            far: then a spike counts once more for every step that it comes earlier.
    """

    def __init__(self, steps: int, *, adds_up: bool) -> None:
        super().__init__()
        times = torch.arange(1, steps + 1) if adds_up else torch.tensor([steps])
        self.register_buffer("times", times.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return a number from 0 to 1; the gradient is that of the slope, steps averaged."""
        total = self.times.sum()
        held = x.clamp(0, 1)
        exact = torch.zeros_like(x)
        for time in self.times:
            exact = exact + (held * time).floor()
        middle = x - 0.5 * len(self.times) / total
        return straight_through(middle.clamp(0, 1), exact / total)
