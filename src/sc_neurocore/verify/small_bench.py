"""The bench that compares a small network on an accelerator with the integer model.

The accelerator's memories and its frames may hold anything; every update, count and class is
compared with the integer model, written out as one program (`fixed.network_program`), for so
many clocks that the results are out. Which network, and where its numbers stand in the memories, is
said by `small_network`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.network_program import network_program
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.pipeline import Stages
from sc_neurocore.hdl.step_module import StepModule
from sc_neurocore.verify.bench import RESET, bench_sources, prepare
from sc_neurocore.verify.model_checking import VacuousError, engine, first_failure
from sc_neurocore.verify.result import ProofResult, ProofStatus

FORMAT = "Q5.1"
NAME = "a small network on this engine: the accelerator equals the integer model"
_MEMORIES = ("snn_rom.v",)
_REFERENCE = "small_reference"


@dataclass(frozen=True)
class Field:
    """A part of a memory that holds one number of the network.

    Attributes:
        name: The number's input port of the integer model's program.
        low: The lowest bit.
        width: Bits.
        least: The least that the number may be; it is signed if that is negative.
        most: The most.
    """

    name: str
    low: int
    width: int
    least: int
    most: int


@dataclass(frozen=True)
class Contents:
    """What a memory of the accelerator holds.

    Attributes:
        name: What the bench calls it.
        path: Where the memory is, from the top module's instance on.
        bits: All of its bits.
        fields: Its numbers; everything else is free.
        empty: Ones for the bits of it that are zero in every design.
    """

    name: str
    path: str
    bits: int
    fields: list[Field]
    empty: int = 0


@dataclass(frozen=True)
class _Update:
    """One update of a neuron, by its number on the trace.

    The ports of the reference say what spike and states must be.
    """

    layer: int
    step: int
    number: int
    spike: str
    states: tuple[str, ...]


class Marks:
    """Numbers that say which number of the network they stand for.

    The generator's own layout is asked where each stands: it lays these out.
    """

    def __init__(self) -> None:
        self._known: list[tuple[str, int, int]] = [("", 0, 0)]

    def make(self, kind: str, shape: tuple[int, ...], limits: tuple[int, int]) -> NDArray[np.int64]:
        """Return marks in a shape.

        Args:
            kind: What the program's ports are called, before their place.
            shape: Of the numbers.
            limits: The least and the most that each may be.
        """
        found = np.zeros(shape, dtype=np.int64)
        for place in np.ndindex(shape):
            found[place] = len(self._known)
            self._known.append((f"{kind}_{'_'.join(map(str, place))}", *limits))
        return found

    def fields(self, words: NDArray[np.int64], widths: list[int]) -> list[Field]:
        """Return where each mark stands in a memory, (words, columns), of such columns."""
        found = []
        starts = np.concatenate([[0], np.cumsum(widths)])
        for (row, column), mark in np.ndenumerate(words):
            if mark:
                name, least, most = self._known[mark]
                low = row * int(starts[-1]) + int(starts[column])
                found.append(Field(name, low, widths[column], least, most))
        return found


def check(
    network: IntegerNetwork,
    accelerator: Accelerator,
    memories: list[Contents],
    *,
    samples: int,
    clocks: int,
    timeout: float,
    numbers: str,
    bound: str,
) -> ProofResult:
    """Compare a network on its accelerator with the integer model, for all of its numbers.

    Args:
        network: The network.
        accelerator: What was generated from it; the bench goes to its folder proof/small.
        memories: What its memories hold.
        samples: How many samples go in, one after the other.
        clocks: How many clocks are looked at; the results must be out by then.
        timeout: Seconds after which the answer is `unknown`.
        numbers: What is free, in words.
        bound: What the check is limited to beside the clocks, in words.

    Raises:
        ToolMissingError: If Yosys or python-sat is not installed.
        ToolFailedError: If Yosys cannot read the design.
    """
    folder = _prepare(network, accelerator, memories, samples, clocks)
    began = time.perf_counter()

    status: ProofStatus = f"bounded({clocks})"
    detail = (
        f"every spike and state of every update, each once, the counts and the class, for "
        f"{numbers}; the results are out within {clocks} clocks of reset"
    )
    try:
        failure = first_failure(folder, "small", bench_sources(folder), clocks + 1, timeout)
    except VacuousError as error:
        status, detail = "unknown", f"the bench shows nothing: {error}"
    except TimeoutError:
        status, detail = "unknown", f"no answer within {timeout:g} s"
    else:
        if failure:
            seen = ", ".join(name.replace("_", " ") for name in failure.outputs)
            status = "refuted"
            (folder / "small.vcd").write_text(failure.example.vcd("small"), encoding="utf-8")
            values = failure.example.in_words(failure.clock)
            detail = (
                f"in clock {failure.clock}: {seen}{values and f', where {values}'}; waves up to "
                f"it: small.vcd, beside the bench in proof/{folder.name}"
            )
    return ProofResult(
        name=NAME,
        status=status,
        engine=engine(),
        seconds=round(time.perf_counter() - began, 3),
        detail=detail,
        assumptions=(*RESET, "inputs come at once, and results go when their scores were read"),
        bound=f"{clocks} clocks after reset, {bound}",
    )


def _prepare(
    network: IntegerNetwork,
    accelerator: Accelerator,
    memories: list[Contents],
    samples: int,
    clocks: int,
) -> Path:
    """Write the bench; return its folder."""
    reference = network_program(network)
    states = [field.name for field in accelerator.states[0]]
    g, frames = accelerator.geometry, accelerator.frames_per_sample
    updates = [
        _Update(
            number,
            step,
            int(numbers[neuron]),
            f"spike{number}_{step}_{neuron}",
            tuple(f"{name}{number}_{step}_{neuron}" for name in reversed(states)),
        )
        for number, layer in enumerate(network.layers)
        for numbers in [g.layers[number].layout.numbers(g.lanes)]
        for step in range(network.steps)
        for neuron in range(layer.outputs)
    ]
    inputs = [port.name for port, _ in reference.inputs if port.name.startswith("x")]
    of_frame = [
        inputs[i : i + len(inputs) // frames] for i in range(0, len(inputs), len(inputs) // frames)
    ]
    numbers = g.frame.numbers(g.beat) if g.walks_frame else range(len(of_frame[0]))
    places = [""] * (frames * g.beats * g.beat)
    for frame, names in enumerate(of_frame):
        for place, name in zip(numbers, names, strict=True):
            places[frame * g.beats * g.beat + place] = name
    values = {
        "reference": _REFERENCE,
        "samples": samples,
        "inputs": inputs,
        "places": places,
        "beats": g.beats * frames,
        "ports": reference.inputs,
        "results": reference.outputs,
        "updates": updates,
        "outputs": network.layers[-1].outputs,
        "memories": memories,
        "clocks": clocks,
    }
    inside = {each.name: f"{each.path}.contents" for each in memories}
    inside |= {f"{each.name}_inside": f"{each.path}.is_inside" for each in memories}
    text = StepModule(reference, _REFERENCE, Stages.none(reference)).text()
    return prepare(
        accelerator,
        "small",
        values,
        further={_REFERENCE: text},
        free=_MEMORIES,
        equations_are_free=False,
        inside=inside,
    )
