"""Where the registers of a pipelined step go.

Every operation gets an estimate of its delay, in the time of about one carry chain. Operations
are taken as early as they can be, and a stage ends where its time is up, or after one operation
that takes longer; the time is the shortest for which the stages suffice.
"""

from __future__ import annotations

from dataclasses import dataclass

from sc_neurocore.fixed.program import Node, Program

MAXIMUM_STAGES = 16

_FREE = ("input", "constant", "<<", ">>", "low", "wrap")
_DELAYS = {"*": 4.0, "clamp": 1.6, "select": 0.6, "min": 1.5, "max": 1.5, "abs": 1.4, "lookup": 1.5}


@dataclass(frozen=True)
class Stages:
    """The stage of every node, counted from 0.

    Attributes:
        of: By node.
        count: Registers between the inputs and the outputs.
    """

    of: tuple[int, ...]
    count: int

    @classmethod
    def none(cls, program: Program) -> Stages:
        """Return the stages of a combinational step."""
        return cls((0,) * len(program.nodes), 0)


def split(program: Program, count: int) -> Stages:
    """Divide a program into count + 1 pieces of about the same delay, with registers between."""
    if count == 0:
        return Stages.none(program)
    delays = [_delay(node) for node in program.nodes]
    # Less than the longest operation is worth trying: it then has a stage to itself, and the rest
    # is divided as finely as if it were not there.
    low, high = 0.0, sum(delays) + 1.0
    for _ in range(30):
        middle = (low + high) / 2
        if max(_place(program, delays, middle)) <= count:
            high = middle
        else:
            low = middle
    return Stages(tuple(_place(program, delays, high)), count)


def _delay(node: Node) -> float:
    if node.operator in _FREE:
        return 0.0
    return _DELAYS.get(node.operator, 1.0) * (1.0 + node.width / 64)


def _place(program: Program, delays: list[float], time: float) -> list[int]:
    """Return each node's stage when a stage of more than one operation may last for `time`."""
    stages: list[int] = []
    ready: list[float] = []
    for node, delay in zip(program.nodes, delays, strict=True):
        stage = max((stages[operand] for operand in node.operands), default=0)
        begin = max(
            (ready[operand] for operand in node.operands if stages[operand] == stage), default=0.0
        )
        if begin + delay > time and begin > 0:
            stage, begin = stage + 1, 0.0
        stages.append(stage)
        ready.append(begin + delay)
    return stages
