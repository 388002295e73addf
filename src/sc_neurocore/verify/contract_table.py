"""Which modules of the engine have a contract, and what of other modules it speaks of.

A new module of the engine states its contract in its file and has one entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

Numbers = Mapping[str, int]
"""A module's parameters by their Verilog names."""


@dataclass(frozen=True)
class Join:
    """A wire of a contract that stands for wires inside the instances of a submodule.

    Attributes:
        wire: The wire, which nothing drives in the file: one part for each instance, the first in
            the low bits.
        path: Where a part comes from; `{}` is the instance's number.
        width: Bits of a part.
        count: How many instances there are.
        inside: How many each of them has inside; `{0}` and `{1}` are the two numbers then.
    """

    wire: str
    path: str
    width: int
    count: int = 1
    inside: int = 1

    def commands(self) -> Iterator[str]:
        """Yield the commands of Yosys that connect it."""
        for number in range(self.count * self.inside):
            bits = f"[{self.width * (number + 1) - 1}:{self.width * number}]"
            path = self.path.format(*divmod(number, self.inside))
            yield f"connect -nounset -set {self.wire}{bits} {path}"


@dataclass(frozen=True)
class Contract:
    """A module with a contract.

    Attributes:
        module: The module, whose file has its name.
        name: What the claim is called.
        says: What is proved, in words.
        joins: What it says of modules inside it, given the parameters.
        parts: The modules inside it that are taken as they are in the design; others are as their
            own contracts say (harness/held_parts.v).
        shown: Parameters that the claim names.
        rests_on: What it takes for granted, in words.
        depth: The longest induction that is tried.
    """

    module: str
    name: str
    says: str
    joins: Callable[[Numbers], tuple[Join, ...]] = lambda _: ()
    parts: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    rests_on: tuple[str, ...] = ()
    depth: int = 4


def _readout(p: Numbers) -> tuple[Join, ...]:
    memory, units = "neuron_units[{}].memory", p["UNITS"]
    return (
        Join("watched", f"{memory}.watched", p["OUTPUT_BITS"] - _log(units), units),
        Join("kept", f"{memory}.kept", p["SCORE_BITS"], units),
    )


def _spikes(p: Numbers) -> tuple[Join, ...]:
    return (
        Join("watched", "memory.watched", p["ADDRESS_BITS"]),
        Join("kept", "memory.kept", p["LANES"]),
        Join("is_inside", "memory.is_inside", 1),
    )


def _events(p: Numbers) -> tuple[Join, ...]:
    return (
        Join("watched", "frame.watched", p["BEAT_BITS"]),
        Join("kept", "frame.kept", p["BEAT"] * p["INPUT_BITS"]),
        Join("is_inside", "frame.is_inside", 1),
    )


def _ring(p: Numbers) -> tuple[Join, ...]:
    return (
        Join("watched", "memory.watched", p["ADDRESS_BITS"]),
        Join("kept", "memory.kept", p["WIDTH"]),
    )


def _accumulator(p: Numbers) -> tuple[Join, ...]:
    lane, lanes = "lanes[{}].", p["LANES"]
    product, place = p["WEIGHT_BITS"] + p["VALUE_BITS"], p["RING_BITS"] + p["DELAY_BITS"]
    factor = p["VALUE_BITS"]
    part_bits = p.get("PART_BITS", 0)
    if part_bits:
        product = max(p["WEIGHT_BITS"], p["STREAM_SHIFT"] + 2)
        factor = 1 + part_bits + (1 << p["STREAM_SHIFT"])
    has_rings = p["DELAY_BITS"] > 0
    ring = f"{lane}delayed.sums."
    joins = (
        Join("all_weights", f"{lane}multiplier.weight", p["WEIGHT_BITS"], lanes),
        Join("all_values", f"{lane}multiplier.value", factor, lanes),
        Join("all_times", f"{lane}multiplier.times", product, lanes),
        Join("all_products", f"{lane}product", product, lanes),
        Join("all_sums", f"{ring}kept" if has_rings else f"{lane}kept.sum", p["SUM_BITS"], lanes),
    )
    of_rings = (
        Join("all_watched", f"{ring}watched", place, lanes),
        Join("all_places", f"{ring}place", place, lanes),
        Join("all_reading", f"{ring}reading", 1, lanes),
        Join("all_used_fairly", f"{ring}is_used_fairly", 1, lanes),
    )
    of_streams = (
        Join("all_nothing", f"{lane}multiplier.was_nothing", 1, lanes),
        Join("stream_value", "streams.stream.value", p["VALUE_BITS"]),
        Join("stream_part", "streams.stream.part", part_bits),
        Join("stream_low", "streams.stream.weight_low", part_bits),
        Join("stream_bits", "streams.stream.bits", 1 << p.get("STREAM_SHIFT", 1)),
    )
    return joins + (of_rings if has_rings else ()) + (of_streams if part_bits else ())


