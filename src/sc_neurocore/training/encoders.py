"""Numbers into spike trains.

Rate, latency and delta codes. Spikes come as 0 and 1 (delta: -1, 0 and 1) in the type and on the
device of the input, time first: (T, batch, ...). No gradient passes an encoder. Eshraghian et al.,
Training spiking neural networks using lessons from deep learning, Proceedings of the IEEE 111(9),
2023, compare the three.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias, get_args

import torch
from torch import Tensor

from sc_neurocore.errors import DataError, UserError
from sc_neurocore.kernels.arguments import as_seed, as_whole, check_numbers, shown
from sc_neurocore.kernels.scans import computed_in

RateProcess: TypeAlias = Literal["bernoulli", "poisson"]
LatencyLaw: TypeAlias = Literal["linear", "logarithmic"]
Unreached: TypeAlias = Literal["last", "silent"]


def rate_encode(
    x: Tensor,
    steps: int | None,
    generator: torch.Generator | int,
    process: RateProcess = "bernoulli",
) -> Tensor:
    """Encode numbers as spike rates: each neuron fires at random, at each step anew.

    A "bernoulli" neuron fires with probability p = x. A "poisson" neuron fires where a Poisson
    process of x events per step has at least one event in the step, p = 1 - exp(-x); see Dayan and
    Abbott, Theoretical Neuroscience, MIT Press 2001, section 1.4. The rate over T steps has the
    mean p and the variance p (1 - p) / T.

    Args:
        x: Values (batch, ...); with `steps=None` a sequence (T, batch, ...), one frame per step.
            From 0 to 1 for "bernoulli", from 0 to infinity for "poisson".
        steps: Number of steps T for a static x.
        generator: Where the random numbers come from; an integer is a seed. They are drawn on the
            generator's device (a seed: on the CPU), so that the same generator gives the same
            spikes wherever x is.
        process: "bernoulli" or "poisson".

    Returns:
        Spikes, 0 or 1, (T, batch, ...).

    Raises:
        UserError: For another process, a type that is not a float type, or no step.
        DataError: If a value is NaN or outside its range.
    """
    _check_choice("process", process, RateProcess)
    _check_frames("x", x, 0.0, 1.0 if process == "bernoulli" else math.inf)
    if steps is not None:
        _check_steps(steps)
    x = x.detach()
    real = computed_in(x.dtype)
    probability = x.to(real) if process == "bernoulli" else -torch.expm1(-x.to(real))
    if not isinstance(generator, torch.Generator):
        seed = as_seed("generator", generator)
        generator = torch.Generator().manual_seed(seed)
    shape = x.shape if steps is None else (steps, *x.shape)
    # In [0, 1): a probability of 1 always fires, one of 0 never does.
    uniform = torch.rand(shape, generator=generator, dtype=real, device=generator.device)
    return (uniform.to(x.device) < probability).to(x.dtype)


def latency_encode(
    x: Tensor,
    steps: int,
    law: LatencyLaw = "linear",
    *,
    tau: float | None = None,
    threshold: float = 0.2,
    unreached: Unreached = "last",
) -> Tensor:
    """Encode numbers as times to the first spike: the larger, the earlier; one spike at most.

    "linear" fires at t = (1 - x) (T - 1). "logarithmic" fires when a membrane that x charges
    through a resistor, v(t) = x (1 - exp(-t / tau)), reaches the threshold:
    t = tau ln(x / (x - threshold)). Times are rounded to the nearest step. Thorpe, Delorme and
    Van Rullen, Spike-based strategies for rapid processing, Neural Networks 14(6-7), 2001.

    Args:
        x: Values (batch, ...), from 0 to 1.
        steps: Number of steps T.
        law: "linear" or "logarithmic".
        tau: The time constant of "logarithmic" in steps, above 0; None is T / 4.
        threshold: What the membrane of "logarithmic" must reach, above 0 and below 1.
        unreached: What an input does whose membrane has not reached the threshold in the last
            step, or which is 0 in "linear": "last" fires in the last step, so that every input has
            exactly one spike; "silent" never fires.

    Returns:
        Spikes, 0 or 1, (T, batch, ...).

    Raises:
        UserError: For an unknown name or a number outside its range.
        DataError: If a value is NaN or outside [0, 1].
    """
    _check_choice("law", law, LatencyLaw)
    _check_choice("unreached", unreached, Unreached)
    _check_steps(steps)
    _check_frames("x", x, 0.0, 1.0)
    check_numbers(threshold=threshold, **({} if tau is None else {"tau": tau}))
    if not 0 < threshold < 1:
        raise UserError(f"threshold = {threshold}: expected a number above 0 and below 1")
    tau = steps / 4 if tau is None else tau
    if not 0 < tau < math.inf:
        raise UserError(f"tau = {tau}: expected a finite number of steps above 0")
    # In double precision no two float32 numbers change their order on the way.
    values = x.detach().double()
    if law == "linear":
        moments = ((1 - values) * (steps - 1)).round()
        late = values == 0
    else:
        charged = values > threshold
        moments = torch.where(charged, -tau * torch.log1p(-threshold / values), math.inf).round()
        late = moments > steps - 1
    moments = torch.where(late, steps - 1, moments).long()
    spikes = x.new_zeros((steps, *x.shape))
    fires = torch.ones_like(x) if unreached == "last" else (~late).to(x.dtype)
    return spikes.scatter_(0, moments.unsqueeze(0), fires.unsqueeze(0))


def delta_encode(
    x: Tensor,
    threshold: float,
    *,
    start: Tensor | float = 0.0,
    signed: bool = True,
    max_events: int | None = 1,
) -> Tensor:
    """Encode a sequence as change events: send on delta.

    Sender and receiver keep a reference r, first `start`. Where x is away from it by the threshold
    or more, n = trunc((x - r) / threshold) events are sent, and both add n times the threshold to
    r. What is left over counts for later steps, so errors never add up: after every step
    |x - r| < threshold, up to the rounding of the float type. With one event per step this holds
    for what changes by at most a threshold from step to step, from `start` on; where it changes
    faster, r comes after, one threshold per step. Miskowicz, Send-on-delta concept: an event-based
    data reporting strategy, Sensors 6(1), 2006; in silicon Lichtsteiner, Posch and Delbruck, IEEE
    Journal of Solid-State Circuits 43(2), 2008.

    Args:
        x: Finite values over time, (T, batch, ...).
        threshold: The change that is worth an event, above 0.
        start: The reference before the first step: a number, or (batch, ...).
        signed: Whether an event says in which direction. Without, decreases count as 1 too, and
            the sequence cannot be decoded.
        max_events: Most events of one neuron in one step; None sends as many as there are, so
            that the bound holds for every sequence.

    Returns:
        Events (T, batch, ...): whole numbers, from -max_events (signed) or 0 to max_events.

    Raises:
        UserError: For a number outside its range, shapes that do not fit, or more events in a step
            than the type of x can count.
        DataError: If a value is NaN or infinite.
    """
    _check_frames("x", x, -math.inf, math.inf)
    if max_events is not None and max_events < 1:
        raise UserError(f"max_events = {max_events}: expected at least 1, or None for no limit")
    if x.ndim < 2 or not len(x):
        raise UserError(f"x has shape {tuple(x.shape)}: expected (T, batch, ...) with T >= 1")
    values = x.detach().double()
    first = _reference(start, threshold, values)
    sent = torch.zeros_like(values[0])
    events = torch.empty_like(values)
    for step, value in enumerate(values):
        number = ((value - (first + threshold * sent)) / threshold).trunc()
        events[step] = number if max_events is None else number.clamp(-max_events, max_events)
        sent += events[step]
    stored = (events if signed else events.abs()).to(x.dtype)
    if not torch.equal(stored.abs().double(), events.abs()):
        raise UserError(
            f"threshold = {threshold}: a step has {events.abs().max():.0f} events, more than "
            f"{x.dtype} can count; give a larger threshold, or max_events"
        )
    return stored


def delta_decode(events: Tensor, threshold: float, *, start: Tensor | float = 0.0) -> Tensor:
    """Return the reference that `delta_encode` had after each step.

    Args:
        events: Signed events (T, batch, ...).
        threshold: As for `delta_encode`.
        start: As for `delta_encode`.

    Returns:
        start + threshold * (the sum of the events so far), (T, batch, ...).

    Raises:
        UserError: If the threshold is not above 0, or the shapes do not fit.
        DataError: If an event is NaN or infinite.
    """
    _check_frames("events", events, -math.inf, math.inf)
    counts = events.detach().double()
    return (_reference(start, threshold, counts) + threshold * counts.cumsum(0)).to(events.dtype)


class Encoder(Protocol):
    """How frames go into a network: `net(*encoder(frames, steps, generator))`."""

    def __call__(
        self, frames: Tensor, steps: int | None, generator: torch.Generator | int | None
    ) -> tuple[Tensor, int | None]:
        """Return what a network takes: the input x, and its `steps` (None: x has them itself).

        Args:
            frames: Static frames (batch, ...); with `steps=None` a sequence (T, batch, ...).
            steps: Number of steps for static frames.
            generator: For encoders that draw at random; the others do not look at it.
        """


def _direct(
    frames: Tensor, steps: int | None, generator: torch.Generator | int | None
) -> tuple[Tensor, int | None]:
    """Leave the frames as they are: the same current at every step, or a frame per step."""
    return frames, steps


def _rate(
    frames: Tensor, steps: int | None, generator: torch.Generator | int | None
) -> tuple[Tensor, None]:
    """Fire at each step with the frame's value as the probability."""
    if generator is None:
        raise UserError("encoder 'rate' draws at random: give it a generator or a seed")
    return rate_encode(frames, steps, generator), None


