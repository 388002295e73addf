"""Design folders: what is read back is what was compiled, and nothing else passes for it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.equation import LIF
from sc_neurocore.errors import UserError
from sc_neurocore.folders import OWN_FOLDER, written_files
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.design import load_design, render_design
from sc_neurocore.network import (
    AveragePool2d,
    Connection,
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
    Scale,
)


def describe(*, is_recurrent: bool = False) -> NetworkDescription:
    random = np.random.default_rng(0)
    layers: list[Dense | Population | Recurrent] = []
    for shape in ((6, 5), (3, 6)):
        layers += [Dense(weight=random.normal(size=shape)), Population(neuron=LIF)]
    if is_recurrent:
        layers[1] = Recurrent(neuron=LIF, weight=random.normal(size=(6, 6)))
    encoding = InputEncoding(shape=(5,), bits=5, fraction_bits=4)
    return NetworkDescription(name="net", steps=2, input=encoding, layers=layers)


def test_each_layer_may_have_its_own_width_of_weights(tmp_path: Path) -> None:
    compiled = compile_design(
        describe(), tmp_path, weight_bits=[3, 7], lanes=2, units=2
    ).design.network
    loaded = load_design(tmp_path)
    assert loaded.accelerator.geometry.weight_bits == 7
    assert loaded.network.weight_bits == compiled.weight_bits == (3, 7)
    for one, other in zip(compiled.layers, loaded.network.layers, strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)
    assert np.abs(loaded.network.layers[0].weight).max() <= 3


@pytest.mark.parametrize(
    "layer", [Scale(factor=np.linspace(0.5, 0.9, 3)), AveragePool2d(size=(1, 3))]
)
def test_factors_have_no_width_that_is_chosen(layer: Connection, tmp_path: Path) -> None:
    """A scale's factors, and an average by 3 without weights behind it, are of 16 bits."""
    columns = 6 if isinstance(layer, AveragePool2d) else 2
    description = NetworkDescription(
        name="net",
        input=InputEncoding(shape=(3, 2, columns), bits=3, fraction_bits=2),
        steps=2,
        layers=[
            layer,
            Population(neuron=LIF),
            Flatten(),
            Dense(weight=np.random.default_rng(0).normal(size=(3, 12))),
            Population(neuron=LIF),
        ],
    )
    compiled = compile_design(description, tmp_path, weight_bits=7, lanes=2).design.network
    assert load_design(tmp_path).network.weight_bits == compiled.weight_bits == (7,)


@pytest.mark.parametrize("is_recurrent", [False, True])
def test_a_design_follows_from_network_and_choices_byte_for_byte(
    is_recurrent: bool, tmp_path: Path
) -> None:
    written = compile_design(describe(is_recurrent=is_recurrent), tmp_path, "Q6.10", lanes=2).design
    for name, content in written.contents.items():
        assert (tmp_path / name).read_bytes() == content
    moved = tmp_path.parent / f"{tmp_path.name}-moved"
    shutil.move(tmp_path, moved)
    loaded = load_design(moved)
    assert loaded.contents == written.contents
    assert loaded.manifest == written.manifest
    assert loaded.accelerator == replace(written.accelerator, directory=moved)
    again = render_design(loaded.description, loaded.manifest.choices)
    assert again.contents == written.contents


def test_a_folder_is_replaced_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    compile_design(describe(is_recurrent=True), tmp_path, lanes=2)
    (tmp_path / "notes.txt").write_text("mine")
    edited = next((tmp_path / "rtl").glob("*_layers.v"))
    edited.write_text("// mine now\n")
    written = compile_design(describe(), tmp_path, lanes=2).design
    every = (path for path in tmp_path.rglob("*") if path.is_file())
    found = {path.relative_to(tmp_path).as_posix() for path in every}
    found = {name for name in found if not name.startswith(OWN_FOLDER)}
    assert found == {*written.contents, "notes.txt", edited.relative_to(tmp_path).as_posix()}
    assert set(written_files(tmp_path)) == set(written.contents)


def test_files_outside_are_never_touched(tmp_path: Path) -> None:
    """An old manifest, or a list of what we wrote, that names what lies elsewhere."""
    outside = tmp_path / "precious"
    outside.write_text("keep")
    folder = tmp_path / "design"
    compile_design(describe(), folder, lanes=2)
    for name in ("../precious", str(outside), "rtl/../../precious"):
        manifest = json.loads((folder / "design.json").read_text())
        manifest["files"][0]["path"] = name
        (folder / "design.json").write_text(json.dumps(manifest))
        listed = {**written_files(folder), name: "0" * 64}
        (folder / OWN_FOLDER / "written.json").write_text(json.dumps(listed))
        with pytest.raises(UserError, match="does not stay inside"):
            load_design(folder)
        compile_design(describe(), folder, lanes=2)
        assert outside.read_text() == "keep"


def test_a_linked_folder_is_not_followed(tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    folder = tmp_path / "design"
    folder.mkdir()
    (folder / "rtl").symlink_to(away)
    with pytest.raises(UserError, match="symbolic link"):
        compile_design(describe(), folder, lanes=2)
    assert list(away.iterdir()) == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no design\.json"):
        load_design(tmp_path)
    compile_design(describe(), tmp_path, lanes=2)
    (tmp_path / "rtl/net_weights.hex").unlink()
    with pytest.raises(UserError, match=r"weights\.hex.* is missing"):
        load_design(tmp_path)