def _neurons(p: Numbers) -> tuple[Join, ...]:
    unit, units, turns = "neuron_units[{}].", p["UNITS"], p["LANES"] // p["UNITS"]
    currents = p["CURRENTS"]
    is_register = turns == 1 and not p["STEP_OUTER"]
    states = f"{unit}several_states.states"
    joins: tuple[Join, ...] = (
        Join("standing", "rotating_buffer.ring", p["LANES"] * currents * p["SUM_BITS"]),
        Join(
            "all_kept",
            f"{unit}one_state.kept" if is_register else f"{states}.kept",
            p["STATE_BITS"],
            units,
        ),
        Join("all_states", f"{unit}state", p["STATE_BITS"], units),
        *(
            Join(
                f"all_{name}s",
                f"neuron_units[{{0}}].currents[{{1}}].requantize.{name}",
                p[f"{size}_BITS"],
                units,
                currents,
            )
            for name, size in (("total", "SUM"), ("shift", "SHIFT"), ("current", "CURRENT"))
        ),
        Join("all_parameters", f"{unit}biased_parameters", p["PARAMETER_BITS"], units),
    )
    if is_register:
        return joins
    address = p["STATE_SLOT_BITS"] if p["STEP_OUTER"] else max(1, _log(turns))
    return (
        *joins,
        Join("all_watched", f"{states}.watched", address, units),
        Join("all_inside", f"{states}.is_inside", 1, units),
    )


def _log(number: int) -> int:
    """Return the logarithm of a power of two."""
    return number.bit_length() - 1


