"""Is the netlist that synthesis makes of a module the module that was written?

In pieces. What synthesis does with words is compared with products as operations: equal factors,
equal products. Sums of products that become adders are shown to be what they are by arithmetic.
Then gates are compared with gates: when memories are blocks, and of the netlist. A memory is a box:
what goes in and comes out is compared, not what it does.
"""

from __future__ import annotations

from dataclasses import dataclass

from sc_neurocore.tools.families import find_models
from sc_neurocore.tools.programs import version
from sc_neurocore.verify.carry_save import sums_of, unproved_sums
from sc_neurocore.verify.circuits import Comparison, Point, compare
from sc_neurocore.verify.mapping import Stages
from sc_neurocore.verify.sweeping import SOLVER

SECONDS = 300.0
"""For the solver, in each of the comparisons."""

_POINTS_SHOWN = 4


@dataclass(frozen=True)
class Synthesis:
    """What was shown of a netlist.

    Attributes:
        words: The comparison of what was written with what words became.
        blocks: The comparison of that with what it is when memories are blocks.
        gates: The comparison of that with the netlist.
        sums: The sums of products that became adders, in words.
        open_sums: Those that are not shown to be what their adders compute.
        memories: The memories that are boxes.
        is_combinational: Whether there is no register and no memory.
    """

    words: Comparison
    blocks: Comparison
    gates: Comparison
    sums: tuple[str, ...]
    open_sums: tuple[str, ...]
    memories: tuple[str, ...]
    is_combinational: bool

    @property
    def left(self) -> list[Point]:
        """The points that are not shown to be equal."""
        return [point for each in self._comparisons for point in each.left]

    @property
    def points(self) -> int:
        """How many points were compared."""
        return sum(len(each.points) for each in self._comparisons)

    @property
    def _comparisons(self) -> tuple[Comparison, ...]:
        return self.words, self.blocks, self.gates

    @property
    def status(self) -> str:
        """`proved`, `refuted` or `unknown`.

        With registers a difference may be one of states that never come: that refutes nothing.
        """
        if not self.left and not self.open_sums:
            return "proved"
        if self.is_combinational and any(point.status == "differs" for point in self.left):
            return "refuted"
        return "unknown"

    @property
    def detail(self) -> str:
        """What was shown, or what is missing."""
        shown = f"{self.points - len(self.left)} of {self.points} points"
        parts = []
        if self.left:
            some = ", ".join(str(point) for point in self.left[:_POINTS_SHOWN])
            more = len(self.left) - _POINTS_SHOWN
            parts.append(f"left are {some}" + (f" and {more} more" if more > 0 else ""))
        if self.open_sums:
            parts.append(f"not shown to be products as adders: {', '.join(self.open_sums)}")
        elif self.sums:
            parts.append(f"products as adders by arithmetic: {', '.join(self.sums)}")
        return "; ".join([shown, *parts])


def check_synthesis(stages: Stages, seconds: float = SECONDS, reset: str = "") -> Synthesis:
    """Compare the stages of a module's synthesis.

    Args:
        stages: What `map_module` returns.
        seconds: For the solver, in each of the comparisons.
        reset: The input that is high in the first two clocks, if there is one.
    """
    words = compare(stages.words, stages.written, seconds, stages.recoded, reset)
    memories = tuple(stages.written.boxes.values())
    blocks = compare(stages.blocks, stages.summed, seconds, reset=reset, boxes=memories)
    gates = compare(stages.netlist, stages.blocks, seconds, reset=reset)
    before, after = stages.sums
    return Synthesis(
        words,
        blocks,
        gates,
        tuple(sums_of(before)),
        tuple(unproved_sums(before, after)),
        tuple(sorted(box.name for box in memories)),
        not memories and not stages.written.registers,
    )


def engine() -> str:
    """Return what decides, with its version."""
    solver = SOLVER.capitalize()
    return f"{solver} in python-sat on the gates of Yosys {version('yosys')}; polynomials"


def assumptions(family: str) -> tuple[str, ...]:
    """Return what is taken for granted about a family's netlists."""
    return (
        "Yosys reads Verilog as the standard says, and makes gates of single operations rightly",
        f"{find_models(family).trust} are right",
        f"{SOLVER.capitalize()} is right when it answers unsat",
    )
