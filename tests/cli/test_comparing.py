"""The command line's compare, --format auto and --allow."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.data.catalogue import split_from_metadata
from sc_neurocore.equation import LIF
from sc_neurocore.fixed import quantize
from sc_neurocore.hdl.design import find_files, load_design
from sc_neurocore.hdl.manifest import read_manifest
from sc_neurocore.hdl.neuron_folder import load_neuron
from sc_neurocore.network import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    load_description,
    save_description,
)

ROOT = Path(__file__).parents[2]
MODEL, NEURONS = ROOT / "models" / "digits", ROOT / "tests" / "neurons"


def run(*arguments: object) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_compare_a_neuron(tmp_path: Path) -> None:
    command = ("compare", NEURONS / "adex.txt", "--steps", 400, "--out", tmp_path / "out")
    code, result = run(*command)
    assert code == 0
    assert {"spikes_float", "spikes_integer", "spike_agreement", "largest_state_error"} < {*result}
    assert (result["format"], result["constant_bits"]) == ("Q8.8", 15)
    _, compiled = run(
        "compile", NEURONS / "adex.txt", "--allow", "all", "--out", tmp_path / "compiled"
    )
    assert result["numerics"] == compiled["numerics"]
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"comparison.json", "comparison.html", "step-x2.svg", "ramp-to-x3.svg"} < written
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert page.count("<svg") == len([name for name in written if name.endswith(".svg")])
    assert f"{result['spikes_float']} spikes in floats" in page
    assert "<script" not in page and "Content-Security-Policy" in page
    code, refused = run("report", tmp_path / "out")
    assert (code, "nothing to report; expected" in refused["error"]) == (2, True)
    assert json.loads((tmp_path / "out" / "comparison.json").read_text()) == result


def test_compare_a_neuron_on_currents_of_its_own(tmp_path: Path) -> None:
    currents = np.concatenate([np.zeros(5), np.full(95, 3.0)])
    np.save(tmp_path / "currents.npy", currents)
    (tmp_path / "currents.csv").write_text("".join(f"{value}, {value}\n" for value in currents))
    neuron = NEURONS / "lif_fine_step.txt"
    _, one = run("compare", neuron, "--data", tmp_path / "currents.npy")
    _, two = run("compare", neuron, "--data", tmp_path / "currents.csv")
    assert one["steps"] == two["steps"] == 100
    assert two["spikes_float"] == 2 * one["spikes_float"] > 0
    given = ("--data", tmp_path / "currents.npy", "--format", "auto")
    _, compiled = run("compile", neuron, "--out", tmp_path / "out", *given)
    assert compiled["comparison"]["steps"] == 100
    assert compiled["format"] == run("compare", neuron, *given)[1]["format"]
    (tmp_path / "words.txt").write_text("1 two 3\n")
    for name, message in (("words.txt", "as many numbers in each line"), ("no.npy", "not there")):
        code, result = run("compare", neuron, "--data", tmp_path / name)
        assert (code, message in result["error"]) == (2, True)


def test_compare_a_network_and_choose_its_format(tmp_path: Path) -> None:
    code, result = run("compare", MODEL, "--format", "auto", "--samples", 8)
    assert code == 0
    assert (result["samples"], result["inputs"]) == (8, "digits, test split")
    assert result["spike_agreement"] > 0.97
    assert result["format"] in [each["format"] for each in result["tried"] if each["is_enough"]]
    constants = ("--constant-bits", result["constant_bits"])
    code, again = run("compare", MODEL, "--format", result["format"], *constants, "--samples", 8)
    assert (code, again["spike_agreement"]) == (0, result["spike_agreement"])
    np.save(tmp_path / "half.npy", np.full((2, 64), 0.5))
    code, refused = run("compare", MODEL, "--data", tmp_path / "half.npy")
    assert (code, "what a number 1 in them is worth" in refused["error"]) == (2, True)


def test_evaluate_says_how_floats_and_integers_agree() -> None:
    code, result = run("evaluate", MODEL)
    assert code == 0
    assert result["comparison"]["format"] == "Q8.8"
    assert result["comparison"]["spike_agreement"] > 0.98


@pytest.mark.parametrize(
    "chosen", [("--format", "Q4.6", "--weight-bits", 3), ("--arithmetic", "stochastic")]
)
def test_a_compiled_design_is_asked_about_its_own_integers(
    chosen: tuple[object, ...], tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    code, _ = run("compile", MODEL, *chosen, "--allow", "all", "--out", folder)
    assert code == 0
    network = load_design(folder).network
    test = split_from_metadata(load_description(MODEL).metadata).test
    right = network.run(test.network_inputs()).accuracy(test.labels)
    assert right != quantize(load_description(MODEL)).run(test.network_inputs()).accuracy(
        test.labels
    )
    code, evaluated = run("evaluate", folder)
    assert (code, evaluated["fixed"]["accuracy"]) == (0, right)
    code, compared = run("compare", folder)
    assert (code, compared["format"]) == (0, evaluated["fixed"]["format"])
    assert compared["spike_agreement"] == evaluated["comparison"]["spike_agreement"]
    code, refused = run("evaluate", folder, "--format", "Q8.8")
    assert (code, "whose integers are chosen" in refused["error"]) == (2, True)


@pytest.mark.parametrize("name", ["iaf_psc_exp", "iaf_psc_alpha", "mat2"])
def test_compile_refuses_what_can_never_fire(name: str, tmp_path: Path) -> None:
    code, result = run("compile", NEURONS / f"{name}.txt", "--out", tmp_path / "out")
    assert (code, "can never fire" in result["error"]) == (2, True)
    assert not (tmp_path / "out").exists()


def test_compile_allows_what_is_named(tmp_path: Path) -> None:
    command = ("compile", NEURONS / "iaf_psc_exp.txt", "--out", tmp_path / "out")
    code, result = run(*command, "--allow", "everything")
    assert (code, "expected one of constant" in result["error"]) == (2, True)
    code, result = run(*command, "--allow", "silent")
    assert (code, "0 times in Q8.8" in result["error"]) == (2, True)
    code, result = run(*command, "--allow", "silent", "--allow", "disagreement")
    assert code == 0
    assert "silent" in [each["kind"] for each in result["numerics"]["neurons"][0]["findings"]]
    assert not load_neuron(tmp_path / "out").edited  # what is allowed is written down


@pytest.mark.parametrize("name", ["adex", "lif_fine_step"])
def test_compile_warns_of_what_computes_something_else(name: str, tmp_path: Path) -> None:
    code, result = run("compile", NEURONS / f"{name}.txt", "--out", tmp_path)
    assert code == 0
    assert result["numerics"]["neurons"][0]["findings"]
    assert result["comparison"]["spike_agreement"] < 0.98
    assert result["comparison"]["findings"]


def test_compile_refuses_a_network_whose_threshold_is_beyond_its_format(tmp_path: Path) -> None:
    layers = [Dense(weight=np.eye(2)), Population(neuron=LIF, parameters={"threshold": 1.5})]
    network = NetworkDescription(
        name="net",
        input=InputEncoding(shape=(2,), bits=4, fraction_bits=4),
        steps=20,
        layers=tuple(layers),
    )
    save_description(network, tmp_path / "net")
    command = ("compile", tmp_path / "net", "--out", tmp_path / "out", "--format", "Q1.15")
    code, result = run(*command)
    assert (code, "LIF, in 'v >= threshold': can never fire" in result["error"]) == (2, True)
    assert "right side in 1.5" in result["error"] and not (tmp_path / "out").exists()
    assert run(*command[:-2])[0] == 0  # in Q8.8 it holds


def test_compile_gives_constants_the_bits_that_their_format_has(tmp_path: Path) -> None:
    slow = tmp_path / "slow.txt"
    slow.write_text(
        "neuron Slow\nstate v = 0\nparameter tau = 6000\nparameter dt = 0.1\n"
        "dv/dt = (I - v)/tau\nspike v >= 1\nreset v = 0\n"
    )
    command = ("compile", slow, "--out", tmp_path / "out", "--format")
    code, result = run(*command, "Q8.24")
    assert (code, result["numerics"]["neurons"][0]["findings"]) == (0, [])
    code, result = run(*command, "Q8.24", "--constant-bits", "15")
    assert (code, "83.1% off" in result["error"]) == (2, True)
    code, result = run(*command, "Q8.8")  # the default's constants
    assert (code, "dt/tau" in result["error"]) == (2, True)


def test_compile_chooses_a_format(tmp_path: Path) -> None:
    code, result = run("compile", NEURONS / "adex.txt", "--out", tmp_path, "--format", "auto")
    assert code == 0
    assert result["comparison"]["spike_agreement"] >= 0.98
    assert not result["comparison"]["findings"]
    compiled = load_neuron(tmp_path)
    formats = compiled.program.fixed_point
    assert formats.text == result["format"]
    assert formats.constant_fraction_bits == result["constant_bits"]


def test_a_networks_constants_and_numerics_stand_in_its_manifest(tmp_path: Path) -> None:
    code, result = run("compile", MODEL, "--out", tmp_path, "--constant-bits", 20)
    assert (code, result["constant_bits"]) == (0, 20)
    manifest, content = read_manifest(tmp_path)
    assert manifest.choices.constant_bits == 20
    assert manifest.numerics is not None
    assert manifest.numerics.as_dict() == result["numerics"]
    facts = {each.expression: each for each in manifest.numerics.neurons[0].constants}
    assert facts["beta"].became == round(0.9 * 2**20) / 2**20
    assert find_files(tmp_path).render_again().manifest.as_bytes() == content