_JOINED = "the top joins core and bus as it was written, which “files” compares"
_HELD = "memories are as their own contract says, and no word is written that there is not"
CONTRACTS = {
    each.module: each
    for each in (
        Contract(
            "snn_loader",
            "loader: a frame is offered when it is in, with each of its events",
            "each beat with anything in it is written once, behind the one before, with its index; "
            "a frame is offered when all of its beats are in, with the number of its events, and "
            "the next one goes to the other half",
            shown=("BEAT", "INPUT_BITS", "EVENT_BITS", "EVERY_BEAT"),
        ),
        Contract(
            "snn_controller",
            "controller: each word once, and a result behind all steps of a sample",
            "every word of a layer is asked for once in each of its groups and scans, and no "
            "other, and stands until it is taken (a walk of windows counts as one word); rows of "
            "weights follow each other, and layers; layer and step change when nothing is on its "
            "way; a result comes after the choice, behind all frames and steps of its sample, and "
            "stays until it is taken; rings, where there are some, are cleared",
            shown=("STEP_OUTER", "IS_STATIC", "HAS_RINGS", "WINDOWS", "GROUP_BITS", "STEP_BITS"),
        ),
        Contract(
            "snn_window",
            "window: each input that a group sees is named once in a walk",
            "in front of each position of the kernel between the first and last taps of the "
            "group's place, joined inputs too, once, and no other; an address is the sum of what "
            "each loop has come to, and with it goes the row of weights",
            shown=("COORDINATE_BITS", "TAP_BITS", "JOINED_BITS", "ADDRESS_BITS", "STEPS_INSIDE"),
        ),
        Contract(
            "snn_scanner",
            "scanner: each active input of a word leaves once, with its row and value",
            "of each word, and of words that are joined, every input that is active leaves once, "
            "the lowest first, with the row of its weights and its value, which is 1 for a spike; "
            "a sum ends with the last input of its last word",
            shown=("LANES", "BEAT", "INPUT_BITS", "JOINS", "ROW_BITS"),
            rests_on=(
                "“keeps_now” in snn_scanner.v: memories hold what they answered, and of words that "
                "are joined none is of numbers (the table of windows, which “files” compares)",
                "frames and spikes lie where they are looked for",
            ),
        ),
        Contract(
            "snn_accumulator",
            "accumulator: each lane hands over the sum of weight times value",
            "in every lane, one for each current of a neuron, a handover hands over the sum, over "
            "the tokens since the last one, of the weight in the token's row times its value, or, "
            "with streams, of what its multiplier counts in each of the parts of a value's; with "
            "delays, over the tokens whose delay leads to this step, and nothing that stood there "
            "before the sample",
            _accumulator,
            shown=("LANES", "WEIGHT_BITS", "VALUE_BITS", "SUM_BITS", "DELAY_BITS"),
            rests_on=("multipliers and rings are as their own contracts say",),
        ),
        Contract(
            "snn_streams",
            "streams: a bit where the number of its place is below the value",
            "for every value and part, of the numbers in the design's tables",
            shown=("VALUE_BITS", "PART_BITS", "STREAM_SHIFT", "STREAM_FRACTION"),
        ),
        Contract(
            "snn_neurons",
            "neurons: sums, parameters and states of their own",
            "each neuron gets the currents that are made of its sums and its biases, its own "
            "parameters, and the state that the last update of its place left, at step 0 the state "
            "at rest; what a unit answers leaves with its own tag, in order, and padding never "
            "spikes; no state is read before it is written",
            _neurons,
            parts=("snn_rotating_buffer",),
            shown=("LANES", "UNITS", "UNIT_LATENCY", "CURRENTS", "SUM_BITS", "STATE_BITS"),
            rests_on=(_HELD,),
        ),
        Contract(
            "snn_readout",
            "readout: scores, and the class that has the largest",
            "the score of each output neuron is the sum over its turns of a sample; the class is "
            "the lowest index among the largest; `count_reached` says whether one reached the "
            "threshold; reading a score disturbs nothing",
            _readout,
            shown=("UNITS", "SCORE_BITS", "MEMBRANE_BITS", "COUNT_THRESHOLD"),
            rests_on=(_HELD, "a score does not leave its register"),
        ),
        Contract(
            "snn_places",
            "places of spikes: a word is read where it was gathered",
            "the word of each layer, step and group, by the layer behind it at the same step, and "
            "step-outer by its own layer a step later; with windows the n-th word of a layer under "
            "its number in the table; while it may be read, no other word is gathered there",
            shown=("STEP_OUTER", "WINDOWS", "LAYER_BITS", "GROUP_BITS", "STEP_BITS"),
        ),
        Contract(
            "snn_spikes",
            "spike store: a bit that is read is the spike that was gathered",
            "of each lane, at each address; the output stays until the next reading",
            _spikes,
            shown=("LANES", "UNITS", "DEPTH"),
            rests_on=(_HELD,),
        ),
        Contract(
            "snn_ring",
            "rings: a place holds what was written there, and zero since it was cleared",
            "also where it is read again while it is being written",
            _ring,
            shown=("WIDTH", "ADDRESS_BITS"),
            rests_on=(_HELD,),
        ),
        Contract(
            "snn_product",
            "multipliers: weight times value",
            "for every weight and value, of each kind that the design has; of streams, for every "
            "weight, all bits of a value's stream and all low bits of numbers: the bits that both "
            "streams have, counted down where the weight is negative",
            shown=("WEIGHT_BITS", "VALUE_BITS", "KIND"),
        ),
        Contract(
            "snn_axis",
            "AXI4-Stream: a result packet for each packet that is a sample, and for no other",
            "what is offered stays until it is taken, and waits for no ready; each beat of a "
            "packet goes to the core, in order and unchanged; a packet whose tlast is too soon or "
            "too late is reported, gives no result, and leaves the others as they are; a result "
            "packet is the class and each score of its own sample; nothing waits without need",
            shown=("BEATS", "IN_BITS", "OUTPUTS", "SCORE_BITS", "IS_SIGNED", "ENDS_EARLY"),
            rests_on=(_JOINED,),
        ),
        Contract(
            "snn_events",
            "events: each value of a frame is the number of its input's events",
            "a frame goes to the core for each end of one, all of its beats, in order; a value is "
            "the number of its input's events since the end before; an event that cannot count "
            "changes nothing and is reported; what is offered stays until it is taken, and nothing "
            "waits without need",
            joins=_events,
            shown=("BEATS", "BEAT", "INPUT_BITS", "INPUTS"),
            rests_on=(_JOINED,),
        ),
        Contract(
            "snn_registers",
            "registers: each holds what was written there, or what there is",
            "for a core of any latency: each access is answered in the next clock; what cannot be "
            "is refused, changes nothing and shows in STATUS; a beat goes to the core for each "
            "write of DATA that is not refused, and for nothing else; a result shows until it is "
            "taken, by who was shown it: none is lost or invented; words of weights go where they "
            "belong",
            shown=("BEATS", "PER_SAMPLE", "IN_BITS", "OUTPUTS", "SCORE_BITS", "WEIGHT_WORDS"),
            rests_on=(_JOINED,),
        ),
        Contract(
            "snn_axi_lite",
            "AXI4-Lite: one answer to each request, and none to anything else",
            "what is answered stays until it is taken; an address and its data, or a read, have "
            "one access and one answer, the registers' own; neither kind waits for the other's "
            "answer to be taken, nor longer than three clocks for anything else",
            rests_on=(_JOINED,),
        ),
        Contract(
            "snn_wishbone",
            "Wishbone: one answer to each request, and none to anything else",
            "ack or err in the clock after a request was taken, for classic masters and for "
            "pipelined ones, unless cyc is taken back; each has one access, of its own",
            rests_on=(_JOINED,),
        ),
    )
}
"""The contracts by module. Those of memories are in `memory_contracts`."""
