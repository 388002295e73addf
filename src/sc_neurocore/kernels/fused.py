"""Many steps of a neuron in one call, by kernels derived from its equation.

The values are those of the eager kernel, bit for bit. The results are differentiable once; for a
second derivative use the eager kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sc_neurocore.equation.expression import evaluate
from sc_neurocore.equation.neuron import SPIKE, Neuron
from sc_neurocore.equation.surrogate import Surrogate
from sc_neurocore.kernels.backends import AUTO, BackEnd, candidates, serving
from sc_neurocore.kernels.derive import SHARPNESS, Scan, derive
from sc_neurocore.kernels.eager import TorchAlgebra, Unrolled
from sc_neurocore.kernels.operators import run_scan
from sc_neurocore.kernels.scans import Inputs, Plan, computed_in, register


@dataclass(frozen=True)
class Outputs:
    """What a run is asked for.

    Attributes:
        spikes: Whether to return every spike.
        pool: Whether the spikes come averaged over squares of 2 x 2 of the last two axes, which
            then have even lengths; see `can_pool`.
        counts: Whether to return the number of spikes of each neuron.
        trace: States to return after every step.
        sums: States of which to return the sum over the steps.
    """

    spikes: bool = True
    pool: bool = False
    counts: bool = False
    trace: tuple[str, ...] = ()
    sums: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """What a run gave; what was not asked for is empty or there all the same.

    Attributes:
        spikes: 0 or 1 (or averages) in the type of the currents, shape (T, batch, ...).
        counts: Spikes of each neuron, shape (batch, ...).
        trace: Each traced state after every step, (T, batch, ...).
        sums: The sum of each asked state over the steps, (batch, ...).
        state: Each state after the last step, (batch, ...).
    """

    spikes: Tensor
    counts: Tensor
    trace: dict[str, Tensor]
    sums: dict[str, Tensor]
    state: dict[str, Tensor]

    @classmethod
    def of(cls, unrolled: Unrolled) -> Run:
        """Return the run of the eager kernel."""
        sums = {name: values.sum(0) for name, values in unrolled.trace.items()}
        spikes = unrolled.spikes
        return cls(spikes, spikes.sum(0), unrolled.trace, sums, unrolled.state)

    def stored_in(self, dtype: torch.dtype) -> Run:
        """Return the run with its spikes in that type."""
        return self if self.spikes.dtype == dtype else replace(self, spikes=self.spikes.to(dtype))

    def pooled(self) -> Run:
        """Return the run with its spikes averaged over squares of 2 x 2 of the last two axes."""
        frames = functional.avg_pool2d(self.spikes.flatten(0, 1), 2)
        return replace(self, spikes=torch.unflatten(frames, 0, self.spikes.shape[:2]))


class FusedNeuron:
    """A neuron with its derived kernels; compiled when first run.

    Args:
        neuron: The model.
        surrogate: What stands in for the derivative of the spike.
        detach_reset: Whether the reset sends no gradient to the spike.
        learnable: The parameters that want a gradient.
        recurrent: Whether spikes come back to the neurons of their sample in the next step; each
            state given and returned then also has the last spikes, "s".
    """

    def __init__(
        self,
        neuron: Neuron,
        surrogate: Surrogate,
        detach_reset: bool = True,
        learnable: Sequence[str] = (),
        recurrent: bool = False,
    ) -> None:
        self.neuron = neuron
        self.surrogate = surrogate
        self.detach_reset = detach_reset
        self.learnable = tuple(learnable)
        self.recurrent = recurrent
        self._rest = {**neuron.states, **({SPIKE: 0.0} if recurrent else {})}
        options: Any = {
            "detach_reset": detach_reset,
            "learnable": self.learnable,
            "recurrent": recurrent,
        }
        self._scans = tuple(
            derive(neuron, surrogate, masked=masked, **options) for masked in (False, True)
        )
        self._keys = tuple(map(register, self._scans))
        self._known: dict[Hashable, Any] = {}

    def with_surrogate(self, surrogate: Surrogate) -> FusedNeuron:
        """Return the neuron with another surrogate; another sharpness takes the same kernels."""
        if surrogate.derivative != self.surrogate.derivative:
            return FusedNeuron(
                self.neuron, surrogate, self.detach_reset, self.learnable, self.recurrent
            )
        other = object.__new__(FusedNeuron)  # nothing is derived anew
        other.__dict__.update(self.__dict__, surrogate=surrogate, _known={})
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        # Made anew, so that another process knows the scans too.
        options = self.detach_reset, self.learnable, self.recurrent
        return FusedNeuron, (self.neuron, self.surrogate, *options)

    def run(
        self,
        currents: Tensor,
        state: Mapping[str, Tensor] | None = None,
        *,
        parameters: Mapping[str, Tensor | float],
        steps: int | None = None,
        lengths: Tensor | None = None,
        feedback: Tensor | None = None,
        outputs: Outputs = Outputs(),
        backend: BackEnd | None = None,
    ) -> Run:
        """Run over time; see `kernels.eager.unroll`, whose values these are.

        Args:
            currents: Input current (T, batch, ...); with `steps`, a static current (batch, ...).
            state: The state before the first step; None starts from rest.
            parameters: The value of each parameter: a number, a tensor of one value, or one that
                differs along one axis of (batch, ...).
            steps: Number of steps T for which a static current acts.
            lengths: Valid steps of each sequence, integers (batch,).
            feedback: Of a recurrent neuron what its spikes bring, `scans.Inputs.feedback`.
            outputs: What to return.
            backend: What runs it; by default the fastest one that is here for the device.
        """
        stored = currents.dtype
        backend = backend or serving(candidates(AUTO), currents.device.type)
        assert backend is not None  # whoever asks for a fused kernel knows of one
        if str(stored).removeprefix("torch.") not in backend.stored:
            currents = currents.to(computed_in(stored))
        frame = currents if steps is not None else currents[0]
        real = computed_in(currents.dtype)
        masked = lengths is not None
        # Images in channels_last memory run in the order of their memory.
        order = list(range(frame.ndim)) if self.recurrent else _memory_order(frame)
        back = sorted(range(frame.ndim), key=order.__getitem__)
        scan = self._scans[masked]
        if any(isinstance(value, Tensor) for value in parameters.values()):
            values, sizes, inner = self._values(scan, parameters, frame, order, real)
        else:
            values, sizes, inner = self._once(
                (masked, real, *parameters.values()),
                lambda: self._values(scan, parameters, frame, order, real),
            )
        if state is None:
            initial = self._once(("rest", real), lambda: self._initial(real))
        else:
            initial = _permute(torch.stack([state[name].to(real) for name in self._rest]), order)
        names = list(self._rest)
        plan = Plan(
            backend=backend.name,
            key=self._keys[masked],
            inner=inner,
            steps=steps or 0,
            pool=frame.ndim - order.index(frame.ndim - 1) if outputs.pool else 0,
            spikes=outputs.spikes,
            counts=outputs.counts,
            trace=tuple(names.index(name) for name in outputs.trace),
            sums=tuple(names.index(name) for name in outputs.sums),
            sizes=sizes,
        )
        inputs = Inputs(
            currents=_permute(currents, order),
            initial=initial,
            values=values,
            lengths=None if lengths is None else lengths.to(real),
            feedback=None if feedback is None else feedback.to(real),
        )
        spikes, counts, trace, sums, final = run_scan(inputs, plan)
        result = Run(
            _permute(spikes, back),
            _permute(counts, back) if outputs.counts else counts,
            dict(zip(outputs.trace, _permute(trace, back).unbind(), strict=True)),
            dict(zip(outputs.sums, _permute(sums, back).unbind(), strict=True)),
            dict(zip(names, _permute(final, back).unbind(), strict=True)),
        )
        return result.stored_in(stored)

    def _once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what depends on nothing but the key, made when it is first asked for."""
        if torch.compiler.is_compiling() or torch._C._len_torch_dispatch_stack():
            return make()
        if key not in self._known:
            with torch.inference_mode(False), torch.no_grad():
                self._known[key] = make()
        return self._known[key]

    def _initial(self, real: torch.dtype) -> Tensor:
        return torch.tensor(list(self._rest.values()), dtype=real).unsqueeze(1)

    def _values(
        self,
        scan: Scan,
        parameters: Mapping[str, Tensor | float],
        frame: Tensor,
        order: Sequence[int],
        real: torch.dtype,
    ) -> tuple[Tensor, tuple[int, ...], int]:
        """Return all constants in a row, the length of each, and the neighbours in a channel."""
        algebra = TorchAlgebra(self.surrogate, dtype=real, device=frame.device)
        known: dict[str, Any] = {
            **{name: algebra.as_tensor(value) for name, value in parameters.items()},
            SHARPNESS: self.surrogate.alpha,
        }
        for line in scan.prelude:
            known[line.target] = algebra.as_tensor(evaluate(line.value, known, algebra))
        tensors = [algebra.as_tensor(known[name]) for name in scan.constants]
        inner = 1
        for value in tensors:
            if value.numel() > 1:
                axis = next(index for index, size in enumerate(value.shape) if size > 1)
                place = order.index(frame.ndim - value.ndim + axis)
                inner = math.prod(frame.shape[axis] for axis in order[place + 1 :])
        flat = [value.reshape(-1).to(real) for value in tensors]
        row = torch.cat(flat) if flat else frame.new_zeros(0, dtype=real)
        return row, tuple(value.numel() for value in tensors), inner


def can_pool(frame: Tensor) -> bool:
    """Whether spikes of this shape can be averaged over squares while they are made."""
    if frame.ndim < 3 or frame.shape[-1] % 2 or frame.shape[-2] % 2:
        return False
    order = _memory_order(frame)
    after = order[order.index(frame.ndim - 1) :]
    return 2 * math.prod(frame.shape[axis] for axis in after) <= _LARGEST_SQUARES


_LARGEST_SQUARES = 8192
"""Two rows of images run as one block, so they should not be too long for the cache."""


def _memory_order(frame: Tensor) -> list[int]:
    """Return the axes (batch, ...) as they are in memory, if that is one of the usual orders."""
    axes = list(range(frame.ndim))
    if frame.ndim == 4 and not frame.is_contiguous():
        channels_last = [0, 2, 3, 1]
        if frame.permute(channels_last).is_contiguous():
            return channels_last
    return axes


def _permute(tensor: Tensor, order: Sequence[int]) -> Tensor:
    """Reorder the axes (batch, ...), which may have one more before them."""
    if list(order) == sorted(order):
        return tensor
    more = tensor.ndim - len(order)
    return tensor.permute(*range(more), *(axis + more for axis in order))
