"""A batch forwards and backwards: over all of its time at once, or part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from sc_neurocore.training.answers import answered, answers
from sc_neurocore.training.health import Watch
from sc_neurocore.training.networks import detached
from sc_neurocore.training.objectives import Objective, checked_loss
from sc_neurocore.training.penalties import with_rates
from sc_neurocore.training.readouts import Answer
from sc_neurocore.training.sources import Batch, Source


class Learnt(NamedTuple):
    """What came of a batch, whose gradients are in the parameters.

    Attributes:
        answer: Over all of its time.
        targets: Checked to fit.
        loss: A number without a gradient; of several parts the mean, each with its share.
        states: The sum of all states at the end of every part: finite if all of them are.
    """

    answer: Answer
    targets: Tensor
    loss: Tensor
    states: Tensor | None


@dataclass(frozen=True)
class Pass:
    """How a batch is learnt.

    Attributes:
        net: What is trained.
        wrapped: What is called: the network, or what averages its gradients over processes.
        source: Where batches come from.
        objective: What is minimised.
        watch: Sees the states.
        precision: Makes the context in which the network runs.
        truncate: Gradients reach back over at most so many steps; None for all.
    """

    net: nn.Module
    wrapped: nn.Module
    source: Source
    objective: Objective
    watch: Watch
    precision: Callable[[], AbstractContextManager[Any]]
    truncate: int | None

    def learn(self, inputs: Tensor, steps: int | None, batch: Batch, weight: float) -> Learnt:
        """Run a batch and add its gradients to the parameters.

        In parts, the states go from one to the next and gradients do not: truncated backpropagation
        through time (Williams and Peng, Neural Computation 2, 1990). Each part answers for itself,
        and its loss weighs as its share of the valid steps. Memory is that of one part.

        Args:
            inputs: As the network takes them.
            steps: Of static inputs.
            batch: The targets and lengths of these samples.
            weight: What the loss is multiplied by before its gradient is taken.
        """
        length = len(inputs) if steps is None else steps
        size = length if self.truncate is None else min(self.truncate, length)
        # Behind it is padding alone: the answer goes on, for metrics, and nothing is learnt of it.
        longest = length if batch.lengths is None else int(batch.lengths.max())
        source, objective = self.source, self.objective
        answer_of: list[Answer] = []
        loss: Tensor = torch.zeros((), device=inputs.device)
        states: Tensor | None = None
        state: Any = None
        targets = batch.targets
        for start in range(0, length, size):
            stop = min(start + size, length)
            is_part, is_last = size < length, stop >= longest
            piece = _cut(batch, start, stop, length) if is_part else batch
            share = _share(piece, batch, stop - start, length)
            learns = start < longest
            with nullcontext() if is_last else self._alone(), torch.set_grad_enabled(learns):
                x = inputs if steps is not None else inputs[start:stop]
                number = None if steps is None else stop - start
                with self.precision():
                    output, state, paid = self._run(x, number, piece, state, is_part)
                    answer, targets = answered(source, objective, output, x, number, piece)
                    answer_of.append(Answer(*(_without_gradient(each) for each in answer)))
                    if not learns:
                        continue
                    mine = checked_loss(objective.loss, *_valid(answer, targets, piece))
                    if paid is not None:
                        mine = mine + paid
                factor = weight * share
                torch.autograd.backward(mine if factor == 1 else mine * factor)
            loss = loss + mine.detach() * share
            total = self.watch.total()
            if total is not None:
                states = total if states is None else states + total
        whole = answer_of[0] if len(answer_of) == 1 else _joined(answer_of, batch, length)
        return Learnt(whole, batch.targets if len(answer_of) > 1 else targets, loss, states)

    def _run(
        self, x: Tensor, steps: int | None, piece: Batch, state: Any, is_part: bool
    ) -> tuple[Any, Any, Tensor | None]:
        """Return the output, the state that goes on, and what is paid for rates."""
        needs: tuple[str, ...] | None = self.objective.needs or (() if is_part else None)

        def run() -> Any:
            return answers(self.wrapped, x, steps, piece.lengths, needs, state)

        paid: Tensor | None = None
        goes_on = _goes_on(piece)
        if self.objective.penalties and (goes_on is None or bool(goes_on.any())):
            output, paid = with_rates(self.net, self.objective.penalties, run, goes_on)
        else:
            output = run()
        if is_part and isinstance(output, tuple) and len(output) == 3:
            state = detached(output[1])
        return output, state, paid

    def _alone(self) -> AbstractContextManager[Any]:
        """Let processes meet once for a batch, in its last part."""
        if isinstance(self.wrapped, DistributedDataParallel):
            context: AbstractContextManager[Any] = self.wrapped.no_sync()
            return context
        return nullcontext()


def _cut(batch: Batch, start: int, stop: int, length: int) -> Batch:
    targets, lengths = batch.targets, batch.lengths
    if targets.ndim > 2 and targets.shape[1] == length:  # something for every step
        targets = targets[:, start:stop]
    if lengths is not None:
        lengths = (lengths - start).clamp(0, stop - start)
    return Batch(batch.inputs, targets, lengths)


def _share(piece: Batch, batch: Batch, steps: int, length: int) -> float:
    """Return which part of the valid steps these are."""
    if batch.lengths is None or piece.lengths is None:
        return steps / length
    return int(piece.lengths.sum()) / max(int(batch.lengths.sum()), 1)


def _goes_on(piece: Batch) -> Tensor | None:
    """Return which sequences have steps in a part; None where all have."""
    return None if piece.lengths is None else piece.lengths > 0


def _valid(answer: Answer, targets: Tensor, piece: Batch) -> tuple[Answer, Tensor]:
    """Leave out sequences that ended before this part, which have nothing more to say."""
    goes_on = _goes_on(piece)
    if goes_on is None or bool(goes_on.all()):
        return answer, targets
    steps, spikes, membranes = answer.steps, answer.spikes, answer.membranes
    assert isinstance(steps, Tensor)
    kept = Answer(
        answer.spike_counts[goes_on],
        answer.membrane[goes_on],
        steps[goes_on],
        None if spikes is None else spikes[:, goes_on],
        None if membranes is None else membranes[:, goes_on],
    )
    return kept, targets[goes_on]


def _joined(parts: list[Answer], batch: Batch, length: int) -> Answer:
    def every(values: Iterator[Tensor | None]) -> Tensor | None:
        found = [each for each in values if each is not None]
        return torch.cat(found) if found else None

    return Answer(
        torch.stack([part.spike_counts for part in parts]).sum(0),
        torch.stack([part.membrane for part in parts]).sum(0),
        length if batch.lengths is None else batch.lengths.unsqueeze(1),
        every(part.spikes for part in parts),
        every(part.membranes for part in parts),
    )


def _without_gradient(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value
