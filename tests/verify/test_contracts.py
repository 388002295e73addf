"""Modules of the engine keep the contracts in their files; each planted fault is refuted by one."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from tests.verify.contract_faults import (
    FAULTS,
    MEMORY_FAULTS,
    MEMORY_SIZES,
    SIZES,
    Fault,
)

from sc_neurocore.errors import CheckFailedError
from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.accelerator import BUS_MODULES, OF_BUSES, render_accelerator
from sc_neurocore.hdl.bus import behind_bus, bus_files
from sc_neurocore.hdl.manifest import BUSES, BusName
from sc_neurocore.network.storage import load_description
from sc_neurocore.verify.bench import bench_sources
from sc_neurocore.verify.claims import claims_of
from sc_neurocore.verify.contract_table import CONTRACTS
from sc_neurocore.verify.contracts import prepare_alone, prove_contract
from sc_neurocore.verify.currents import prove_currents
from sc_neurocore.verify.memory_contracts import MEMORY_MODULES, answers_of, prove_memories
from sc_neurocore.verify.model_checking import first_failure, induction_depth, unreached

MakeNetwork = Callable[..., IntegerNetwork]
RequireTool = Callable[..., None]
Change = Callable[[Path, str, str], None]

CLOCKS = 24  # from the reset on, in which a counterexample must come
_ENGINE = files("sc_neurocore.hdl") / "rtl"
_WAYS = [(module, size) for module, sizes in SIZES.items() for size in sizes]


def engine() -> dict[str, str]:
    """Return the engine's modules by name."""
    return {
        path.name.removesuffix(".v"): path.read_text(encoding="utf-8")
        for path in _ENGINE.iterdir()
        if path.name.endswith(".v")
    }


def alone(
    module: str, size: str, folder: Path, fault: Fault | None = None
) -> tuple[list[str], list[str]]:
    """Write a module that is proved alone; return its files and Yosys' commands."""
    sources = engine()
    if fault is not None:
        file = fault.file or module
        assert sources[file].count(fault.old) == 1
        sources[file] = sources[file].replace(fault.old, fault.new)
    setup = prepare_alone(folder, CONTRACTS[module], SIZES[module][size], sources)
    return bench_sources(folder, module), setup


