"""The core's registers: one map for Verilog, documentation and driver; behind them the integers.

What the modules do for any core and any master is proved: see tests/verify/test_contracts.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.hdl.test_bus import BENCHES, simulated, written

from sc_neurocore.equation.catalogue import LIF
from sc_neurocore.errors import BoardError, CheckFailedError, DataError, UserError
from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.mapped_core import MappedCore
from sc_neurocore.hdl.accelerator import BUS_MODULES, Accelerator, engine_files
from sc_neurocore.hdl.bus import behind_bus, register_parameters
from sc_neurocore.hdl.design import Design
from sc_neurocore.hdl.manifest import BusName
from sc_neurocore.hdl.register_map import OFFSETS, REGISTERS, VERSION, Control, Status
from sc_neurocore.hdl.self_check import vectors
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population
from sc_neurocore.network.storage import load_description
from sc_neurocore.tools import programs

MakeNetwork = Callable[..., IntegerNetwork]

ROOT = Path(__file__).parents[2]
OF_REGISTERS: tuple[BusName, ...] = ("axi-lite", "wishbone")
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "static": ("feed-forward", {"lanes": 4, "inputs_per_beat": 2}),
    "signed scores": ("membrane", {"lanes": 2}),
    "early answers": ("first-to-2", {"lanes": 4, "weights": "loaded"}),
}


def table() -> str:
    """Return the map as the documentation has it."""
    lines = ["| offset | register | | |", "|---|---|---|---|"]
    for each in REGISTERS:
        last = each.offset + 4 * (each.count - 1)
        where = f"0x{each.offset:02X}" + f" to 0x{last:02X}" * (each.count > 1)
        lines.append(f"| {where} | {each.name} | {each.access} | {each.says} |")
    return "\n".join(lines)


def test_verilog_and_documentation_have_the_map() -> None:
    width = max(len(each.name) for each in REGISTERS)
    numbers = [f"{each.name:{width}} = 5'd{each.offset // 4}" for each in REGISTERS]
    verilog = engine_files("rtl")["snn_registers.v"].decode()
    separator = ",\n" + " " * 21
    assert f"localparam [4:0] {separator.join(numbers)};" in verilog
    assert f"localparam [31:0] MAP = {VERSION};" in verilog
    assert table() in (ROOT / "docs/own-top.md").read_text("utf-8")


def driven(
    bus: BusName, network: IntegerNetwork, accelerator: Accelerator, folder: Path, **plan: Any
) -> dict[str, int]:
    """Have software that makes mistakes send random samples through registers."""
    random = np.random.default_rng(plan["seed"])
    steps = () if network.input.kind == "static" else (network.steps,)
    shape = (24, *steps, *network.input.shape)
    values = random.integers(0, 1 << network.input_bits, shape)
    values *= random.random(shape) < random.random((24, *(1 for _ in shape[1:])))
    beats, results = vectors(network, accelerator, values)
    sizes = register_parameters(accelerator)
    image = (folder / accelerator.memories[-1]).read_bytes()
    words = np.frombuffer(image, dtype="<u2", count=sizes["WEIGHT_WORDS"])
    content = plan | {
        "bus": bus,
        "beats": beats.tolist(),
        "results": (results & 0xFFFF_FFFF).tolist(),
        "frame": sizes["BEATS"],
        "in_bits": sizes["IN_BITS"],
        "outputs": sizes["OUTPUTS"],
        "weights": words.tolist(),
        "most_clocks": accelerator.clock_limit,
    }
    said: dict[str, int] = simulated(accelerator, folder, "registers", content)
    return said


@pytest.fixture
def _bench(
    require_tool: Callable[..., None],
    require_package: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_tool("iverilog")
    require_package("cocotbext.axi")
    monkeypatch.syspath_prepend(BENCHES)  # the simulator's Python looks where ours does


@pytest.mark.usefixtures("_bench")
@pytest.mark.parametrize(
    ("bus", "way"), [("axi-lite", "early answers"), ("wishbone", "signed scores")]
)
def test_registers_give_the_integers_whatever_software_does(
    bus: BusName, way: str, make_step_outer_network: MakeNetwork, tmp_path: Path
) -> None:
    kind, options = WAYS[way]
    network = make_step_outer_network(kind, steps=4)
    accelerator = written(network, tmp_path, bus, **options)
    plan = {"least_beats": 500, "mistakes": 0.05, "resets": 0.01}
    said = driven(bus, network, accelerator, tmp_path, seed=1, **plan)
    assert said["results"] > 5 and said["refused"] > 5


def small(coding: Any, readout: Any) -> NetworkDescription:
    """Return a network 6-4 that takes four steps."""
    random = np.random.default_rng(0)
    bits = 1 if coding == "spikes" else 4
    encoding = InputEncoding(kind=coding, shape=(6,), bits=bits, fraction_bits=bits - 1)
    layers = (Dense(weight=random.normal(0, 1, (4, 6))), Population(neuron=LIF))
    return NetworkDescription(name="small", input=encoding, steps=4, layers=layers, readout=readout)


@pytest.mark.sample(1)
@pytest.mark.usefixtures("_bench")
@pytest.mark.parametrize(
    ("bus", "weights", "coding", "readout"),
    [
        ("axi-lite", "loaded", "spikes", "membrane"),
        ("axi-lite", "rom", "sequence", "first-to-2"),
        ("wishbone", "loaded", "static", "spike-count"),
    ],
)
def test_the_driver_hears_the_integers(
    bus: BusName, weights: Any, coding: str, readout: str, tmp_path: Path
) -> None:
    description = small(coding, readout)
    design = compile_design(description, tmp_path, lanes=2, bus=bus, weights=weights).design
    frames, bits = design.accelerator.frames_per_sample, description.input.bits
    random = np.random.default_rng(1)
    samples = random.integers(0, 1 << bits, (6, *(frames,) * (frames > 1), 6))
    plan = {"bus": bus, "seed": 1, "design": str(tmp_path), "samples": samples.tolist()}
    accelerator = behind_bus(design.accelerator, bus)
    said = simulated(accelerator, tmp_path, "driver", plan)
    expected = design.network.run(np.moveaxis(samples, 0, design.network.batch_axis))
    is_signed = readout == "membrane"
    assert said["classes"] == expected.classes.tolist()
    assert said["scores"] == (expected.membrane if is_signed else expected.spike_counts).tolist()
    assert not is_signed or np.array(said["scores"]).min() < 0
    assert said["interrupts"] == 6
    if not readout.startswith("first-to"):
        assert said["steps"] == [frames] * 6
    assert all(0 < clocks < accelerator.clock_limit + 10_000 for clocks in said["clocks"])
    assert said["refusal"].endswith("call load_weights() first") == (weights == "loaded")


class Dead:
    """Registers of a core that is never at work, whose words can be set."""

    def __init__(self, design: Design, **words: int) -> None:
        hashed = design.accelerator.content_hash
        self.words = {4 * n: int(hashed[8 * n : 8 * n + 8], 16) for n in range(8)}
        self.words |= {OFFSETS["VERSION"]: VERSION, OFFSETS["STATUS"]: Status.LOADED}
        self.words |= {OFFSETS[name]: value for name, value in words.items()}
        self.written: list[tuple[int, int]] = []

    def read(self, offset: int) -> int:
        return self.words.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        self.written.append((offset, value))


def test_the_driver_says_what_is_wrong(tmp_path: Path) -> None:
    description = load_description(ROOT / "models/digits")
    design = compile_design(description, tmp_path, bus="axi-lite").design
    with pytest.raises(UserError, match=r"has --bus none: expected one with registers"):
        MappedCore(Dead(design), compile_design(description, tmp_path / "none").design)
    with pytest.raises(CheckFailedError, match="has register map 7, this package has 1: look"):
        MappedCore(Dead(design, VERSION=7), design)
    with pytest.raises(CheckFailedError, match=r"what is there is network 00000000.*, expected"):
        MappedCore(Dead(design, HASH=0), design)
    dead = Dead(design)
    core = MappedCore(dead, design, timeout=0)
    assert dead.written == [(OFFSETS["CONTROL"], Control.CLEAR)]
    with pytest.raises(BoardError, match="look at its clock, and whether something else uses it"):
        core.classify(np.zeros((1, 64), dtype=np.int64))
    dead.words[OFFSETS["STATUS"]] |= Status.ERROR
    with pytest.raises(BoardError, match="has refused an access"):
        core.classify(np.zeros((0, 64), dtype=np.int64))
    with pytest.raises(DataError, match=r"shape \(1, 63\) and type int64: expected \(batch, 64\)"):
        core.classify(np.zeros((1, 63), dtype=np.int64))
    with pytest.raises(DataError, match="samples from 0 to 99: expected 0 to"):
        core.classify(np.eye(1, 64, dtype=np.int64) * 99)
    with pytest.raises(UserError, match="has its weights in the bitstream"):
        core.load_weights()


def test_what_a_register_does_not_hold_is_refused(
    make_network: MakeNetwork, tmp_path: Path
) -> None:
    network = make_network([64, 5, 3], steps=4)
    for bus in OF_REGISTERS:
        with pytest.raises(UserError, match=r"beats of \d+ bits, 8 values .* a register has 32"):
            written(network, tmp_path, bus, inputs_per_beat=8)


def test_they_take_few_cells(
    make_step_outer_network: MakeNetwork, require_tool: Callable[..., None], tmp_path: Path
) -> None:
    """For the widest beats and scores that a core usually has, with all that stands before it."""
    require_tool("yosys")
    network = make_step_outer_network("first-to-2", steps=100)
    accelerator = written(network, tmp_path, "axi-lite", lanes=4, inputs_per_beat=4)
    sizes = register_parameters(accelerator) | {"SCORE_BITS": 24, "IS_SIGNED": 1}
    given = " ".join(f"-chparam {name} {value}" for name, value in sizes.items())
    front, registers = BUS_MODULES["axi-lite"]
    script = (
        f"read_verilog -defer {registers}.v; hierarchy -top {registers} {given}; "
        f"synth_ice40 -top {registers}; select -assert-max 230 t:SB_LUT4; design -reset; "
        f"read_verilog {front}.v; synth_ice40 -top {front}; select -assert-max 20 t:SB_LUT4"
    )
    programs.run("yosys", ["-q", "-p", script], tmp_path / "rtl")


@pytest.mark.soak
@pytest.mark.usefixtures("_bench")
@pytest.mark.parametrize("bus", OF_REGISTERS)
@pytest.mark.parametrize("way", WAYS)
def test_a_million_beats_lose_and_invent_nothing(
    bus: BusName, way: str, make_step_outer_network: MakeNetwork, tmp_path: Path
) -> None:
    kind, options = WAYS[way]
    network = make_step_outer_network(kind, steps=4)
    accelerator = written(network, tmp_path, bus, **options)
    plan = {"least_beats": 1_000_000, "mistakes": 0.01, "resets": 0.001}
    said = driven(bus, network, accelerator, tmp_path, seed=2, **plan)
    assert said["beats"] >= 1_000_000
