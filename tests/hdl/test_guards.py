"""Conditions on parameters: a module that is missing has the name of the one that does not hold."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from sc_neurocore.hdl.geometry import MULTIPLIERS
from sc_neurocore.tools import programs

FOLDERS = (
    ("sc_neurocore.hdl", "rtl"),
    ("sc_neurocore.hdl", "stochastic"),
    ("sc_neurocore.fpga", "rtl"),
)


@pytest.mark.parametrize(
    ("module", "parameters", "said"),
    [
        ("snn_engine", {"LANES": 6}, "lanes_units_and_beat_must_be_powers_of_two"),
        (
            "snn_engine",
            {"UNITS": 16, "PERIOD": 16},
            "there_must_be_a_current_and_no_more_units_than_lanes",
        ),
        (
            "snn_engine",
            {"DELAY_BITS": 2},
            "frames_per_step_delays_and_threshold_need_step_outer",
        ),
        ("snn_engine", {"PERIOD": 4}, "the_period_is_too_short"),
        ("snn_engine", {"SUM_BITS": 9}, "sums_and_values_are_too_narrow"),
        (
            "snn_engine",
            {"SIGNED_INPUTS": 1, "INPUT_BITS": 1},
            "an_input_with_a_sign_has_two_bits",
        ),
        ("snn_engine", {"INDEX_BITS": 2}, "an_index_is_too_narrow"),
        ("snn_product", {"KIND": len(MULTIPLIERS)}, "there_is_no_multiplier_of_this_kind"),
        ("snn_axis", {"M_BITS": 12}, "tdata_must_be_whole_bytes"),
        ("snn_axis", {"IN_BITS": 9}, "tdata_is_too_narrow"),
        ("snn_axis", {"BEATS": 65}, "a_counter_is_too_narrow"),
        ("snn_registers", {"IN_BITS": 33}, "a_register_has_32_bits"),
        ("snn_registers", {"OUTPUTS": 17}, "a_counter_is_too_narrow"),
        ("snn_events", {"BEATS": 65}, "a_number_is_too_narrow"),
        ("snn_events", {"BEAT": 3}, "beats_must_hold_the_inputs"),
        ("sc_pass", {"LENGTH": 257}, "length_bits_must_hold_the_length"),
        ("sc_ramp", {"LENGTH": 257}, "rest_bits_must_hold_twice_the_length"),
        ("sc_sobol", {"INDEX_BITS": 17}, "index_bits_must_be_2_to_16"),
        ("sc_halton", {"BASE": 3}, "digit_bits_must_hold_a_digit"),
        (
            "sc_thresholds",
            {"FRACTION_BITS": 17},
            "fractions_must_not_be_finer_than_thresholds",
        ),
        (
            "sc_comparators",
            {"COUNT": 3, "SEQUENCES": 2},
            "there_must_be_one_sequence_or_one_for_each_stream",
        ),
        ("sc_counter", {"SUM_BITS": 7}, "sum_bits_must_exceed_count_bits_which_hold_inputs"),
        ("sc_counter", {"INPUTS": 128}, "sum_bits_must_exceed_count_bits_which_hold_inputs"),
        ("board_controller", {"CLOCKS_PER_BIT": 3}, "a_bit_must_last_4_clocks"),
        ("board_controller", {"INPUTS": 513}, "the_buffer_must_hold_the_inputs_in_15_bits"),
        ("board_controller", {"INPUT_BITS": 9}, "inputs_must_be_bytes"),
        ("board_uart_receiver", {"CLOCKS_PER_BIT": 3}, "a_bit_must_last_4_clocks"),
        ("board_uart_transmitter", {"CLOCKS_PER_BIT": 1}, "a_bit_must_last_2_clocks"),
    ],
)
def test_what_does_not_hold_is_named(
    module: str,
    parameters: dict[str, int],
    said: str,
    require_tool: Callable[..., None],
    tmp_path: Path,
) -> None:
    require_tool("iverilog")
    for package, folder in FOLDERS:
        for each in (files(package) / folder).iterdir():
            if each.name.endswith(".v") and not each.name.startswith("board_clock_"):
                (tmp_path / each.name).write_bytes(each.read_bytes())
    names = sorted(path.name for path in tmp_path.glob("*.v"))

    def elaborate(changed: dict[str, int]) -> str:
        given = [f"-P{module}.{name}={value}" for name, value in changed.items()]
        line = ["-g2005", "-s", module, *given, "-t", "null", *names]
        return programs.run("iverilog", line, tmp_path, check=False).stderr

    assert "Unknown module type" not in elaborate({})
    assert f"Unknown module type: {said}" in elaborate(parameters)
