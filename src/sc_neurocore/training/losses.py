"""What training minimises, on what a network answers."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

RATE_SHARPNESS = 10.0
"""What a spike rate of one per step is worth as a logit.

Spike counts themselves would make the softmax steeper with every further step, and let it rest
once two classes are a few spikes apart; rates leave wider margins, which quantised and stochastic
inference live on.
"""


def spike_count_loss(
    spike_counts: Tensor,
    labels: Tensor,
    steps: int,
    sharpness: float = RATE_SHARPNESS,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of the softmax over the output neurons' spike rates.

    Args:
        spike_counts: Spikes of each output neuron over all steps, (batch, classes).
        labels: The class of each sample, integers (batch,).
        steps: Number of steps over which they were counted.
        sharpness: The logit of a neuron that spikes in every step.
        label_smoothing: The share of the target that is spread over all classes, from 0 to 1
            (Szegedy et al., Rethinking the Inception architecture, CVPR 2016).
    """
    logits = spike_counts * (sharpness / steps)
    return functional.cross_entropy(logits, labels, label_smoothing=label_smoothing)
