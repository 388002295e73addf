"""Clock settings, against the frequencies that they make and against the open tools' own choice."""

import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore.errors import UserError
from sc_neurocore.fpga.boards import highest_clock, plan_line
from sc_neurocore.fpga.clocks import Clock, clocks_up_to, plan_clock
from sc_neurocore.fpga.known_boards import BOARDS, Board


def setting(clock: Clock, name: str) -> int:
    return int(clock.parameters[name].split("'d")[-1])


def frequency(clock: Clock, pin: float) -> float:
    """Work the frequency out from the settings, by the vendors' formulas."""
    if clock.module == "board_clock_ice40":
        divisor = (setting(clock, "DIVR") + 1) << setting(clock, "DIVQ")
        return pin * (setting(clock, "DIVF") + 1) / divisor
    if clock.module == "board_clock_ecp5":
        return pin * setting(clock, "FEEDBACK_DIVIDER") / setting(clock, "INPUT_DIVIDER")
    if clock.module == "board_clock_gowin":
        output = pin * setting(clock, "FEEDBACK_DIVIDER") / setting(clock, "INPUT_DIVIDER")
        assert 500 <= output * setting(clock, "OUTPUT_DIVIDER") <= 1200  # the PLL's oscillator
        assert clock.parameters["PIN_MHZ"] == f'"{pin:g}"'
        return output
    divisor = setting(clock, "INPUT_DIVIDER") * setting(clock, "OUTPUT_DIVIDER")
    return pin * setting(clock, "MULTIPLIER") / divisor


@pytest.mark.parametrize(
    ("family", "pin", "wanted"),
    [
        ("ice40", 12, 24),
        ("ice40", 12, 30),
        ("ice40", 12, 45),
        ("ecp5", 25, 50),
        ("ecp5", 25, 80),
        ("ecp5", 25, 110),
        ("xc7", 100, 50),
        ("xc7", 100, 125),
        ("xc7", 100, 66),
        ("gowin", 27, 54),
        ("gowin", 27, 50),
        ("gowin", 27, 81),
    ],
)
def test_a_pll_makes_the_frequency(family: str, pin: float, wanted: float) -> None:
    clock = plan_clock(f"board_clock_{family}", pin, wanted)
    assert clock.module == f"board_clock_{family}"
    assert clock.frequency_mhz == pytest.approx(wanted, rel=0.01)
    assert frequency(clock, pin) == pytest.approx(clock.frequency_mhz)
    assert clock.hertz == round(clock.frequency_mhz * 1e6)


def test_the_oscillators_own_frequency_needs_no_pll() -> None:
    clock = plan_clock("board_clock_ice40", 12, 12)
    assert (clock.module, clock.parameters, clock.hertz) == ("board_clock_direct", {}, 12_000_000)


@pytest.mark.parametrize(("family", "wanted"), [("ice40", 5.0), ("ice40", 900.0), ("ecp5", 1.0)])
def test_what_no_pll_makes_is_refused_with_the_nearest(family: str, wanted: float) -> None:
    with pytest.raises(UserError, match=r"the nearest that the PLL makes of 12 MHz is"):
        plan_clock(f"board_clock_{family}", 12, wanted)


@pytest.mark.parametrize("wanted", [0.0, -12.0, math.inf, -math.inf, math.nan])
def test_what_is_no_frequency_is_refused(wanted: float) -> None:
    with pytest.raises(UserError, match="expected a positive number"):
        plan_clock("board_clock_ice40", 12, wanted)


@pytest.mark.parametrize("wanted", [20, 24, 33, 45])
def test_ice40_settings_are_those_of_icepll(
    wanted: int, require_tool: Callable[..., None], tmp_path: Path
) -> None:
    require_tool("icepack")
    import subprocess
    import sys

    icepll = Path(sys.executable).parent / "yowasp-icepll"
    said = subprocess.run(
        [icepll, "-i", "12", "-o", str(wanted)], capture_output=True, text=True, check=True
    ).stdout
    theirs = {name: int(value) for name, value in re.findall(r"(\w+):\s+(\d+) \(\d'b", said)}
    clock = plan_clock("board_clock_ice40", 12, wanted)
    assert {name: setting(clock, name) for name in theirs} == theirs
    assert set(theirs) == {"DIVR", "DIVF", "DIVQ", "FILTER_RANGE"}


@pytest.mark.parametrize("key", BOARDS)
@pytest.mark.parametrize("limit", [200.0, 31.7, 23.999, 12.1, 6.5])
def test_the_highest_clock_up_to_a_limit_can_be_compiled_for(key: str, limit: float) -> None:
    board = BOARDS[key]
    found = highest_clock(board, limit, 115_200)
    candidates = [clock.frequency_mhz for clock in _made(board) if clock.frequency_mhz <= limit]
    if found is None:
        assert not candidates
        return
    assert plan_line(board, found, 115_200)[0].frequency_mhz <= limit
    assert found == pytest.approx(max(candidates), rel=1e-5)


def _made(board: Board) -> list[Clock]:
    return clocks_up_to(board.family.clock_module, board.oscillator_mhz, math.inf)
