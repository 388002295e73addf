"""Linear layers whose synapses have trainable delays."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sc_neurocore.errors import UserError
from sc_neurocore.training.arguments import are_sizes

_WHOLE = 1e-3
"""Delays so near to a whole step were whole before they were stored as positions."""


Kernel: TypeAlias = Literal["gaussian", "triangle", "rounded"]

_WIDTHS_PER_STEP = 1 << 20
"""In a state dict widths are whole numbers, which averaging leaves alone."""


class RoundingWarning(UserWarning):
    """Delays between two steps were rounded: the network computes something else."""


class DelayLinear(nn.Module):
    """A linear layer in which every synapse has a weight and a delay of its own, both trained.

    `current[t] = bias + sum over inputs j of weight[:, j] * input[t - delays[:, j], j]`, with zeros
    before the first step. A delay between two whole steps takes both, in proportion: linear
    interpolation, through which the delay has a gradient. The layer is then one convolution over
    time, with two taps per synapse. Khalfaoui-Hassani, Pellegrini and Masquelier, Dilated
    convolution with learnable spacings, ICLR 2023; Hammouamri, Khalfaoui-Hassani and Masquelier,
    Learning delays in spiking neural networks using dilated convolutions with learnable spacings,
    ICLR 2024, who interpolate with a Gaussian that narrows while training goes on: `soften`, and
    `Sharpening`, which does so in a training.

    What is stored is `positions`, of which `delays` is made: times `scale`, the power of two that
    is at least `max_delay`, and reflected where it would leave [0, max_delay]. Clamped delays
    would lose their gradient at the ends for good, and a logistic map would keep them from ever
    reaching an end; the scale lets an optimiser that moves every number alike, such as Adam, move
    delays across their range as fast as weights.

    Args:
        in_features: Number of inputs.
        out_features: Number of outputs.
        max_delay: The longest delay in steps, at least 1.
        bias: Whether there is a bias, which is not delayed.
        delays: Delays to start from, a number or (out_features, in_features), within
            [0, max_delay]; without, they are drawn evenly from that range.
        learn_delays: Whether delays are trained.

    Raises:
        UserError: For a size below 1, or delays outside the range.
    """

    over_time: ClassVar[bool] = True
    """It takes the whole sequence, not one step; see `SpikingSequential`."""

    positions: Tensor
    bias: nn.Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        max_delay: int,
        bias: bool = True,
        delays: Any = None,
        learn_delays: bool = True,
    ) -> None:
        super().__init__()
        if not are_sizes(in_features, out_features, max_delay):
            raise UserError(
                f"in_features={in_features}, out_features={out_features}, max_delay={max_delay}: "
                f"each must be a whole number, at least 1 (without delays, use nn.Linear)"
            )
        self.in_features = in_features
        self.out_features = out_features
        self.max_delay = int(max_delay)
        self.scale = 2.0 ** math.ceil(math.log2(max_delay))
        linear = nn.Linear(in_features, out_features, bias=bias)
        self.weight = linear.weight
        self.register_parameter("bias", linear.bias)
        shape = (out_features, in_features)
        start = torch.rand(shape) * max_delay if delays is None else self._checked(delays, shape)
        self._set_positions(start.to(self.weight.dtype) / self.scale, learn_delays)
        self._kernel: Kernel | None = None
        self._width: float | None = None

    @property
    def delays(self) -> Tensor:
        """The delays as they act, in steps, (out_features, in_features)."""
        # The triangular wave through the origin, whose slope is nowhere 0.
        raw = torch.remainder(self.positions * self.scale, 2 * self.max_delay)
        return torch.where(raw <= self.max_delay, raw, 2 * self.max_delay - raw)

    def unroll(
        self, x: Tensor, state: Tensor | None = None, steps: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the currents of the next steps, and what is still on its way.

        Parts of a sequence, one after the other, are the whole.

        Args:
            x: As for `forward`.
            state: The last `max_delay` inputs, (max_delay, batch, in_features), as `unroll`
                returned them; None where nothing came before.
            steps: As for `forward`.

        Raises:
            UserError: If a shape does not fit.
        """
        batch = x.shape[-2] if x.ndim > 1 else 0
        wanted = (self.max_delay, batch, self.in_features)
        if state is not None and (not isinstance(state, Tensor) or state.shape != wanted):
            found = tuple(state.shape) if isinstance(state, Tensor) else type(state).__name__
            raise UserError(f"state of DelayLinear: found {found}, expected {wanted}")
        if state is None:
            y = self(x, steps=steps)
            sequence = x if steps is None else x.expand(steps, *x.shape)
        else:
            sequence = torch.cat([state, x if steps is None else x.expand(steps, *x.shape)])
            y = self(sequence)[self.max_delay :]
        missing = self.max_delay - len(sequence)
        if missing > 0:
            silence = sequence.new_zeros(missing, *sequence.shape[1:])
            return y, torch.cat([silence, sequence])
        return y, sequence[len(sequence) - self.max_delay :]

    def forward(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Return the currents of all steps.

        Args:
            x: Input (T, batch, in_features); with `steps`, a static input (batch, in_features),
                which begins to act on each synapse when its delay has passed.
            steps: Number of steps T for which a static input acts.

        Returns:
            (T, batch, out_features).

        Raises:
            UserError: If the shape does not fit.
        """
        wanted = 3 if steps is None else 2
        if x.ndim != wanted or x.shape[-1] != self.in_features:
            raise UserError(
                f"DelayLinear works over time: expected (T, batch, {self.in_features}), or "
                f"(batch, {self.in_features}) with steps=T, but {tuple(x.shape)} arrives with "
                f"steps={steps}"
            )
        if steps is not None:
            return self._static(x, steps)
        taps = self.taps()[..., : max(len(x), 1)]
        padded = functional.pad(x.permute(1, 2, 0), (taps.shape[-1] - 1, 0))
        return functional.conv1d(padded, taps.flip(-1), self.bias).permute(2, 0, 1)

    def _static(self, x: Tensor, steps: int) -> Tensor:
        """Sum up the taps that have arrived; after the longest delay nothing changes any more."""
        taps = self.taps()[..., :steps]
        arriving = functional.linear(x, taps.movedim(-1, 0).flatten(0, 1))
        by_delay = arriving.view(len(x), -1, self.out_features)
        # Under autocast the products have few bits, which a sum of many must not be made of.
        summed = by_delay.cumsum(1, dtype=self.weight.dtype).to(arriving.dtype)
        currents = summed.transpose(0, 1)
        if self.bias is not None:
            currents = currents + self.bias.to(currents.dtype)
        missing = steps - len(currents)
        if not missing:
            return currents
        return torch.cat([currents, currents[-1].expand(missing, -1, -1)])

    def soften(self, kernel: Kernel | None, width: float | None) -> None:
        """Let each synapse take the inputs of more steps than two, while it is trained.

        In evaluation, and with no width, its delay is the nearest whole step then.

        Args:
            kernel: "gaussian" or "triangle" around the delay, its sum 1; "rounded", whole delays
                whose gradient is that of interpolation, the straight-through estimator; None
                interpolates between two steps again.
            width: The standard deviation, or the half of the triangle's base, in steps; of rounded
                delays any number; None for whole delays, which have no gradient.

        Raises:
            UserError: For another kernel or width.
        """
        if kernel is not None and kernel not in get_args(Kernel):
            raise UserError(f"kernel = {kernel!r}: expected {', '.join(get_args(Kernel))} or None")
        if width is not None and (isinstance(width, bool) or not 0 < width < math.inf):
            raise UserError(f"width = {width!r}: expected a number above 0, or None")
        self._kernel, self._width = kernel, None if width is None else float(width)

    def settle(self) -> None:
        """Make the delays whole steps, between which nothing is left to interpolate."""
        with torch.no_grad():
            self.positions.copy_(self.delays.round() / self.scale)
        self.soften(None, None)

    def taps(self) -> Tensor:
        """Return the weights by delay, (out_features, in_features, max_delay + 1)."""
        delays = self.delays
        if self._kernel is not None:
            return self._softened(delays)
        return self._interpolated(delays)

    def _interpolated(self, delays: Tensor, weight: Tensor | None = None) -> Tensor:
        # The longest delay interpolates from below.
        before = delays.detach().floor().clamp(max=self.max_delay - 1)
        share = delays - before
        index = before.long().unsqueeze(-1)
        weight = self.weight if weight is None else weight
        taps = weight.new_zeros(*weight.shape, self.max_delay + 1)
        taps = taps.scatter(-1, index, (weight * (1 - share)).unsqueeze(-1))
        return taps.scatter(-1, index + 1, (weight * share).unsqueeze(-1))

    def _whole(self, delays: Tensor) -> Tensor:
        taps = self.weight.new_zeros(*self.weight.shape, self.max_delay + 1)
        index = delays.detach().round().long().unsqueeze(-1)
        return taps.scatter(-1, index, self.weight.unsqueeze(-1))

    def _softened(self, delays: Tensor) -> Tensor:
        if self._width is None or not self.training:
            return self._whole(delays)
        if self._kernel == "rounded":
            between = self._interpolated(delays, self.weight.detach())
            # Of the weights' gradient only one is wanted: the other way is through the delays.
            return self._whole(delays) + (between - between.detach())
        steps = torch.arange(self.max_delay + 1, dtype=delays.dtype, device=delays.device)
        away = (steps - delays.unsqueeze(-1)) / self._width
        if self._kernel == "gaussian":
            # Before it is made 1, the largest is 1: so no width is so small that all are 0.
            shares = torch.softmax(-0.5 * away.square(), -1)
        else:
            nearest = max(self._width, 1.0) / self._width  # so that one step at least is inside
            heights = (nearest - away.abs()).clamp(min=0)
            shares = heights / heights.sum(-1, keepdim=True)
        return self.weight.unsqueeze(-1) * shares

    def rounding(self) -> tuple[float, float]:
        """Return by how many steps rounding moves a delay: the mean, and the largest."""
        delays = self.delays.detach()
        moved = (delays - delays.round()).abs()
        return float(moved.mean()), float(moved.max())

    def warn_of_rounding(self, place: str) -> None:
        """Say by how much rounding moves the delays, if it moves them."""
        mean, most = self.rounding()
        if most > _WHOLE:
            warnings.warn(
                f"{place}: its delays are rounded to whole steps, which moves them by {mean:.2f} "
                f"steps on average and {most:.2f} at most, so that it computes something else. "
                f"Compare evaluate(net, ...) with evaluate(net.rounded(), ...), and train on with "
                f"the rounded delays held",
                RoundingWarning,
                stacklevel=3,
            )

    def rounded(self) -> DelayLinear:
        """Return a copy with whole delays, as hardware has them, whose delays are not trained.

        Warns:
            RoundingWarning: If a delay moves, saying by how much.
        """
        self.warn_of_rounding("DelayLinear")
        other = copy.deepcopy(self)
        other.soften(None, None)
        del other.positions
        other._set_positions(self.delays.detach().round() / self.scale, learn=False)
        return other

    def get_extra_state(self) -> Tensor:
        """Return for the state dict the range that positions are positions in, and the kernel."""
        kernel = 0 if self._kernel is None else 1 + get_args(Kernel).index(self._kernel)
        width = 0 if self._width is None else max(round(self._width * _WIDTHS_PER_STEP), 1)
        return torch.tensor([self.max_delay, kernel, width])

    def set_extra_state(self, state: Tensor) -> None:
        """Compare the range, and take the kernel.

        Raises:
            UserError: If it is another one.
        """
        longest, *kernel = (int(each) for each in state.flatten())
        if longest != self.max_delay:
            raise UserError(
                f"DelayLinear: max_delay = {longest} in the state dict, {self.max_delay} here: "
                f"make the layer with max_delay={longest}"
            )
        number, width = kernel or (0, 0)
        self._kernel = None if not number else get_args(Kernel)[number - 1]
        self._width = width / _WIDTHS_PER_STEP or None

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # Releases before did not write it.
        state_dict.setdefault(f"{prefix}_extra_state", torch.tensor(self.max_delay))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def extra_repr(self) -> str:
        """Say the sizes, for printing."""
        fixed = "" if isinstance(self.positions, nn.Parameter) else ", learn_delays=False"
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"max_delay={self.max_delay}, bias={self.bias is not None}{fixed}"
        )

    def _set_positions(self, positions: Tensor, learn: bool) -> None:
        if learn:
            self.positions = nn.Parameter(positions)
        else:
            self.register_buffer("positions", positions)

    def _checked(self, delays: Any, shape: tuple[int, int]) -> Tensor:
        given = delays.detach().cpu().numpy() if isinstance(delays, Tensor) else delays
        try:
            array = np.array(given, dtype=np.float64)
            spread = np.broadcast_to(array, shape).copy()
        except (TypeError, ValueError):
            raise UserError(
                f"delays of shape {np.shape(given)}: expected a number, or {shape}"
            ) from None
        if not ((spread >= 0) & (spread <= self.max_delay)).all():  # not so for NaN either
            raise UserError(
                f"delays range from {spread.min():g} to {spread.max():g}: expected 0 to "
                f"max_delay={self.max_delay}"
            )
        return torch.from_numpy(spread)
