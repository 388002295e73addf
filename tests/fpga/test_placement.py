"""Reading what the tools report, on lines as nextpnr 0.11.1 and Yosys 0.70 write them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sc_neurocore.fpga.placement import read_demand, read_placement, read_statistics
from sc_neurocore.tools.devices import find_device
from sc_neurocore.tools.families import ECP5, ICE40, XILINX_7

LOG = """\
Info: Packing LUT-FFs..
Info:      120 LCs used as LUT4 only
Info:       34 LCs used as LUT4 and DFF
Info: Packing non-LUT FFs..
Info:        5 LCs used as DFF only
Info: Packing carries..
Info:        7 LCs used as CARRY only
Info: Device utilisation:
Info: \t         ICESTORM_LC:    9000/   7680   117%
Info: \t               SB_IO:      11/    206     5%
"""


def test_slowest_clock_and_sums_of_cells(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text(
        json.dumps(
            {
                "utilization": {"ICESTORM_LC": {"used": 166, "available": 7680}},
                "fmax": {
                    "fast": {"achieved": 210.5, "constraint": 50},
                    "slow": {"achieved": 98.25, "constraint": 50},
                },
            }
        )
    )
    placement = read_placement(find_device("hx8k"), report, LOG)
    assert placement.fmax_mhz == 98.25
    assert placement.used["luts"] == 120 + 34
    assert placement.used["flip_flops"] == 34 + 5
    assert placement.used["logic_cells"] == 166
    assert placement.cells == {"ICESTORM_LC": 166}


def test_what_the_placer_leaves_out_makes_the_longest_path_longer(tmp_path: Path) -> None:
    """The placer of Gowin knows no path out of a block RAM."""
    report = tmp_path / "report.json"
    report.write_text(
        json.dumps(
            {
                "utilization": {
                    "LUT4": {"used": 700, "available": 8640},
                    "ALU": {"used": 30, "available": 6480},
                    "RAM16SDP4": {"used": 2, "available": 270},
                    "IOB": {"used": 24, "available": 276},
                },
                "fmax": {"clk": {"achieved": 100.0, "constraint": 50}},
            }
        )
    )
    placement = read_placement(find_device("gw1nr-9"), report, "")
    assert placement.fmax_mhz == pytest.approx(1000 / (10 + 3.46))
    assert placement.used["logic_cells"] == 700 + 30 + 2 * 6
    assert placement.used["pins"] == 24


def test_demand_of_a_design_that_does_not_fit() -> None:
    demand = read_demand(ICE40, LOG)
    assert (demand["logic_cells"], demand["pins"], demand["brams"]) == (9000, 11, 0)
    assert read_demand(ICE40, "Info: Packing LUT-FFs..\n") == {}


def test_ecp5_counts_every_lut_from_the_line_that_adds_them_up() -> None:
    log = """\
Info:     Total LUT4s:       710/24288     2%
Info:         logic LUTs:    458/24288     1%
Info: Device utilisation:
Info: \t          TRELLIS_FF:     530/  24288     2%
Info: \t        TRELLIS_COMB:     780/  24288     3%
"""
    demand = read_demand(ECP5, log)
    assert (demand["luts"], demand["flip_flops"], demand["logic_cells"]) == (710, 530, 780)


def test_a_xilinx_netlist_is_counted_as_vivado_counts(tmp_path: Path) -> None:
    cells = {"LUT6": 10, "LUT1": 2, "INV": 3, "RAM32M": 1, "SRL16E": 5, "CARRY4": 7}
    cells |= {"FDRE": 20, "FDSE": 1, "RAMB18E1": 3, "RAMB36E1": 2, "DSP48E1": 4, "$scopeinfo": 9}
    path = tmp_path / "statistics.json"
    path.write_text(json.dumps({"design": {"num_cells_by_type": cells}}))
    placement = read_statistics(XILINX_7, path)
    # A RAM32M is four LUTs; a BRAM18 half a tile; carries are part of the slices.
    assert placement.used["luts"] == 10 + 2 + 3 + 4 + 5
    assert placement.used["flip_flops"] == 21
    assert placement.used["brams"] == 3.5
    assert placement.used["dsps"] == 4
    assert placement.fmax_mhz is None and "$scopeinfo" not in placement.cells
