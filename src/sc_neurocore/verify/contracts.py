"""The engine's modules, each proved alone to keep the contract that stands in its file.

A contract is a block of properties under `ifdef FORMAL`, beside the registers of which it speaks. It
asserts and never assumes: what a module may count on is written there as `fair`, and what it
promises holds for as long as that did. It is proved by induction, without bound, of the emitted
file and with the parameters that the emitted engine gives it. A memory inside a module is replaced
by what the memory's own contract says: real at one word, which may be any.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from sc_neurocore.errors import CheckFailedError
from sc_neurocore.hdl.accelerator import SOURCES
from sc_neurocore.verify.elaborated import Value
from sc_neurocore.verify.unrolling import induction_depth

Parameters = Mapping[str, Value]
Size = Callable[[Mapping[str, int]], int]
_HELD = "held_parts.v"
_MODULE = re.compile(r"^module (\w+) .*?^endmodule$", re.DOTALL | re.MULTILINE)
_BLOCK = re.compile(r"^`ifdef FORMAL$.*?^`endif$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Join:
    """A wire of a contract that stands for wires inside the instances of a submodule.

    Attributes:
        wire: The wire, which nothing drives in the file: one part for each instance.
        path: Where a part comes from; `{}` is the instance's number.
        count: How many instances there are.
        width: Bits of a part.
    """

    wire: str
    path: str
    count: Size
    width: Size

    def commands(self, parameters: Mapping[str, int]) -> Iterator[str]:
        """Yield the commands of Yosys that connect it."""
        width = self.width(parameters)
        for number in range(self.count(parameters)):
            bits = f"[{width * (number + 1) - 1}:{width * number}]"
            yield f"connect -nounset -set {self.wire}{bits} {self.path.format(number)}"


@dataclass(frozen=True)
class Contract:
    """A module with a contract.

    Attributes:
        module: The module, whose file has its name.
        says: What is proved, in words.
        parts: The modules inside it that are taken as they are in the design.
        joins: See `Join`.
        depth: The longest induction that is tried.
    """

    module: str
    says: str
    parts: tuple[str, ...] = ()
    joins: Callable[[Mapping[str, int]], tuple[Join, ...]] = lambda _: ()
    depth: int = 4


def _one(_: Mapping[str, int]) -> int:
    return 1


def _units(p: Mapping[str, int]) -> int:
    return p["UNITS"]


def _lanes(p: Mapping[str, int]) -> int:
    return p["LANES"]


def _place(p: Mapping[str, int]) -> int:
    return p["RING_BITS"] + p["DELAY_BITS"]


def _accumulator_joins(p: Mapping[str, int]) -> tuple[Join, ...]:
    """Return what the accumulator's contract says of its lanes."""
    lane = "lanes[{}]."
    own = f"{lane}delayed.sums.kept" if p["DELAY_BITS"] else f"{lane}kept.sum"
    joins = (
        Join("all_weights", f"{lane}multiplier.weight", _lanes, lambda p: p["WEIGHT_BITS"]),
        Join("all_values", f"{lane}multiplier.value", _lanes, lambda p: p["VALUE_BITS"]),
        Join("all_times", f"{lane}multiplier.times", _lanes, _product),
        Join("all_products", f"{lane}product", _lanes, _product),
        Join("all_sums", own, _lanes, lambda p: p["SUM_BITS"]),
    )
    if p["DELAY_BITS"]:
        ring = f"{lane}delayed.sums."
        joins += (
            Join("all_watched", f"{ring}watched", _lanes, _place),
            Join("all_places", f"{ring}place", _lanes, _place),
            Join("ring_group", "with_rings.group", _one, lambda p: p["GROUP_BITS"]),
            Join("all_reading", f"{ring}reading", _lanes, _one),
        )
    return joins


