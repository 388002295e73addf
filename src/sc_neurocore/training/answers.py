"""What a network answered, as an objective takes it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sc_neurocore.errors import DataError, UserError
from sc_neurocore.kernels.arguments import shown
from sc_neurocore.training.cells import MEMBRANE
from sc_neurocore.training.networks import SpikingOutput
from sc_neurocore.training.objectives import CrossEntropy, Objective, RateError
from sc_neurocore.training.readouts import Answer, check_probabilities, check_targets
from sc_neurocore.training.sources import Batch, Source


def answers(
    net: nn.Module,
    inputs: Tensor,
    steps: int | None,
    lengths: Tensor | None,
    needs: tuple[str, ...] | None,
    state: Any = None,
) -> Any:
    """Run the network.

    Args:
        net: The network.
        inputs: As it takes them.
        steps: Of static inputs.
        lengths: Valid steps of each sequence.
        needs: What is wanted of every step; not None, the state comes back too.
        state: What it goes on from.
    """
    more: dict[str, Any] = {}
    if lengths is not None:
        more["lengths"] = lengths
    if needs is not None:
        more["record"] = needs
    if state is not None:
        more["state"] = state
    try:
        return net(inputs, steps=steps, **more)
    except TypeError as error:
        if "unexpected keyword" in str(error):
            raise UserError(
                f"{type(net).__name__} takes no {' and no '.join(more or {'steps'})}: what is "
                f"asked of it needs forward(x, steps=None, lengths=None, *, state=None, "
                f"record=None), as SpikingSequential has it; put ordinary layers into one, with "
                f"cells between them"
            ) from error
        raise


def answered(
    source: Source,
    objective: Objective,
    output: Any,
    inputs: Tensor,
    steps: int | None,
    batch: Batch,
) -> tuple[Answer, Tensor]:
    """Return the answer and the targets of samples, checked to fit.

    Args:
        source: Where they are from.
        objective: What is done with them.
        output: What the network returned.
        inputs: What it was given.
        steps: What it was given.
        batch: Their targets and lengths.
    """
    trace: dict[str, Tensor] = {}
    if isinstance(output, tuple) and len(output) == 3:
        output, _, trace = output
    if not isinstance(output, SpikingOutput):
        raise UserError(
            f"the network returned {shown(output)}: expected a SpikingOutput(spike_counts, "
            f"membrane), each (batch, outputs), such as a SpikingSequential returns"
        )
    targets = batch.targets
    shape = tuple(output.spike_counts.shape)
    if len(shape) != 2 or shape[0] != len(targets):
        x = tuple(inputs.shape)
        advice = "" if source.is_sequence else "; if axis 1 of the batches is time, time_axis=1"
        raise DataError(
            f"the network answers {x} with spike counts {shape}, for {len(targets)} targets: "
            f"expected ({len(targets)}, outputs){advice}"
        )
    length: int | Tensor = steps if steps is not None else len(inputs)
    if batch.lengths is not None:
        length = batch.lengths.unsqueeze(1)
    answer = Answer(*output, length, trace.get("spikes"), trace.get(MEMBRANE))
    if objective.metric == "accuracy" or isinstance(objective.loss, CrossEntropy | RateError):
        population = objective.readout.population
        if shape[1] % population:
            raise UserError(
                f"{shape[1]} outputs in populations of {population}: expected a multiple of it"
            )
        classes = shape[1] // population
        if source.classes is not None and source.classes > classes:
            raise DataError(
                f"the data have {source.classes} classes and the network {shape[1]} outputs"
                f"{'' if population == 1 else f' in populations of {population}'}: give it one per "
                f"class"
            )
        targets = check_targets(targets, classes) if source.classes is None else targets
        if isinstance(objective.loss, CrossEntropy):
            check_probabilities(targets)
    return answer, targets


@torch.no_grad()
def measured(
    net: nn.Module,
    source: Source,
    objective: Objective,
    batch: Batch,
    generator: torch.Generator,
    part: slice,
) -> Tensor:
    """Return the metric of a part of a batch, added up."""
    inputs, steps = source.encoded(source.numbers(batch.inputs), generator, part)
    mine = batch.part(part)
    output = answers(net, inputs, steps, mine.lengths, objective.needs or None)
    answer, targets = answered(source, objective, output, inputs, steps, mine)
    return objective.measured(answer, targets)
