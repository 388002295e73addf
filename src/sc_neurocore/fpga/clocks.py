"""Clocks of the board tops: which settings of a PLL make the wanted frequency of the oscillator's.

The ranges are those of the vendors' data sheets: iCE40 sysCLOCK PLL Design and Usage Guide (Lattice
FPGA-TN-02052), ECP5 Family Data Sheet (Lattice FPGA-DS-02012), Artix-7 FPGAs Data Sheet (AMD DS181,
speed grade 1), GW1NR and GW2AR Data Sheets (Gowin DS117, speed grade C6/I5, and DS226, C8/I7): of
these two what both can.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sc_neurocore.errors import UserError

_TOLERANCE = 0.01
# A phase detector up to so many MHz goes with the filter setting 1, 2, ..., and anything above
# with 6: the steps that Lattice's own tool makes.
_ICE40_FILTER_STEPS = (17, 26, 44, 66, 101)

_GOWIN_DIVIDERS = (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)


@dataclass(frozen=True)
class Clock:
    """A clock module of fpga/rtl and its settings.

    Attributes:
        module: The module's name.
        parameters: Its parameters, as Verilog.
        frequency_mhz: What comes out, in MHz.
    """

    module: str
    parameters: Mapping[str, str]
    frequency_mhz: float

    @property
    def hertz(self) -> int:
        """The frequency in Hz, rounded."""
        return round(self.frequency_mhz * 1e6)


def plan_clock(module: str, oscillator_mhz: float, frequency_mhz: float) -> Clock:
    """Choose a clock module, and for a PLL the settings that come nearest.

    Args:
        module: The family's module with a PLL.
        oscillator_mhz: What comes from the board, in MHz.
        frequency_mhz: What is wanted, in MHz; the oscillator's own frequency needs no PLL.

    Raises:
        UserError: If the PLL does not come within 1 % of it.
    """
    if frequency_mhz == oscillator_mhz:
        return Clock("board_clock_direct", {}, oscillator_mhz)

    def error(clock: Clock) -> float:
        return abs(clock.frequency_mhz - frequency_mhz)

    if not 0 < frequency_mhz < math.inf:
        raise UserError(f"a clock of {frequency_mhz:g} MHz: expected a positive number")
    # Of equally near ones, min takes the first: the smallest division in front of the PLL.
    best = min(_CANDIDATES[module](oscillator_mhz), key=error)
    if not error(best) <= _TOLERANCE * frequency_mhz:
        raise UserError(
            f"a clock of {frequency_mhz:g} MHz: the nearest that the PLL makes of "
            f"{oscillator_mhz:g} MHz is {best.frequency_mhz:.4g} MHz; take that, or "
            f"{oscillator_mhz:g} MHz"
        )
    return best


def _ice40(pin: float) -> Iterator[Clock]:
    for divider in range(16):
        detector = pin / (divider + 1)
        if not 10 <= detector <= 133:
            continue
        setting = sum(detector >= step for step in _ICE40_FILTER_STEPS) + 1
        for multiplier in range(128):
            oscillator = detector * (multiplier + 1)
            if not 533 <= oscillator <= 1066:
                continue
            for shift in range(1, 7):
                output = oscillator / (1 << shift)
                if 16 <= output <= 275:
                    parameters = {
                        "DIVR": f"4'd{divider}",
                        "DIVF": f"7'd{multiplier}",
                        "DIVQ": f"3'd{shift}",
                        "FILTER_RANGE": f"3'd{setting}",
                    }
                    yield Clock("board_clock_ice40", parameters, output)


def _ecp5(pin: float) -> Iterator[Clock]:
    for divider in range(1, 129):
        detector = pin / divider
        if not 3.125 <= detector <= 400:
            continue
        for feedback in range(1, 81):
            output = detector * feedback
            if not 3.125 <= output <= 400:
                continue
            # Its oscillator in the middle of its range, 400 to 800 MHz.
            output_divider = max(1, min(128, round(600 / output)))
            if 400 <= output * output_divider <= 800:
                parameters = {
                    "INPUT_DIVIDER": str(divider),
                    "FEEDBACK_DIVIDER": str(feedback),
                    "OUTPUT_DIVIDER": str(output_divider),
                }
                yield Clock("board_clock_ecp5", parameters, output)


def _xc7(pin: float) -> Iterator[Clock]:
    for divider in range(1, 57):
        detector = pin / divider
        if not 19 <= detector <= 450:
            continue
        for multiplier in range(2, 65):
            oscillator = detector * multiplier
            if not 800 <= oscillator <= 1600:
                continue
            for output_divider in range(1, 129):
                output = oscillator / output_divider
                if 6.25 <= output <= 464:
                    parameters = {
                        "INPUT_PERIOD": f"{1000 / pin:.3f}",
                        "INPUT_DIVIDER": str(divider),
                        "MULTIPLIER": str(multiplier),
                        "OUTPUT_DIVIDER": str(output_divider),
                    }
                    yield Clock("board_clock_xc7", parameters, output)


def _gowin(pin: float) -> Iterator[Clock]:
    for divider in range(1, 65):
        detector = pin / divider
        if not 3 <= detector <= 400:
            continue
        for feedback in range(1, 65):
            output = detector * feedback
            if not 3.91 <= output <= 600:
                continue
            fitting = [each for each in _GOWIN_DIVIDERS if 500 < output * each < 1200]
            if fitting:
                parameters = {
                    "PIN_MHZ": f'"{pin:g}"',
                    "INPUT_DIVIDER": str(divider),
                    "FEEDBACK_DIVIDER": str(feedback),
                    "OUTPUT_DIVIDER": str(fitting[0]),
                }
                yield Clock("board_clock_gowin", parameters, output)


def clocks_up_to(module: str, oscillator_mhz: float, limit_mhz: float) -> list[Clock]:
    """Return the clocks that can be made, the highest first; none is above the limit."""
    made = [Clock("board_clock_direct", {}, oscillator_mhz), *_CANDIDATES[module](oscillator_mhz)]
    fitting = [clock for clock in made if clock.frequency_mhz <= limit_mhz]
    return sorted(fitting, key=lambda clock: -clock.frequency_mhz)


_CANDIDATES: Mapping[str, Callable[[float], Iterator[Clock]]] = {
    "board_clock_ice40": _ice40,
    "board_clock_ecp5": _ecp5,
    "board_clock_xc7": _xc7,
    "board_clock_gowin": _gowin,
}
"""For each clock module with a PLL, what it can make of an oscillator."""
