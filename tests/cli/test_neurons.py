"""One neuron on the command line: what is only for networks is refused, a device is measured."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.fpga.neurons import sources_of_neuron
from sc_neurocore.hdl.neuron_folder import compile_neuron
from sc_neurocore.tools.devices import find_device

LIF = "neuron Lif\nstate v = 0\nupdate v = 0.875*v + I\nspike v >= 1\nreset v = v - 1\n"


def run(*arguments: object) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def neuron(tmp_path: Path) -> Path:
    path = tmp_path / "lif.txt"
    path.write_text(LIF)
    return path


@pytest.mark.parametrize(
    "option",
    [["--lanes", "4"], ["--weight-bits", "6"], ["--units", "2"], ["--schedule", "step-outer"],
     ["--clock", "12"], ["--weight-slices", "2"]],
)  # fmt: skip
def test_network_options_are_refused(option: list[str], neuron: Path) -> None:
    code, found = run("compile", neuron, "--out", neuron.parent / "out", *option)
    assert code != 0
    assert f"{option[0]}: for networks only" in found["error"]
    assert not (neuron.parent / "out").exists()


def test_a_top_around_a_neuron_is_refused(neuron: Path) -> None:
    assert run("compile", neuron, "--out", neuron.parent / "out")[0] == 0
    code, found = run("build", neuron.parent / "out", "--top", neuron.parent / "top.v")
    assert (code, "--top: for networks only" in found["error"]) == (2, True)


@pytest.mark.parametrize(
    "command", [["evaluate"], ["simulate"], ["export", "--to", "fixed", "--out", "weights"]]
)
def test_a_neuron_is_no_network(command: list[str], neuron: Path) -> None:
    code, found = run(command[0], neuron, *command[1:])
    assert code == 2
    assert "lif.txt is no network: expected a run's folder" in found["error"]
    assert "is for compile and compare" in found["error"]


def test_what_was_compiled_has_a_report(neuron: Path) -> None:
    out = neuron.parent / "out"
    assert run("compile", neuron, "--out", out)[0] == 0
    code, found = run("report", out)
    assert (code, found["report"]) == (0, (out / "report.html").as_posix())
    assert "Not verified" in (out / "report.html").read_text(encoding="utf-8")


def test_a_neuron_is_measured_on_a_device(neuron: Path, require_tool: Any) -> None:
    require_tool("yosys", "nextpnr-ice40")
    out = neuron.parent / "out"
    code, found = run("compile", neuron, "--out", out, "--device", "hx8k")
    assert code == 0, found
    assert found["device"]["dsps"] == 0
    assert 20 < found["device"]["luts"] < 400
    assert found["device"]["fmax_mhz"] > 10
    assert "multipliers=adders" in json.loads((out / "neuron.json").read_text())["format"]
    code, built = run("build", out, "--device", "hx8k")
    assert code == 0, built
    assert (out / built["bitstream"]).is_file()


def test_a_neuron_that_cannot_fit_is_refused_before_synthesis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sc_neurocore.fpga.neurons.build_sources", None)  # nothing is synthesised
    lines = [f"state x{index} = 0" for index in range(20)]
    lines += [f"update x{index} = I*x{index}" for index in range(20)]
    source, out = tmp_path / "products.txt", tmp_path / "out"
    source.write_text("\n".join(["neuron Products", *lines, "spike I >= 1"]))
    code, found = run("compile", source, "--out", out, "--device", "up5k")
    assert code != 0
    assert "takes about 40 multipliers of 8 (32 too many)" in found["error"]
    assert "larger device" in found["error"] and not out.exists()
    assert run("compile", source, "--out", out)[0] == 0
    code, found = run("build", out, "--device", "up5k")
    assert code != 0 and "40 multipliers of 8 (32 too many)" in found["error"]


def test_a_neuron_is_built_for_the_device_that_it_was_compiled_for(
    tmp_path: Path, require_tool: Any
) -> None:
    require_tool("yosys", "nextpnr-ice40")
    assert compile_neuron(LIF, tmp_path, "Q4.4", device="up5k").edited == ()
    code, built = run("build", tmp_path)
    assert code == 0, built
    assert built["bitstream"].startswith("build/up5k/")


def test_a_neuron_with_more_ports_than_pins_gets_a_shift_register(tmp_path: Path) -> None:
    lines = [f"state x{index} = 0" for index in range(8)]
    lines += [f"update x{index} = 0.5*x{index} + I" for index in range(8)]
    text = "\n".join(["neuron Wide", *lines, "spike x0 >= 1"])
    verilog = compile_neuron(text, tmp_path, "Q8.24").verilog
    sources = sources_of_neuron(verilog, find_device("up5k"))
    assert sources.top == "wide_q8_24_on_pins"
    wrapper = sources.contents["wide_q8_24_on_pins.v"].decode()
    assert ".current(held[35:0])" in wrapper
    assert wrapper.count("_seen)") == 9  # the spike and eight states
    plain = sources_of_neuron(compile_neuron(LIF, tmp_path, "Q4.4").verilog, find_device("hx8k"))
    assert plain.top == "lif_q4_4"