def _neuron_joins(p: Mapping[str, int]) -> tuple[Join, ...]:
    """Return what the neurons' contract says of their units and of the carousel."""
    unit = "units[{}]."
    is_one = p["LANES"] == p["UNITS"] and not p["STEP_OUTER"]
    kept = "one_state.kept" if is_one else "several_states.states.kept"
    address = p["STATE_SLOT_BITS"] if p["STEP_OUTER"] else max(1, _log(p["LANES"] // p["UNITS"]))
    joins: tuple[Join, ...] = (
        Join("standing", "carousel.ring", _one, lambda p: p["LANES"] * p["SUM_BITS"]),
        Join("all_kept", f"{unit}{kept}", _units, lambda p: p["STATE_BITS"]),
        Join("all_states", f"{unit}state", _units, lambda p: p["STATE_BITS"]),
        Join("all_totals", f"{unit}requantize.total", _units, lambda p: p["SUM_BITS"]),
        Join("all_shifts", f"{unit}requantize.shift", _units, lambda p: p["SHIFT_BITS"]),
        Join("all_currents", f"{unit}requantize.current", _units, lambda p: p["CURRENT_BITS"]),
        Join("all_parameters", f"{unit}biased_parameters", _units, lambda p: p["PARAMETER_BITS"]),
    )
    if not is_one:
        states = f"{unit}several_states.states.watched"
        joins += (Join("all_watched", states, _units, lambda _: address),)
    return joins


def _product(p: Mapping[str, int]) -> int:
    return p["WEIGHT_BITS"] + p["VALUE_BITS"]


READOUT = Contract(
    "snn_readout",
    "the score of each output neuron is the sum over its turns; the class is the lowest index among "
    "the largest scores; reading a score disturbs nothing",
    joins=lambda p: (
        Join(
            "watched",
            "units[{}].memory.watched",
            _units,
            lambda p: p["OUTPUT_BITS"] - _log(p["UNITS"]),
        ),
        Join("kept", "units[{}].memory.kept", _units, lambda p: p["SCORE_BITS"]),
    ),
)
SPIKES = Contract(
    "snn_spikes",
    "a bit that is read is the spike that was gathered for it, in either bank, whatever its place",
    joins=lambda p: (
        Join("watched", "memory.watched", _one, lambda p: p["ADDRESS_BITS"]),
        Join("kept", "memory.kept", _one, _lanes),
    ),
)
RING = Contract(
    "snn_ring",
    "what is read at a place is what was written there last, and zero since it was cleared",
    joins=lambda p: (
        Join("watched", "memory.watched", _one, lambda p: p["ADDRESS_BITS"]),
        Join("kept", "memory.kept", _one, lambda p: p["WIDTH"]),
    ),
)
PRODUCT = Contract("snn_product", "times is weight times value")
ACCUMULATOR = Contract(
    "snn_accumulator",
    "in each lane a handover hands over the sum, over the tokens since the last one, of the weight of "
    "the token's row times its value; with rings, over those whose delay leads to this step",
    joins=_accumulator_joins,
)
NEURONS = Contract(
    "snn_neurons",
    "each neuron gets the current made of its sum and bias, its own parameters, and the state that its "
    "last update left, at step 0 the state at rest; what a unit answers leaves with its own tag, in order",
    parts=("snn_carousel",),
    joins=_neuron_joins,
)
CONTRACTS = {each.module: each for each in (READOUT, SPIKES, RING, PRODUCT, ACCUMULATOR, NEURONS)}


def induction(
    folder: Path,
    contract: Contract,
    parameters: Mapping[str, int],
    sources: Mapping[str, str],
    timeout: float = 600,
) -> int | None:
    """Prove a module alone; return how deep the induction is, None if there is none.

    Args:
        folder: Where files go.
        contract: The contract.
        parameters: The module's parameters.
        sources: The texts of the modules by name.
        timeout: Seconds, after which a TimeoutError is raised.

    Raises:
        CheckFailedError: If the module's file does not have its contract as we wrote it.
    """
    for name in (contract.module, *contract.parts):
        _check_block(name, sources[name])
        (folder / f"{name}.v").write_text(sources[name], encoding="utf-8")
    held = (files("sc_neurocore.verify") / "harness" / _HELD).read_text(encoding="utf-8")
    taken = (contract.module, *contract.parts)
    others = [text for name, text in _modules(held) if name not in taken]
    (folder / "held.v").write_text("\n".join(others), encoding="utf-8")
    names = [f"{name}.v" for name in (contract.module, *contract.parts)]
    given = " ".join(f"-chparam {name} {value}" for name, value in parameters.items())
    setup = [
        f"hierarchy -check -top {contract.module} {given}",
        "proc -noopt",
        "flatten",
        *(each for join in contract.joins(parameters) for each in join.commands(parameters)),
        "delete -output w:*",
        "expose w:reached_*",
        "async2sync",
        "formalff -clk2ff -ff2anyinit",
        f"prep -top {contract.module}",
    ]
    (folder / "setup.txt").write_text("; ".join(setup))
    sources_ = [*names, "held.v"]
    return induction_depth(folder, contract.module, sources_, contract.depth, timeout, setup)


def _modules(text: str) -> list[tuple[str, str]]:
    """Split a text into its modules by name."""
    return [(found[1], found[0]) for found in _MODULE.finditer(text)]


def without_contract(text: str) -> str:
    """Return a module's text without its block of properties."""
    return _BLOCK.sub("", text)


def _check_block(module: str, text: str) -> None:
    """Refuse a module whose contract is not the one that we wrote."""
    ours = (files("sc_neurocore.hdl") / SOURCES / f"{module}.v").read_text(encoding="utf-8")
    if _BLOCK.findall(text) != _BLOCK.findall(ours):
        raise CheckFailedError(
            f"{module}.v: its contract, the block under `ifdef FORMAL, is not the one that this "
            f"version wrote; compile again"
        )


def _log(number: int) -> int:
    """Return the logarithm of a power of two."""
    return number.bit_length() - 1
