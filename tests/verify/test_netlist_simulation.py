"""An accelerator after synthesis: its netlist computes the model's integers, and can fail to."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.errors import UserError
from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.verify.core_simulation import core_of
from sc_neurocore.verify.netlist_simulation import map_core, prove_netlist, simulate_netlist

MakeNetwork = Callable[..., IntegerNetwork]
RequireTool = Callable[..., None]

INPUTS = np.random.default_rng(5).integers(0, 32, size=(4, 12))


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("family", "schedule"),
    [
        ("ice40", "group-stationary"),
        ("ice40", "step-outer"),
        ("ecp5", "group-stationary"),
        ("ecp5", "step-outer"),
        ("gowin", "step-outer"),
        pytest.param("gowin", "group-stationary", marks=pytest.mark.soak),
    ],
)
def test_a_netlist_computes_what_the_model_computes(
    schedule: str,
    family: str,
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    require_tool("yosys", "iverilog")
    network = make_network([12, 8, 3], steps=4)
    accelerator = render_accelerator(network, 2, schedule).write(tmp_path)
    found = simulate_netlist(accelerator, network, INPUTS, family, "icarus")
    assert found.run.first_mismatch is None
    assert found.run.updates == 4 * 4 * 11
    assert found.run.disturbed == 1
    assert found.proof is not None
    assert (found.proof.status, found.proof.detail) == ("proved", found.proof.detail)
    assert found.proof.figures["points"] > 500
    assert "memories are mapped rightly" in " ".join(found.proof.assumptions)


def test_weights_loaded_into_single_port_ram_survive_synthesis(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys", "iverilog")
    network = make_network([12, 8, 3], steps=4)
    loaded = render_accelerator(network, 2, weights="loaded", ram_style="huge").write(tmp_path)
    found = simulate_netlist(loaded, network, INPUTS, "up5k", "icarus")
    assert found.run.first_mismatch is None
    assert "single-port RAM" in found.assumptions[0]
    assert found.proof is not None
    assert (found.proof.status, found.proof.holds) == ("unknown", False)
    assert "multipliers have no model" in found.proof.detail


def test_a_memory_that_synthesis_would_lose_is_found(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    """The netlist of a design whose block RAM starts with other weights than the model's."""
    require_tool("yosys", "iverilog")
    network = make_network([12, 8, 3], steps=4)
    accelerator = render_accelerator(network, 2).write(tmp_path)
    path = tmp_path / "rtl" / "tiny_weights.hex"
    words = path.read_text().split()
    words[0] = f"{int(words[0], 16) ^ 0x20:0{len(words[0])}x}"
    path.write_text("\n".join(words) + "\n")
    found = simulate_netlist(accelerator, network, INPUTS, "ecp5", "icarus")
    assert found.run.first_mismatch is not None
    assert "layer 0, neuron 0" in found.run.first_mismatch


@pytest.mark.soak
def test_faults_of_a_netlist_are_left_over_where_they_are(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    """Registers exchanged, a word of a memory, and lines of its address."""
    require_tool("yosys")
    network = make_network([12, 8, 3], steps=4)
    accelerator = render_accelerator(network, 2).write(tmp_path)
    _, stages = map_core(core_of(accelerator), "ecp5")
    assert prove_netlist(stages, "ecp5").status == "proved"
    document = json.loads(stages.documents["netlist.json"])
    cells = document["modules"][stages.top]["cells"]

    def left() -> int:
        netlist = {"netlist.json": json.dumps(document).encode()}
        broken = replace(stages, documents={**stages.documents, **netlist})
        return prove_netlist(broken, "ecp5").figures["points_left"]

    assert left() == 0
    first, second = [
        cell["connections"] for cell in cells.values() if cell["type"] == "$_DFF_P_"
    ][:2]  # fmt: skip
    first["D"], second["D"] = second["D"], first["D"]
    assert left() > 0
    first["D"], second["D"] = second["D"], first["D"]
    memory = next(cell for cell in cells.values() if cell["type"] == "DP16KD")
    word = memory["parameters"]["INITVAL_00"]
    memory["parameters"]["INITVAL_00"] = word[:-1] + str(1 - int(word[-1]))
    assert left() == 1
    memory["parameters"]["INITVAL_00"] = word
    pins = memory["connections"]
    pins["ADA5"], pins["ADA6"] = pins["ADA6"], pins["ADA5"]
    assert left() == 2


def test_an_unknown_family_is_refused(make_network: MakeNetwork, tmp_path: Path) -> None:
    network = make_network([3, 2])
    accelerator = render_accelerator(network, 2).write(tmp_path)
    with pytest.raises(UserError, match="expected one of ice40, up5k, ecp5, gowin"):
        simulate_netlist(accelerator, network, INPUTS[:, :3], "spartan")
