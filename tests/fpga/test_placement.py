"""Reading nextpnr's report and log, on lines as nextpnr-ice40 0.11.1 writes them."""

from __future__ import annotations

import json
from pathlib import Path

from sc_neurocore.fpga.placement import Usage, read_demand, read_placement

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
    placement = read_placement(report, LOG)
    assert placement.fmax_mhz == 98.25
    assert placement.luts == 120 + 34
    assert placement.flip_flops == 34 + 5
    assert placement.resources == {"ICESTORM_LC": Usage(166, 7680)}


def test_demand_of_a_design_that_does_not_fit() -> None:
    demand = read_demand(LOG)
    assert demand == {"ICESTORM_LC": Usage(9000, 7680), "SB_IO": Usage(11, 206)}
    assert [usage.fits for usage in demand.values()] == [False, True]
