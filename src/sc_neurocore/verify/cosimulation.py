"""Co-simulation: the generated core against the integer model, in everything that it computes.

Labels are not enough: a core that is wrong in one update in a thousand still gets nearly all of
them right. So the trace port is read, and every update of every neuron is compared. All inputs go
through at full speed; some of them go through again while the core is disturbed: inputs and
results stall, the readout's address moves, and resets fall into the work.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.array_types import Integers
from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.kernels.inference import NetworkRun
from sc_neurocore.kernels.threads import usable_cores
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress
from sc_neurocore.tools.programs import stop_running
from sc_neurocore.verify.comparison import Comparison, Mismatches
from sc_neurocore.verify.core_simulation import Core, CoreSimulation, core_of, simulate_core
from sc_neurocore.verify.recording import Recording
from sc_neurocore.verify.simulators import choose_simulator

MOST_AT_ONCE = 4
"""Simulations that run side by side; each holds the trace of a batch in memory."""
UPDATES_AT_ONCE = 1 << 21
"""Updates of neurons that a batch may have, if it is more than one sample: each takes some hundred
bytes while it is compared, and some thirty while it waits for that."""

DISTURBED_SHARE = 0.25
"""Of the inputs, so many go through again while the core is disturbed."""


@dataclass(frozen=True)
class CosimulationResult(Mismatches):
    """What was compared, and what differed.

    An update that is missing, or comes a second time, counts as a mismatch of its spike and of
    each of its states. Mismatches are those of all runs, disturbed or not.

    Attributes:
        simulator: Which simulator ran the core.
        version: Its version.
        samples: Inputs that went through.
        steps: Time steps of each, at most.
        steps_per_sample: Mean steps that were taken: fewer where the readout ends a sample early.
        updates: Updates of neurons that the model made; each was looked for in the trace.
        spike_mismatches: Updates whose spike differed.
        state_mismatches: States, over all updates, that differed.
        class_mismatches: Inputs whose class differed.
        count_mismatches: Scores of output neurons (spike counts, or membranes summed over the
            steps) that differed.
        cycles_per_sample: Mean clocks from the first input to the result, of an input alone.
        latency_cycles: Mean clocks from the last input to the result, of an input alone.
        interval_cycles: Mean clocks between results while inputs stream in; of one input alone,
            those since it began.
        seconds: Wall time, the build included.
        first_mismatch: The first difference in words, or None.
        first_sample: The number of the input that showed it, if nothing disturbed it.
        inputs: What went through, where it was not the samples that were given.
        disturbed: Inputs that went through again while the core was disturbed; cycles are not
            counted there.
        disturbed_updates: Updates of neurons that the model made of these.
        seed: Of what was done to them.
        input_stalls: Clocks in which an input was withheld.
        output_stalls: Clocks in which a result had to wait.
        resets: Resets, most of them while an input was at work; it was then sent again.
    """

    simulator: str
    version: str
    samples: int
    steps: int
    steps_per_sample: float
    updates: int
    spike_mismatches: int
    state_mismatches: int
    class_mismatches: int
    count_mismatches: int
    cycles_per_sample: float
    latency_cycles: float
    interval_cycles: float
    seconds: float
    first_mismatch: str | None
    first_sample: int | None = None
    inputs: str = ""
    disturbed: int = 0
    disturbed_updates: int = 0
    seed: int = 0
    input_stalls: int = 0
    output_stalls: int = 0
    resets: int = 0

    @property
    def holds(self) -> bool:
        """Whether nothing differed."""
        return self.first_mismatch is None

    @property
    def disturbance(self) -> str:
        """What was done to the core, in one line; empty if nothing."""
        if not self.disturbed:
            return ""
        return (
            f"{self.disturbed} of them again with {self.input_stalls} clocks without input, "
            f"{self.output_stalls} clocks before results were taken, {self.resets} resets, and "
            f"noise on idle inputs"
        )

    @property
    def cycles_saved_per_sample(self) -> float:
        """Mean clocks that early ends saved: the steps left out, at the cost of those taken."""
        left_out = self.steps - self.steps_per_sample
        return self.cycles_per_sample / self.steps_per_sample * left_out


def cosimulate(
    design: Accelerator | Core,
    network: IntegerNetwork,
    inputs: ArrayLike,
    simulator: str = "auto",
    *,
    disturbed: float = DISTURBED_SHARE,
    seed: int = 0,
    progress: ProgressCallback = ignore_progress,
) -> CosimulationResult:
    """Run inputs through the core and the integer model and compare.

    Args:
        design: The design, or its core, which has been read from its files.
        network: The network that it was written for.
        inputs: Integers, (batch, inputs) or, if they come step by step, (steps, batch, inputs).
        simulator: verilator, cxxrtl, icarus, or auto: the first of these that is installed.
        disturbed: The share of the inputs that go through again while the core is disturbed, 0 to
            1; if nothing differed before.
        seed: Of these inputs' choice and of the disturbances.
        progress: Receives how many inputs are done.

    Raises:
        UserError: If the design is not of this network, or the inputs do not fit it.
        ToolMissingError: If the simulator is not installed.
        ToolFailedError: If it refuses the design, or the core gets stuck.
    """
    core = design if isinstance(design, Core) else core_of(design)
    began = time.perf_counter()
    frames = samples_first(network, inputs)
    if core.content_hash != network.content_hash:
        raise UserError(
            f"{core.title} was compiled from network {core.content_hash[:12]}…, and {network.name} "
            f"is {network.content_hash[:12]}…: compile this one, or give that one"
        )
    simulation = simulate_core(core, choose_simulator(simulator))
    sizes = [layer.outputs for layer in network.layers]
    calm, rough = (
        Comparison(
            network.content_hash,
            sizes,
            network.steps,
            network.readout,
            core.states,
            core.numbering,
        )
        for _ in range(2)
    )
    updates = network.steps * sum(sizes)
    # Two at least: the clocks between results are those between samples that follow each other.
    batch = max(2, min(simulation.simulator.batch, UPDATES_AT_ONCE // updates))
    jobs = _plan(len(frames), batch, disturbed, seed)
    total = sum(len(job.numbers) for job in jobs)
    with closing(_run_ahead(simulation, frames, jobs)) as batches:
        for job, recorded in batches:
            if job.seed and calm.first is not None:
                break
            given = np.moveaxis(frames[job.numbers], 0, network.batch_axis)
            expected: NetworkRun = network.run(given, record=True)
            (rough if job.seed else calm).add(recorded.result(), expected, job.numbers)
            note = f"{calm.updates + rough.updates} updates, {calm.mismatches + rough.mismatches}"
            done = calm.samples + rough.samples
            progress(Progress("co-simulation", done, total, f"{note} mismatches"))
    latency = calm.latency / calm.samples
    first = calm.first
    if first is None and rough.first is not None:
        first = f"with stalls and resets: {rough.first}"
    return CosimulationResult(
        simulator=simulation.simulator.name,
        version=simulation.simulator.version,
        samples=calm.samples,
        steps=network.steps,
        steps_per_sample=calm.steps_taken / calm.samples,
        updates=calm.updates,
        spike_mismatches=calm.spike_mismatches + rough.spike_mismatches,
        state_mismatches=calm.state_mismatches + rough.state_mismatches,
        class_mismatches=calm.class_mismatches + rough.class_mismatches,
        count_mismatches=calm.count_mismatches + rough.count_mismatches,
        # A core that takes the next sample only after a result shows the clocks of one alone.
        cycles_per_sample=core.beats + latency if core.streams_in else calm.since / calm.samples,
        latency_cycles=latency,
        interval_cycles=calm.mean_interval,
        seconds=time.perf_counter() - began,
        first_mismatch=first,
        first_sample=calm.first_sample,
        disturbed=rough.samples,
        disturbed_updates=rough.updates,
        seed=seed,
        input_stalls=rough.withheld,
        output_stalls=rough.waited,
        resets=rough.resets,
    )


@dataclass(frozen=True)
class _Job:
    """Samples that go through the core in one run, by number; a seed other than 0 disturbs it."""

    numbers: Integers
    seed: int


def _plan(samples: int, batch: int, share: float, seed: int) -> list[_Job]:
    """Return the runs: all samples, then some of them again, disturbed."""
    if not 0 <= share <= 1:
        raise UserError(f"a share of {share:g} disturbed inputs: expected 0 to 1")
    random = np.random.default_rng(seed)
    again = np.sort(random.permutation(samples)[: math.ceil(share * samples)])
    jobs = []
    for numbers, is_disturbed in ((np.arange(samples), False), (again, True)):
        for start in range(0, len(numbers), batch):
            chosen = int(random.integers(1, 1 << 31)) if is_disturbed else 0
            jobs.append(_Job(numbers[start : start + batch], chosen))
    return jobs


def _run_ahead(
    simulation: CoreSimulation, frames: NDArray[np.integer[Any]], jobs: list[_Job]
) -> Generator[tuple[_Job, Future[Recording]], None, None]:
    """Yield the runs in order, each with its simulation, while those behind it run already."""
    at_once = min(usable_cores(), MOST_AT_ONCE)
    started: deque[tuple[_Job, Future[Recording]]] = deque()
    simulations = ThreadPoolExecutor(at_once)
    try:
        for job in jobs:
            chosen = simulation.core.arrange(frames[job.numbers])
            values = chosen.reshape(len(job.numbers), -1).astype(np.int64)
            started.append((job, simulations.submit(simulation.run, values, job.seed)))
            if len(started) > at_once:
                yield started[0]
                started.popleft()
        while started:
            yield started[0]
            started.popleft()
    finally:  # there are some left only if the comparison has ended early
        left = [recorded for _, recorded in started if not recorded.cancel()]
        while wait(left, timeout=0.1).not_done:
            stop_running()
        simulations.shutdown()


def samples_first(network: IntegerNetwork, inputs: ArrayLike) -> NDArray[np.integer[Any]]:
    """Return inputs of a network with the samples along the first axis, each frame flat.

    Raises:
        UserError: If they do not have the axes that the network takes, or there is none.
    """
    given = np.asarray(inputs)
    count = network.layers[0].inputs
    axes = network.batch_axis + 1
    if given.ndim < axes + 1 or math.prod(given.shape[axes:]) != count or given.size == 0:
        wanted = "(batch, inputs)" if axes == 1 else f"({network.steps}, batch, inputs)"
        raise UserError(
            f"inputs of shape {given.shape}: expected {wanted} with {count} inputs, not empty"
        )
    return np.moveaxis(given.reshape(*given.shape[:axes], count), network.batch_axis, 0)


def extreme_inputs(network: IntegerNetwork, count: int, seed: int = 0) -> Integers:
    """Return inputs that no data set has: the first is blank, the second saturated.

    With a sign, the third is saturated below zero. The others are random, half of their values
    zero.

    Returns:
        (batch, inputs) or, if they come step by step, (steps, batch, inputs).
    """
    random = np.random.default_rng(seed)
    steps = (network.steps,) if network.batch_axis else ()
    low, high = network.input.low, network.input.high
    values = random.integers(low, high + 1, (count, *steps, network.layers[0].inputs))
    values *= random.random(values.shape) < 0.5
    values[0] = 0
    values[1:2] = high
    values[2:3] = low if low else values[2:3]
    return np.moveaxis(values, 0, network.batch_axis)