@pytest.mark.sample(16)
@pytest.mark.parametrize(("module", "size"), _WAYS)
def test_a_contract_holds_and_is_not_empty(
    module: str, size: str, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys")
    sources, setup = alone(module, size, tmp_path)
    depth = CONTRACTS[module].depth
    assert induction_depth(tmp_path, module, sources, depth, 600, setup) is not None
    assert unreached(tmp_path, module, sources, CLOCKS, 600, setup) == ()


@pytest.mark.sample(36)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.module}: {fault.new}")
def test_a_fault_is_refuted_by_a_contract(
    fault: Fault, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys")
    sources, setup = alone(fault.module, fault.size, tmp_path, fault)
    assert first_failure(tmp_path, fault.module, sources, CLOCKS, 600, setup) is not None


def test_memories_of_any_depth_keep_their_contracts(require_tool: RequireTool) -> None:
    require_tool("yosys")
    answers = answers_of(list(MEMORY_SIZES.items()), engine())
    assert [answer.status for answer in answers] == ["proved"] * len(MEMORY_MODULES)


@pytest.mark.parametrize(("module", "old", "new"), MEMORY_FAULTS)
def test_a_fault_of_a_memory_is_refuted(
    module: str, old: str, new: str, require_tool: RequireTool
) -> None:
    require_tool("yosys")
    sources = engine()
    assert sources[module].count(old) == 1
    sources[module] = sources[module].replace(old, new)
    (answer,) = answers_of([(module, MEMORY_SIZES[module])], sources)
    assert answer.status == "refuted"


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("lanes", "options"),
    [
        (1, {}),
        (4, {"units": 2, "multipliers": {"logic": 1}, "pipeline": 1, "inputs_per_beat": 2}),
        (4, {"weights": "loaded", "schedule": "step-outer", "units": 4}),
    ],
)
def test_the_modules_of_a_design_keep_theirs(
    lanes: int,
    options: dict[str, object],
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    """With the parameters that the emitted top gives its engine, and the engine its modules."""
    require_tool("yosys", "sby")
    network = make_network([6, 9, 3], per_channel=True, steps=5, weight_bits=5)
    accelerator = render_accelerator(network, lanes, **options).write(tmp_path)  # type: ignore[arg-type]
    results = [prove_memories(accelerator), prove_currents(accelerator, network)]
    names = {path.stem for path in accelerator.verilog}
    results += [prove_contract(accelerator, CONTRACTS[each]) for each in names & CONTRACTS.keys()]
    assert [each for each in results if each.status != "proved" or each.bound] == []
    # What a module counts on is no part of the claim, and the claim says so.
    of_others = [each.assumptions[0] for each in results if "fair_now" in "".join(each.assumptions)]
    assert len(of_others) == len(names & CONTRACTS.keys() - {"snn_product"})


def test_a_broken_module_of_a_design_is_refuted_in_words(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path, change: Change
) -> None:
    require_tool("yosys", "sby")
    accelerator = render_accelerator(make_network([6, 9, 3], steps=5), 4).write(tmp_path)
    change(tmp_path / "rtl/snn_readout.v", "score > best_score;", "score >= best_score;")
    contract = CONTRACTS["snn_readout"]
    result = prove_contract(accelerator, contract)
    assert result.status == "refuted"
    assert "assert" in result.detail


@pytest.mark.parametrize(
    ("bus", "said"),
    [
        ("axi-stream", "BEATS 70, IN_BITS 5, OUTPUTS 5, SCORE_BITS"),
        ("axi-lite", "BEATS 7, PER_SAMPLE 10, IN_BITS 5, OUTPUTS 5, SCORE_BITS"),
    ],
)
def test_the_bus_of_a_design_keeps_its_contracts(
    bus: BusName,
    said: str,
    make_step_outer_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    """With the parameters that the emitted top gives it, of a core that answers early."""
    require_tool("yosys", "sby")
    accelerator = render_accelerator(make_step_outer_network("first-to-2"), 4).write(tmp_path)
    for name, content in bus_files(accelerator, bus).items():
        (tmp_path / name).write_bytes(content)
    found = [
        prove_contract(behind_bus(accelerator, bus), CONTRACTS[module])
        for module in BUS_MODULES[bus]
    ]
    assert all(each.status == "proved" and not each.bound for each in found)
    assert said in found[-1].detail


def test_a_design_has_that_claim_where_it_has_a_bus(tmp_path: Path) -> None:
    description = load_description(Path(__file__).parents[2] / "models/digits")
    for bus in BUSES:
        design = compile_design(description, tmp_path, bus=bus).design
        names = [each.name for each in claims_of(design)]
        assert [each for each in names if each in OF_BUSES] == [*BUS_MODULES.get(bus, ())]


def test_a_module_that_nothing_uses_is_no_proof(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys")
    accelerator = render_accelerator(make_network([6, 9, 3], steps=5), 4).write(tmp_path)
    path = tmp_path / "rtl/snn_engine.v"
    head, instance = path.read_text().split("    snn_spikes #(")
    path.write_text(head + "    assign spikes = gather_address;\n" + instance.split(");", 2)[2])
    with pytest.raises(CheckFailedError, match="is a part of tiny"):
        prove_contract(accelerator, CONTRACTS["snn_spikes"])


def test_units_with_other_currents_are_no_proof(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path, change: Change
) -> None:
    require_tool("yosys")
    network = make_network([6, 9, 3], steps=5)
    accelerator = render_accelerator(network, 4, units=2).write(tmp_path)
    change(
        tmp_path / "rtl/snn_neurons.v",
        ".LEFT_SHIFT(LEFT_SHIFT), .SHIFT",
        ".LEFT_SHIFT(unit), .SHIFT",
    )
    with pytest.raises(CheckFailedError, match="with 2 sets of parameters"):
        prove_currents(accelerator, network)


def test_a_current_of_another_rule_is_refuted(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path, change: Change
) -> None:
    require_tool("yosys", "sby")
    network = make_network([6, 9, 3], steps=5)
    accelerator = render_accelerator(network, 4).write(tmp_path)
    assert prove_currents(accelerator, network).status == "proved"
    change(tmp_path / "rtl/snn_requantize.v", "LEFT_SHIFT) >>> shift", "LEFT_SHIFT) >> shift")
    assert prove_currents(accelerator, network).status == "refuted"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("if (is_answer) assert", "if (is_answer && !is_answer) assert"),
        ("endmodule", "always @* assume (0);\nendmodule"),
    ],
)
def test_another_contract_than_ours_proves_nothing(old: str, new: str, tmp_path: Path) -> None:
    sources = engine()
    text = sources["snn_spikes"]
    assert text.count(old) == 1
    sources["snn_spikes"] = text.replace(old, new)
    with pytest.raises(CheckFailedError, match="snn_spikes"):
        prepare_alone(tmp_path, CONTRACTS["snn_spikes"], SIZES["snn_spikes"]["one"], sources)