def _latency(
    frames: Tensor, steps: int | None, generator: torch.Generator | int | None
) -> tuple[Tensor, None]:
    """Fire once, earlier for larger values; zeros, such as an image's background, never."""
    if steps is None:
        raise UserError(
            "encoder 'latency' gives static inputs a time; the inputs are sequences already: use "
            "'direct' or 'rate'"
        )
    return latency_encode(frames, steps, unreached="silent"), None


ENCODERS: Mapping[str, Encoder] = MappingProxyType(
    {"direct": _direct, "rate": _rate, "latency": _latency}
)
"""The encoders by name."""


def find_encoder(name: str) -> Encoder:
    """Return the encoder of that name.

    Raises:
        UserError: If there is none.
    """
    if not isinstance(name, str) or name not in ENCODERS:
        raise UserError(f"no encoder {name!r}; known: {', '.join(ENCODERS)}")
    return ENCODERS[name]


def _reference(start: Tensor | float, threshold: float, sequence: Tensor) -> Tensor:
    """Return the reference before the first step, (batch, ...) or without axes."""
    check_numbers(threshold=threshold)
    if not 0 < threshold < math.inf:
        raise UserError(f"threshold = {threshold}: expected a finite number above 0")
    first = torch.as_tensor(start, dtype=sequence.dtype, device=sequence.device).detach()
    if first.ndim and first.shape != sequence.shape[1:]:
        raise UserError(
            f"start has shape {tuple(first.shape)}: expected a number, or the shape of one step, "
            f"{tuple(sequence.shape[1:])}"
        )
    if not first.isfinite().all():
        raise DataError("start holds NaN or infinity: expected finite numbers")
    return first


def _check_choice(what: str, name: str, choices: object) -> None:
    if name not in get_args(choices):
        raise UserError(f"{what}={name!r}: expected one of {', '.join(get_args(choices))}")


def _check_steps(steps: int) -> None:
    as_whole("steps", steps)


def _check_frames(what: str, x: Tensor, low: float, high: float) -> None:
    """Refuse what is not floats, NaN, infinity, and what is outside [low, high]."""
    if not isinstance(x, Tensor):
        raise UserError(
            f"{what}: found {shown(x)}, expected a tensor of floats; torch.as_tensor makes one"
        )
    if not x.is_floating_point():
        raise UserError(f"{what} has type {x.dtype}: expected a float type; use {what}.float()")
    if not x.numel():
        return
    least, most = (float(value) for value in x.detach().aminmax())
    if math.isfinite(least) and math.isfinite(most) and low <= least and most <= high:
        return
    expected = "finite numbers"
    if math.isfinite(low):
        expected += f" from {low:g}" + (f" to {high:g}" if math.isfinite(high) else " on")
    raise DataError(
        f"{what} holds numbers from {least:g} to {most:g}: expected {expected}; clean or rescale "
        f"them, such as by (x - x.min()) / (x.max() - x.min())"
    )
