"""Arguments that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, get_args

import typer

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.numerics import KINDS
from sc_neurocore.fpga.known_boards import BOARDS
from sc_neurocore.hdl.geometry import AUTO
from sc_neurocore.hdl.geometry import Schedule as Order
from sc_neurocore.hdl.manifest import BUSES
from sc_neurocore.tools.devices import DEVICES


def one_of(names: Iterable[str]) -> Callable[[str], list[str]]:
    """Return what a shell asks for the values of an option that begin with what is typed."""
    known = tuple(names)

    def complete(incomplete: str) -> list[str]:  # typer wants this name
        return [name for name in known if name.startswith(incomplete)]

    return complete


Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object; progress goes to stderr.")
]
Run = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder, a saved network or a .nir file.")
]
Design = Annotated[
    Path, typer.Argument(metavar="DIR", help="A folder that 'sc-neurocore compile' wrote.")
]
Format = Annotated[
    str,
    typer.Option(
        help="Format of the neurons' states: Q8.8, UQ8.8, Q8.8:nearest, Q8.8:wrap, …; or auto."
    ),
]
NetworkFormat = Annotated[
    str | None,
    typer.Option(
        help="Format of the neurons' states: Q8.8, UQ8.8, Q8.8:nearest, …; or auto, which is the "
        "default of a network that was imported. Else Q8.8."
    ),
]
ConstantBits = Annotated[
    int | None,
    typer.Option(help="Fraction bits of constants; by default they follow the format: 15 in Q8.8."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KIND",
        help=f"Compile although it is refused; may be repeated: {', '.join(KINDS)}, or all.",
    ),
]
WeightBits = Annotated[int, typer.Option(help="Bits of a weight, 2 to 24.")]
NetworkWeightBits = Annotated[
    int | None,
    typer.Option(
        help="Bits of a weight, 2 to 24: 8, or, where the format of an imported network is chosen, "
        "as few as do what its floats do."
    ),
]
Lanes = Annotated[
    str,
    typer.Option(
        metavar="P|auto",
        help="Multiply-accumulate lanes: a power of two, 1 to 128; auto: as many as --device has "
        "room for.",
    ),
]
Schedule = Annotated[
    str,
    typer.Option(
        help="group-stationary, step-outer, or auto: the first that fits.",
        autocompletion=one_of((*get_args(Order), AUTO)),
    ),
]
TargetDevice = Annotated[
    str | None,
    typer.Option(
        "--device",
        help=f"The FPGA to compile for: {', '.join(DEVICES)}.",
        autocompletion=one_of(DEVICES),
    ),
]
Pipeline = Annotated[
    int, typer.Option(help="Register stages in a neuron's step, 0 to 16: a faster clock.")
]
Units = Annotated[
    int,
    typer.Option(help="Neuron units that the lanes share: a power of two, up to 64 and the lanes."),
]
InputsPerBeat = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Inputs that are taken in one clock: a power of two, of at most 64 bits together.",
    ),
]
WeightSlices = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Memories that the weights lie in side by side, for the clock: a power of two, up to "
        "the lanes.",
    ),
]


def refuse_for_neuron(given: Mapping[str, bool]) -> None:
    """Raise `UserError` for options that only networks have, if they are given."""
    named = [name for name, is_given in given.items() if is_given]
    if named:
        raise UserError(f"{', '.join(named)}: for networks only, and this is a single neuron")


Device = Annotated[
    str | None,
    typer.Option(
        help=f"The FPGA: {', '.join(DEVICES)}; that of the design or its board, or hx8k.",
        autocompletion=one_of(DEVICES),
    ),
]
Board = Annotated[
    str | None,
    typer.Option(
        help=f"Add a top and constraints for a board: {', '.join(BOARDS)}.",
        autocompletion=one_of(BOARDS),
    ),
]
Bus = Annotated[
    str,
    typer.Option(
        metavar="BUS",
        autocompletion=one_of(BUSES),
        help=f"Put the core behind a bus, too: {', '.join(BUSES)}. axi-stream adds TOP_axis, which "
        "takes a packet per sample and sends one per result; axi-lite and wishbone add "
        "TOP_axi_lite or TOP_wishbone, which has registers for samples, results and weights; "
        "events adds TOP_events, which takes spikes one at a time, by the number of their input.",
    ),
]
Clock = Annotated[
    float | None, typer.Option(help="The core's clock on the board, in MHz, instead of its usual.")
]
Baud = Annotated[int, typer.Option(help="Bits per second of the board's serial line.")]
AllowEdited = Annotated[
    bool,
    typer.Option(
        "--allow-edited", help="Work with files that are not what the network and choices give."
    ),
]
_SAMPLES = (
    "Your own samples: .npy with inputs, or .npz with inputs and perhaps labels; (samples, ...), "
    "or (samples, T, ...) for a network that takes a frame per step."
)
Data = Annotated[Path | None, typer.Option(metavar="FILE", help=_SAMPLES)]
DataOrCurrents = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help=f"{_SAMPLES} Of a neuron, its currents, as compare reads them."
    ),
]
Scale = Annotated[
    str | None,
    typer.Option(
        metavar="S",
        help="What a number 1 in --data is worth to the network, such as 0.5 or 1/255; needed "
        "for floats.",
    ),
]
Dataset = Annotated[str | None, typer.Option(help="Another data set (its test part).")]
Length = Annotated[int, typer.Option(help="Bits of a stream.")]
Source = Annotated[
    str,
    typer.Option(
        help="Where the bits come from: lfsr, sobol, halton, counter, bernoulli.",
        autocompletion=one_of(("lfsr", "sobol", "halton", "counter", "bernoulli")),
    ),
]
Arithmetic = Annotated[
    str,
    typer.Option(
        metavar="KIND",
        autocompletion=one_of(("integer", "stochastic")),
        help="integer, or stochastic: weights are counts of bitstreams, and no lane has a "
        "multiplier. --length, --source, --seed, --sharing and --encoding are for that.",
    ),
]
StreamLength = Annotated[
    int | None,
    typer.Option(
        "--length",
        help="Stochastic: bits of a stream, a power of two; up to 1024 for a network that takes "
        "values. By default 256.",
    ),
]
StreamSource = Annotated[
    str | None,
    typer.Option(
        "--source",
        help="Stochastic: where the bits come from: sobol (the default, and all there is for a "
        "network that takes values), lfsr, halton, counter or bernoulli.",
    ),
]
StreamSeed = Annotated[
    int | None,
    typer.Option("--seed", help="Stochastic: other starts and shifts than the documented ones."),
]
StreamSharing = Annotated[
    str | None,
    typer.Option(
        "--sharing",
        help="Stochastic: which streams share a sequence: shared (the default, and all there is "
        "for a network that takes values), rotated or per-input.",
    ),
]
StreamEncoding = Annotated[
    str | None,
    typer.Option("--encoding", help="Stochastic: how weights become streams: sign-magnitude."),
]
StreamBits = Annotated[
    int | None,
    typer.Option(
        "--stream-bits",
        metavar="W",
        help="Stochastic: bits of both streams that a lane takes in a clock: a power of two, 2 to "
        "half of the length. By default 16.",
    ),
]
Encoding = Annotated[str, typer.Option(help="sign-magnitude, bipolar or unipolar.")]


def scale_of(text: str | None) -> float | None:
    """Read a number of `--scale`, which may be a fraction."""
    if text is None:
        return None
    above, _, below = text.partition("/")
    try:
        return float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise UserError(f"--scale {text}: expected a number, such as 0.5 or 1/255") from None


def number_of_lanes(text: str) -> int:
    """Read a number of `--lanes`; whether there can be so many is not looked at here."""
    # Python takes digits of any script for a number, and refuses very long ones with an error.
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise UserError(f"--lanes {text}: expected a power of two, or auto")
    return int(text)
