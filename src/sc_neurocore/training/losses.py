"""What training minimises: on what a network answers, and on how much its neurons fire."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional

from sc_neurocore.errors import UserError
from sc_neurocore.kernels.arguments import as_whole, check_numbers, shown
from sc_neurocore.training.readouts import check_targets

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

    Raises:
        UserError: If the shapes do not fit, or there is no step.
    """
    labels = _check("spike_counts", spike_counts, labels, steps)
    logits = spike_counts * (sharpness / steps)
    return functional.cross_entropy(logits, labels, label_smoothing=label_smoothing)


def membrane_loss(
    membrane: Tensor,
    labels: Tensor,
    steps: int,
    sharpness: float = 1.0,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of the softmax over the output neurons' mean membranes.

    The membrane of a neuron that does not spike still has a gradient without a surrogate, so
    training starts where nothing fires yet. Rathi and Roy, DIET-SNN, IEEE Transactions on Neural
    Networks and Learning Systems 34(6), 2023, train on an output layer's accumulated membrane; use
    it with the readout "membrane", which compares the same sums.

    Args:
        membrane: The sum of each output neuron's membrane after reset over all steps,
            (batch, classes), as `SpikingOutput.membrane`; in the unit of the threshold.
        labels: The class of each sample, integers (batch,).
        steps: Number of steps over which it was summed.
        sharpness: The logit of a mean membrane of 1.
        label_smoothing: As for `spike_count_loss`.

    Raises:
        UserError: If the shapes do not fit, or there is no step.
    """
    labels = _check("membrane", membrane, labels, steps)
    logits = membrane * (sharpness / steps)
    return functional.cross_entropy(logits, labels, label_smoothing=label_smoothing)


def spike_rate_loss(
    spike_counts: Tensor,
    labels: Tensor,
    steps: int,
    correct_rate: float = 0.8,
    incorrect_rate: float = 0.2,
) -> Tensor:
    """Mean squared error between the output neurons' spike rates and rates that they should have.

    The mean over samples and classes of (rate - target)^2. Every neuron is kept firing, also for
    other classes than its own, so that none falls silent and loses its gradient. Shrestha and
    Orchard, SLAYER: spike layer error reassignment in time, NeurIPS 2018, set target counts;
    Eshraghian et al., Training spiking neural networks using lessons from deep learning,
    Proceedings of the IEEE 111(9), 2023, target rates. (snnTorch's mse_count_loss is this times
    the number of steps, with targets rounded down to whole spikes.)

    Args:
        spike_counts: Spikes of each output neuron over all steps, (batch, classes).
        labels: The class of each sample, integers (batch,).
        steps: Number of steps over which they were counted.
        correct_rate: Spikes per step that the neuron of the sample's class should have, 0 to 1.
        incorrect_rate: Spikes per step that all others should have, 0 to 1.

    Raises:
        UserError: If the shapes do not fit, there is no step, or a rate is outside its range.
    """
    labels = _check("spike_counts", spike_counts, labels, steps)
    check_target_rates(correct_rate, incorrect_rate)
    correct = functional.one_hot(labels, spike_counts.shape[1]).to(spike_counts.dtype)
    target = incorrect_rate + (correct_rate - incorrect_rate) * correct
    return functional.mse_loss(spike_counts / steps, target)


def spike_l1_loss(
    spikes: Tensor, lower: float = 0.0, upper: float = 0.0, population: bool = False
) -> Tensor:
    """Mean distance of spike rates from the range [lower, upper]: what is paid for activity.

    The mean of max(0, rate - upper) + max(0, lower - rate) over samples and neurons, the rate a
    neuron's spikes per step for one sample. By default all activity is paid for, which saves
    spikes. With `population`, the rate is the mean over a sample's neurons: some may then fire
    much while others rest. Zenke and Vogels, The remarkable robustness of surrogate gradient
    learning, Neural Computation 33(4), 2021, and Cramer et al., The Heidelberg spiking data sets,
    IEEE Transactions on Neural Networks and Learning Systems 33(7), 2022, bound each neuron from
    below and the population from above, on spike counts; here it is rates, so that a weight for the
    loss stays right for other numbers of steps.

    Args:
        spikes: Spikes of a layer, (T, batch, ...). Only their mean over the first axis matters, so
            `rates.unsqueeze(0)` does for rates (batch, ...).
        lower: Rates below it are paid for; from 0 to `upper`, 0 for none.
        upper: Rates above it are paid for; up to 1, 1 for none.
        population: Whether the mean over the neurons is bounded, instead of each neuron.

    Raises:
        UserError: If a bound is outside its range, or there is no neuron.
    """
    return _outside(spikes, lower, upper, population).mean()


def spike_l2_loss(
    spikes: Tensor, lower: float = 0.0, upper: float = 0.0, population: bool = False
) -> Tensor:
    """Mean squared distance of spike rates from [lower, upper]; few busy neurons cost the most.

    The squares of `spike_l1_loss`'s distances, with its references, arguments and errors: the
    form of both papers for the lower bound, and one of the two for the upper.

    Args:
        spikes: Spikes of a layer, (T, batch, ...), or rates as (1, batch, ...).
        lower: Rates below it are paid for; from 0 to `upper`, 0 for none.
        upper: Rates above it are paid for; up to 1, 1 for none.
        population: Whether the mean over the neurons is bounded, instead of each neuron.

    Raises:
        UserError: If a bound is outside its range, or there is no neuron.
    """
    return _outside(spikes, lower, upper, population).square().mean()


def _outside(spikes: Tensor, lower: float, upper: float, population: bool) -> Tensor:
    """Return how far each rate is outside the range, (batch, ...)."""
    check_rates(lower=lower, upper=upper)
    if lower > upper:
        raise UserError(f"lower = {lower}, upper = {upper}: expected lower <= upper")
    if not isinstance(spikes, Tensor) or not spikes.is_floating_point():
        found = spikes.dtype if isinstance(spikes, Tensor) else shown(spikes)
        raise UserError(f"spikes: found {found}, expected a tensor of floats; use .float()")
    if spikes.ndim < 3 or not spikes.numel():
        raise UserError(
            f"spikes have shape {tuple(spikes.shape)}: expected (T, batch, neurons, ...), none 0"
        )
    rates = spikes.mean(0)
    if population:
        rates = rates.flatten(1).mean(1)
    return (rates - upper).relu() + (lower - rates).relu()


def _check(what: str, scores: Any, labels: Any, steps: Any) -> Tensor:
    """Return the labels as PyTorch's losses take them."""
    as_whole("steps", steps)
    for name, value in ((what, scores), ("labels", labels)):
        if not isinstance(value, Tensor):
            raise UserError(f"{name}: found {shown(value)}, expected a tensor")
    if scores.ndim != 2 or labels.shape != scores.shape[:1]:
        advice = "; one-hot labels become classes by .argmax(1)" * (labels.ndim == 2)
        raise UserError(
            f"{what} has shape {tuple(scores.shape)} and labels {tuple(labels.shape)}: expected "
            f"(batch, classes) and (batch,){advice}"
        )
    return check_targets(labels, scores.shape[1])


def check_target_rates(correct_rate: float, incorrect_rate: float) -> None:
    """Raise unless the neuron of a sample's class is to fire more than the others."""
    check_rates(correct_rate=correct_rate, incorrect_rate=incorrect_rate)
    if correct_rate <= incorrect_rate:
        raise UserError(
            f"correct_rate = {correct_rate}, incorrect_rate = {incorrect_rate}: expected the "
            f"neuron of the sample's class to fire more than the others"
        )


def check_rates(**rates: float) -> None:
    """Raise unless each is a number of spikes per step."""
    check_numbers(**rates)
    for name, rate in rates.items():
        if not 0 <= rate <= 1:
            raise UserError(f"{name} = {rate}: expected spikes per step, from 0 to 1")
