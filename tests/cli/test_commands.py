"""The command line's contract: names, --json, exit codes, messages."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.cli.app import run as run_line
from sc_neurocore.equation import CATALOGUE
from sc_neurocore.folders import sole_writer
from sc_neurocore.fpga.build import BuildReport
from sc_neurocore.hdl.design import load_design
from sc_neurocore.hdl.manifest import read_manifest
from sc_neurocore.network import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Recurrent,
    load_description,
    save_description,
)

MODEL = Path(__file__).parents[2] / "models" / "digits"


def run(*arguments: object) -> tuple[int, dict[str, Any]]:
    """Run a command with --json; stdout must be one JSON object."""
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_evaluate_reproduces_the_model_card() -> None:
    code, result = run("evaluate", MODEL)
    recorded = load_description(MODEL).metadata["test_accuracy"]
    assert code == 0
    assert result["test_size"] == 360
    assert result["accuracy"] == pytest.approx(recorded, abs=1 / 360)
    assert abs(result["fixed"]["accuracy"] - result["accuracy"]) <= 0.005


@pytest.mark.parametrize("source", ["lfsr", "sobol"])
def test_streams_of_256_bits_are_within_a_point_of_float(source: str) -> None:
    code, result = run("simulate", MODEL, "--length", 256, "--source", source)
    assert code == 0
    assert abs(result["accuracy"] - result["float_accuracy"]) <= 0.01


@pytest.mark.parametrize("form", ["sc", "fixed"])
def test_export_writes_what_it_says(form: str, tmp_path: Path) -> None:
    code, result = run("export", MODEL, "--to", form, "--out", tmp_path)
    assert code == 0
    assert sorted(Path(name).name for name in result["files"]) == [
        f"{form}.json",
        f"{form}.safetensors",
    ]
    content = json.loads((tmp_path / f"{form}.json").read_text())
    assert content["sha256"] == load_description(MODEL).content_hash


def test_exported_probabilities_give_the_weights_back(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    run("export", MODEL, "--to", "sc", "--out", tmp_path)
    tensors = load_file(tmp_path / "sc.safetensors")
    for part in json.loads((tmp_path / "sc.json").read_text())["layers"]:
        place = f"layers.{part['layer']}"
        found = tensors[f"{place}.sign"] * part["scale"] * tensors[f"{place}.values"]
        assert (found == load_description(MODEL).layers[part["layer"]].weight).all()


def test_train_writes_a_run_that_the_other_commands_take(tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = ("--out", out, "--epochs", 1, "--hidden", 8, "--steps", 4)
    code, trained = run("train", *options)
    assert code == 0
    again, same = run("train", *options)
    assert (again, same["content_hash"]) == (0, trained["content_hash"])
    code, evaluated = run("evaluate", out)
    assert (code, evaluated["accuracy"]) == (0, trained["accuracy"])
    code, other = run("train", "--out", out, "--epochs", 2, "--hidden", 8, "--steps", 4)
    assert code == 2 and "other options" in other["error"]


def test_compile_a_network(tmp_path: Path) -> None:
    code, result = run("compile", MODEL, "--out", tmp_path, "--lanes", 4)
    assert code == 0
    assert result["content_hash"] == load_description(MODEL).content_hash
    assert all(Path(path).is_file() for path in result["verilog"] + result["memories"])
    known = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert {Path(path) for path in result["files"]} == {
        path for path in known if ".sc-neurocore" not in path.parts
    }
    assert set(result["verilog"]) == {
        path for path, purpose in result["files"].items() if purpose == "Verilog of the core"
    }


def test_compile_says_of_all_files_what_they_are_for_and_is_short(tmp_path: Path) -> None:
    asked = ["compile", str(MODEL), "--out", str(tmp_path), "-q"]
    said = CliRunner().invoke(app, asked, env={"COLUMNS": "400"}).output
    rows = dict(line.split("  ", 1) for line in said.splitlines() if str(tmp_path) in line)
    kinds = {label: place.strip() for label, place in rows.items()}
    folder = tmp_path / "rtl"
    assert kinds["what was chosen"] == f"{tmp_path}/design.json"
    modules, memories = len([*folder.glob("*.v")]), len([*folder.glob("*.hex")])
    assert kinds["Verilog of the core"] == f"{folder}: {modules} files (.v)"
    assert kinds["contents of a memory"] == f"{folder}: {memories} files (.hex)"
    assert kinds["each file, what to do next"] == f"{tmp_path}/README.md"
    assert len(kinds) == 7 and {"a test bench for make", "a component for VHDL"} < {*kinds}


@pytest.mark.parametrize("schedule", ["group-stationary", "step-outer", None])
def test_compile_takes_the_schedule_that_is_asked_for(schedule: str | None, tmp_path: Path) -> None:
    asked = () if schedule is None else ("--schedule", schedule)
    code, result = run("compile", MODEL, "--out", tmp_path, "--lanes", 2, *asked)
    chosen = schedule or "group-stationary"
    assert (code, result["schedule"]) == (0, chosen)
    assert read_manifest(tmp_path)[0].choices.schedule == chosen
    top = next(path for path in result["verilog"] if Path(path).stem == result["top"])
    order = {"group-stationary": 0, "step-outer": 1}[chosen]
    assert re.search(rf"^\s*\.STEP_OUTER\({order}\)", Path(top).read_text(), re.MULTILINE)


def test_compile_refuses_a_schedule_that_cannot_do_it(tmp_path: Path) -> None:
    neurons = Recurrent(neuron=CATALOGUE["LIF"], weight=np.eye(2))
    encoding = InputEncoding(shape=(2,), bits=4, fraction_bits=4)
    layers = [Dense(weight=np.eye(2)), neurons]
    net = NetworkDescription(name="net", input=encoding, steps=2, layers=layers)
    save_description(net, tmp_path / "net")
    out = ("--out", tmp_path / "out")
    for arguments, message in [
        (("--schedule", "group-stationary"), "neuron layer 1 is recurrent"),
    ]:
        code, result = run("compile", tmp_path / "net", *out, *arguments)
        assert code == 2
        assert message in result["error"]
        assert not (tmp_path / "out").exists()
    for others in ((), ("--lanes", "auto", "--device", "hx8k"), ("--board", "icebreaker")):
        code, result = run("compile", tmp_path / "net", *out, *others)
        assert (code, result["schedule"]) == (0, "step-outer")


def test_compile_for_a_device_takes_the_lanes_that_fit(tmp_path: Path) -> None:
    code, result = run("compile", MODEL, "--out", tmp_path, "--lanes", "auto", "--device", "hx8k")
    assert code == 0
    fitting = [each["lanes"] for each in result["estimates"] if each["fits"]]
    assert result["lanes"] == max(fitting)
    assert read_manifest(tmp_path)[0].choices.lanes == max(fitting)
    assert all("block RAMs of 32" in each["sums"] for each in result["estimates"])


def test_compile_equations(tmp_path: Path) -> None:
    source = tmp_path / "equations.txt"
    source.write_text("neuron Fast\nstate v = 0\nupdate v = v/2 + I\nspike v >= 1\nreset v = 0\n")
    code, result = run("compile", source, "--out", tmp_path / "out", "--format", "Q4.4")
    assert (code, result["module"]) == (0, "fast_q4_4")
    assert (tmp_path / "out" / "fast_q4_4_step.v").is_file()


def test_a_syntax_error_shows_the_line_and_a_caret(tmp_path: Path) -> None:
    source = tmp_path / "equations.txt"
    source.write_text("neuron N\nstate v = 0\nupdate v = v + (I\nspike v >= 1\n")
    code, result = run("compile", source, "--out", tmp_path / "out")
    assert code == 2
    head, line, caret = result["error"].split("\n")
    assert head.startswith(f"{source}: line 3: ")
    assert line.strip() == "update v = v + (I"
    assert line[caret.index("^")] == "("


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("evaluate", "missing"), "expected the folder of a run or of a saved network"),
        (("evaluate", MODEL, "--dataset", "cats"), "no data set 'cats'; known: digits, mnist"),
        (("simulate", MODEL, "--length", 0), "length"),
        (("simulate", MODEL, "--source", "dice"), "expected one of lfsr, sobol, halton"),
        (("simulate", MODEL, "--encoding", "ternary"), "expected one of unipolar"),
        (("export", MODEL, "--to", "onnx"), "--to onnx: expected one of sc, fixed, nir"),
        (
            ("compile", MODEL, "--out", "x", "--format", "Q8"),
            "expected Qm.n or UQm.n, such as Q8.8",
        ),
        (("compile", MODEL, "--out", "x", "--lanes", 3), "a power of two"),
        (("compile", MODEL, "--out", "x", "--lanes", "many"), "a power of two, or auto"),
        (("compile", MODEL, "--out", "x", "--lanes", "auto"), "with --device, or a board"),
        (("compile", MODEL, "--out", "x", "--device", "hx9"), "ecp5-25k"),
        (
            ("compile", MODEL, "--out", "x", "--schedule", "inner"),
            "schedule 'inner': expected auto, group-stationary, step-outer",
        ),
        (("compile", MODEL, "--out", "x", "--weight-bits", 40), "expected 2 to 24"),
        (("verify", "missing"), "`sc-neurocore compile` wrote"),
        (("build", MODEL, "--device", "hx9"), "hx8k"),
        (("report", "missing"), "nothing to report"),
        (("bench", "nothing"), "benchmarks"),
        (
            ("train", "--out", "x", "--net", "transformer"),
            "expected ff or conv",
        ),
        (("train", "--out", "x", "--epochs", 0), "epochs"),
        (("train", "--out", "x", "--resume"), "--resume: x holds no run"),
        (("train", "--out", "x", "--schedule", "steep"), "expected one of constant, cosine"),
        (("train", "--out", "x", "--device", "abacus"), "device 'abacus': "),
        (("train", "--out", "x", "--net", "conv"), "takes images (channels, rows, columns)"),
        (("train", "--out", "x", "--augment", "rotation=10,hue=1"), "'hue=1': expected NAME="),
        (("train", "--out", "x", "--augment", "rows=7.5"), "rows and columns whole"),
        (("train", "--out", "x", "--max-norm", 0), "max_norm = 0"),
    ],
)
def test_a_users_mistake_exits_2_and_says_what_to_do(
    arguments: tuple[object, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, result = run(*arguments)
    assert (code, result["exit_code"]) == (2, 2)
    assert message in result["error"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("device", "lanes", "sums"),
    [
        (
            "hx8k",
            "auto",
            r"with any number of lanes\. With 2 it takes \d+ block RAMs of 32 \(\d+ too",
        ),
        (
            "up5k",
            64,
            r"with 64 lanes\. With 64 it takes .*\d+ single-port RAMs of 4 \(\d+ too many",
        ),
    ],
)
def test_a_network_that_cannot_fit_is_refused_with_the_sums(
    device: str, lanes: object, sums: str, tmp_path: Path
) -> None:
    model = MODEL.with_name("mnist-784-128-10")
    out = tmp_path / "out"
    code, result = run("compile", model, "--device", device, "--lanes", lanes, "--out", out)
    assert code == 1
    assert re.search(sums, result["error"])
    assert not out.exists()


@pytest.mark.parametrize(
    "command", [("compile", MODEL), ("export", MODEL, "--to", "fixed"), ("demo",)], ids=str
)
def test_a_folder_that_cannot_be_made_is_the_users_mistake(
    command: tuple[object, ...], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("kept")
    code, result = run(*command, "--out", tmp_path / "file" / "out")
    assert code == 2
    assert re.search(r"file.*: Not a directory; give a place that can be", result["error"])
    assert (tmp_path / "file").read_text() == "kept"


def test_without_json_the_message_is_on_stderr_alone(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", str(tmp_path)])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("sc-neurocore: ")
    assert "Traceback" not in result.stderr


def test_a_missing_tool_exits_3_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sc_neurocore.cli import demo

    monkeypatch.setattr(demo, "is_available", lambda name: name != "nextpnr-ice40")
    code, result = run("demo", "--out", tmp_path / "demo")
    assert (code, result["exit_code"]) == (3, 3)
    assert "nextpnr-ice40 (place and route for iCE40): pip install" in result["error"]
    assert not (tmp_path / "demo").exists()


def test_an_interrupt_exits_130(monkeypatch: pytest.MonkeyPatch) -> None:
    from sc_neurocore.cli import networks

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(networks, "find_network", interrupted)
    code, result = run("evaluate", MODEL)
    assert (code, result["exit_code"]) == (130, 130)


def test_doctor_lists_what_the_road_needs() -> None:
    code, result = run("doctor")
    names = {finding["name"] for finding in result["findings"]}
    assert {"torch", "yosys", "nextpnr-ice40", "z3", "verilator", "iverilog", "sby"} <= names
    assert code == (3 if result["missing"] else 0)


def test_a_compiled_neuron_is_verified(tmp_path: Path, require_tool: Any) -> None:
    require_tool("yosys", "z3")
    source = tmp_path / "fast.eqn"
    source.write_bytes(b"\xef\xbb\xbfneuron Fast\nstate v = 0\nupdate v = v/2 + I\nspike v >= 1\n")
    assert run("compile", source, "--out", tmp_path / "out")[0] == 0
    code, certificate = run("verify", tmp_path / "out")
    assert (code, certificate["holds"]) == (0, True)
    assert {proof["status"] for proof in certificate["proved_for_all_inputs"]} == {"proved"}


def test_a_neuron_can_be_pipelined(tmp_path: Path) -> None:
    source = tmp_path / "fast.eqn"
    source.write_text("neuron Fast\nstate v = 0\nupdate v = v/2 + I\nspike v >= 1\n")
    arguments = ("--out", tmp_path / "out", "--format", "Q8.8:wrap", "--pipeline", 1)
    code, result = run("compile", source, *arguments)
    assert (code, result["module"]) == (0, "fast_q8_8_wrap")
    assert "always @(posedge clk)" in (tmp_path / "out" / "fast_q8_8_wrap_step.v").read_text()


def test_the_engine_is_chosen_from_the_command_line(tmp_path: Path) -> None:
    out = tmp_path / "design"
    options = ("--units", 4, "--pipeline", 2, "--inputs-per-beat", 4, "--weight-slices", 8)
    arguments = ("compile", MODEL, "--out", out, *options)
    code, result = run(*arguments, "--device", "ecp5-25k", "--lanes", "auto")
    assert (code, result["units"], result["pipeline"]) == (0, 4, 2)
    assert min(each["lanes"] for each in result["estimates"]) == 8  # as many as there are slices
    design = load_design(out)
    geometry = design.accelerator.geometry
    assert (geometry.units, geometry.beat, geometry.lanes) == (4, 4, result["lanes"])
    assert result["estimates"][0]["used"]["dsps"] == 8 + 4  # each unit multiplies once
    assert design.manifest.device == "ecp5-25k"  # what `build` builds for
    code, result = run(*arguments, "--schedule", "step-outer", "--lanes", 8)
    assert (code, result["units"], result["pipeline"]) == (0, 4, 2)
    code, result = run(*arguments, "--lanes", 2)
    assert code == 2 and "units=4: expected a power of two from 1 to 2" in result["error"]


def test_a_mistake_does_not_claim_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "run"
    for wrong in (("--hidden", 0), ("--surrogate", "foo"), ("--neuron", "Foo"), ("--steps", 70000)):
        assert run("train", "--out", out, *wrong)[0] == 2
        assert not out.exists()


def test_a_deep_network_gets_a_name_that_fits(tmp_path: Path) -> None:
    options = ("--layers", 14, "--hidden", 100, "--epochs", 1, "--steps", 1)
    code, trained = run("train", "--out", tmp_path / "run", *options)
    assert (code, trained["network"]) == (0, "digits_64_14x100_10")


def test_another_input_scale_is_refused(tmp_path: Path) -> None:
    network = load_description(MODEL)
    encoding = network.input.model_copy(update={"fraction_bits": 0})
    save_description(network.model_copy(update={"input": encoding}), tmp_path)
    code, result = run("evaluate", tmp_path)
    assert code == 2 and "does not fit" in result["error"]


@pytest.mark.parametrize("arguments", [["evaluate"], ["simulate", "x", "--length", "abc"], ["foo"]])
def test_usage_errors_are_json_too(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_line([*arguments, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["exit_code"] == 2


def test_a_bug_is_reported_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from sc_neurocore.cli import networks

    monkeypatch.setattr(networks, "find_network", lambda _: 1 // 0)
    code, result = run("evaluate", MODEL)
    assert code == 1
    assert "a bug in sc-neurocore (ZeroDivisionError" in result["error"]


def test_an_interrupted_stage_is_not_a_failed_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, require_tool: Any
) -> None:
    from sc_neurocore.cli import demo

    require_tool("yosys", "nextpnr-ice40", "icepack", "sby", "z3")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "cosimulate_design", interrupted)
    code, _ = run("demo", "--out", tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (code, summary["exit_code"]) == (130, 130)
    assert summary["problems"] == {"cosimulate": "interrupted"}
    assert "cosimulate" not in summary["seconds"]


@pytest.mark.parametrize("lanes", ["\u0668", "\u00b2", "\uff18", "8 ", "+8", "8.0", "", "9" * 5000])
def test_a_number_of_lanes_is_written_in_ascii(lanes: str, tmp_path: Path) -> None:
    code, result = run("compile", MODEL, "--out", tmp_path / "d", "--lanes", lanes)
    assert code == 2
    assert "expected a power of two, or auto" in result["error"]
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("number", ["\u0668", "\uff18", "9" * 5000])
def test_other_numbers_too(number: str, tmp_path: Path) -> None:
    for option in ("--weight-bits", "--pipeline", "--baud", "--clock"):
        line = ["compile", str(MODEL), "--out", str(tmp_path / "d"), option, number]
        if option == "--clock":
            line += ["--board", "icebreaker"]
        assert run_line([*line, "--json"]) == 2


@pytest.mark.parametrize("command", ["export", "import", "train", "demo", "report"])
def test_a_folder_has_one_writer(command: str, tmp_path: Path) -> None:
    nir = tmp_path / "from"
    assert run("export", MODEL, "--to", "nir", "--out", nir)[0] == 0
    out = tmp_path / "folder"
    lines = {
        "export": ("export", MODEL, "--to", "fixed", "--out", out),
        "import": ("import", nir / "network.nir", "--out", out),
        "train": ("train", "--epochs", 1, "--hidden", 4, "--steps", 2, "--out", out),
        "demo": ("demo", "--out", out),
        "report": ("report", out),
    }
    with sole_writer(out, "test"):
        code, result = run(*lines[command])
    assert code == (3 if "needs what is not installed" in result["error"] else 2)
    assert code == 3 or "another sc-neurocore command is writing there" in result["error"]
    assert not out.exists()


@pytest.mark.parametrize(("fmax", "code"), [(24.1, 0), (24.0, 0), (23.9, 1), (13.0, 1), (5.0, 1)])
def test_a_build_that_misses_the_boards_clock_fails_and_is_not_for_the_board(
    fmax: float,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever clock it was built to aim at: the board runs at its own."""
    design = tmp_path / "design"
    assert run("compile", MODEL, "--out", design, "--board", "icebreaker", "--lanes", 2)[0] == 0
    numbers = dict.fromkeys(("luts", "flip_flops", "logic_cells", "brams", "sprams", "dsps"), 1.0)
    built = BuildReport(
        **numbers,  # type: ignore[arg-type]
        device="up5k",
        device_title="iCE40UP5K",
        top="top",
        available={},
        cells={},
        fmax_mhz=fmax,
        frequency_mhz=1.0,
        bitstream="build/top.bin",
        bitstream_bytes=1,
        layout=None,
        project=None,
        seed=1,
        seconds={},
        versions={},
    )
    monkeypatch.setattr("sc_neurocore.cli.building.build_design", lambda *_, **__: built)
    assert run_line(["build", str(design), "--frequency", "1"]) == code
    shown = " ".join(capsys.readouterr().out.split())
    assert ("to the board" in shown) == (code == 0)
    assert ("not for the board" in shown) == (code == 1)
    assert ("--clock" in shown) == (code == 1 and fmax >= 12)
