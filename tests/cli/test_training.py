"""`train` that starts from another run."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.data import split_from_metadata
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.network import load_description


def run(*arguments: object) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_a_trained_network_is_fitted_to_few_bits_and_to_short_streams(tmp_path: Path) -> None:
    first = tmp_path / "first"
    options = ("--epochs", 3, "--hidden", 24, "--steps", 6)
    assert run("train", "--out", first, *options, "--loss", "membrane")[0] == 0
    before = load_description(first)
    plain = quantize(before, weight_bits=2)
    data = split_from_metadata(before.metadata).test
    without = plain.run(data.network_inputs()).accuracy(data.labels)

    out = tmp_path / "bits"
    wanted = ("train", "--from", first, "--weight-bits", 2, "--epochs", 3, "--out", out)
    code, fitted = run(*wanted)
    assert code == 0
    after = load_description(out)
    assert after.metadata["trained_from"] == before.content_hash
    assert (after.readout, after.steps) == ("membrane", 6)
    integers = quantize(after, weight_bits=2)
    with_it = integers.run(data.network_inputs()).accuracy(data.labels)
    assert with_it == fitted["integer_accuracy"] > without
    for layer, whole in zip(after.layers[::2], integers.layers, strict=True):
        assert (layer.weight == whole.weight * 2.0**-whole.scale_bits).all()
    assert run(*wanted)[1]["content_hash"] == fitted["content_hash"]  # read back
    code, other = run(*wanted[:3], "--weight-bits", 3, *wanted[5:])
    assert code == 2 and "start.weight_bits is 2 there, 3 here" in other["error"]

    code, short = run(
        "train", "--from", first, "--stream-length", 16, "--epochs", 1, "--out", tmp_path / "short"
    )
    assert code == 0
    simulated = run("simulate", tmp_path / "short", "--length", 16, "--source", "sobol")[1]
    assert short["streams"]["accuracy"] == simulated["accuracy"]
    for wrong, message in (
        (("--from", first, "--hidden", 9), "--hidden with --from: the network, its data"),
        (("--weight-bits", 4), "--weight-bits without --from"),
        (("--from", first, "--loss", "spike-count"), "is read out by 'membrane', with which goes"),
        (("--from", first, "--weight-bits", 4, "--stream-length", 4), "fit the network to one of"),
        (("--from", first, "--weight-bits", 1), "weight_bits=1: expected 2 to 24"),
        (("--from", first, "--stream-length", 4, "--source", "dice"), "dice"),
    ):
        code, answer = run("train", "--out", tmp_path / "no", *wrong)
        assert code == 2 and message in answer["error"]
    assert not (tmp_path / "no").exists()
