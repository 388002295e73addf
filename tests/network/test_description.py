import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from sc_neurocore.equation import LIF
from sc_neurocore.errors import DescriptionError
from sc_neurocore.network import (
    AveragePool2d,
    Conv2d,
    Delay,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
    Scale,
    load_description,
    save_description,
)

STATIC = InputEncoding(shape=(4,), bits=5, fraction_bits=4)


def dense_network(**changes: Any) -> NetworkDescription:
    rng = np.random.default_rng(0)
    fields: dict[str, Any] = {
        "name": "small",
        "input": STATIC,
        "steps": 5,
        "layers": [
            Dense(weight=rng.normal(size=(3, 4)).astype(np.float32), bias=np.zeros(3)),
            Population(neuron=LIF, parameters={"beta": np.array([0.5, 0.6, 0.7])}),
            Dense(weight=rng.normal(size=(2, 3))),
            Population(neuron=LIF, parameters={"threshold": 0.75}),
        ],
        "metadata": {"accuracy": 0.97, "data": "none"},
    }
    return NetworkDescription(**(fields | changes))


def every_layer() -> NetworkDescription:
    rng = np.random.default_rng(1)
    return NetworkDescription(
        name="every_kind",
        input=InputEncoding(kind="spikes", shape=(1, 10, 10), bits=1, fraction_bits=0),
        steps=7,
        layers=[
            Conv2d(weight=rng.normal(size=(2, 1, 3, 3)), padding=(1, 1)),
            Population(neuron=LIF, parameters={"beta": np.array([0.5, 0.25])}),
            AveragePool2d(size=(2, 2)),
            Flatten(),
            DelayDense(weight=rng.normal(size=(6, 50)), delays=rng.integers(0, 4, size=(6, 50))),
            Recurrent(neuron=LIF, weight=rng.normal(size=(6, 6))),
            Dense(weight=rng.normal(size=(3, 6)), bias=rng.normal(size=3)),
            Population(neuron=LIF),
        ],
        readout="membrane",
    )


def test_shapes_are_followed_through_every_kind_of_layer() -> None:
    shapes = list(every_layer().shapes())
    assert shapes == [
        (1, 10, 10),
        (2, 10, 10),
        (2, 10, 10),
        (2, 5, 5),
        (50,),
        (6,),
        (6,),
        (3,),
        (3,),
    ]


@pytest.mark.parametrize("network", [dense_network(), every_layer()], ids=["dense", "every kind"])
def test_saving_and_loading_is_the_identity(network: NetworkDescription, tmp_path: Path) -> None:
    folder = save_description(network, tmp_path / "net")
    for path in (folder, folder / "network.json"):
        loaded = load_description(path)
        assert loaded.content_hash == network.content_hash
        assert loaded == network
        assert [type(layer) for layer in loaded.layers] == [type(layer) for layer in network.layers]
        for ours, theirs in zip(network.layers, loaded.layers, strict=True):
            for name, value in ours:
                np.testing.assert_equal(getattr(theirs, name), value)
    assert sorted(path.name for path in folder.iterdir()) == ["network.json", "network.safetensors"]


def test_the_hash_covers_everything() -> None:
    base = dense_network()
    weight = np.array(base.layers[0].weight)
    weight[0, 0] = np.nextafter(weight[0, 0], np.float32(1))
    others = [
        dense_network(name="other"),
        dense_network(steps=6),
        dense_network(readout="membrane"),
        dense_network(metadata={}),
        dense_network(input=InputEncoding(shape=(4,), bits=6, fraction_bits=4)),
        dense_network(layers=[Dense(weight=weight, bias=np.zeros(3)), *base.layers[1:]]),
        dense_network(layers=[*base.layers[:3], Population(neuron=LIF.with_reset("zero"))]),
    ]
    assert len({network.content_hash for network in [base, *others]}) == len(others) + 1
    assert dense_network().content_hash == base.content_hash


def test_every_flipped_byte_of_the_tensors_is_noticed(tmp_path: Path) -> None:
    folder = save_description(dense_network(), tmp_path)
    path = folder / "network.safetensors"
    original = path.read_bytes()
    data_start = 8 + int.from_bytes(original[:8], "little")
    for position in range(data_start, len(original)):
        changed = bytearray(original)
        changed[position] ^= 0x10
        path.write_bytes(changed)
        with pytest.raises(DescriptionError, match="sha256"):
            load_description(folder)


def test_flipped_bytes_in_headers_never_escape_as_other_errors(tmp_path: Path) -> None:
    network = dense_network()
    folder = save_description(network, tmp_path)
    for name in ("network.json", "network.safetensors"):
        original = (folder / name).read_bytes()
        for position in range(0, len(original), 7):
            changed = bytearray(original)
            changed[position] ^= 0x04
            (folder / name).write_bytes(changed)
            try:
                loaded = load_description(folder)
            except DescriptionError:
                continue
            # What still loads differs in blanks only.
            assert loaded.content_hash == network.content_hash
        (folder / name).write_bytes(original)


def edited(folder: Path, **changes: Any) -> Path:
    """Change the JSON and sign it again, as a malicious or careless tool would."""
    from sc_neurocore.network import storage

    content = json.loads((folder / "network.json").read_text())
    content.pop("sha256")
    content.update(changes)
    content["sha256"] = storage._hash(content)
    (folder / "network.json").write_text(json.dumps(content))
    return folder


def test_unknown_version_is_refused_first(tmp_path: Path) -> None:
    folder = edited(save_description(dense_network(), tmp_path), version=2)
    with pytest.raises(DescriptionError, match="version 2: this release reads version 1"):
        load_description(folder)


def test_changed_json_is_refused(tmp_path: Path) -> None:
    folder = save_description(dense_network(), tmp_path)
    path = folder / "network.json"
    path.write_text(path.read_text().replace('"steps": 5', '"steps": 6'))
    with pytest.raises(DescriptionError, match="does not match its SHA-256"):
        load_description(folder)


def test_unknown_field_is_refused(tmp_path: Path) -> None:
    folder = edited(save_description(dense_network(), tmp_path), stepz=3)
    with pytest.raises(DescriptionError, match="stepz = 3: there is no such field"):
        load_description(folder)


def test_tensors_of_another_network_are_refused(tmp_path: Path) -> None:
    folder = save_description(dense_network(), tmp_path)
    path = folder / "network.safetensors"
    tensors = load_file(path)
    save_file({**tensors, "extra": np.zeros(2)}, path)
    with pytest.raises(DescriptionError, match=r"\['extra'\] belong to no layer"):
        load_description(folder)
    missing = dict(tensors)
    missing.pop("layers.0.weight")
    save_file(missing, path)
    with pytest.raises(DescriptionError, match=r"'layers.0.weight' is missing"):
        load_description(folder)
    save_file({**tensors, "layers.0.weight": np.zeros((3, 5), np.float32)}, path)
    with pytest.raises(DescriptionError, match=r"shape \[3, 5\]: expected \[3, 4\]"):
        load_description(folder)


@pytest.mark.parametrize("name", ["network.json", "network.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", b"[]", b"{" * 50])
def test_missing_and_garbled_files_are_named(
    name: str, content: bytes | None, tmp_path: Path
) -> None:
    folder = save_description(dense_network(), tmp_path)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(DescriptionError, match=name):
        load_description(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps is 0: expected at least 1"),
        ({"name": "9 lives"}, "name is '9 lives': expected text that matches"),
        ({"layers": []}, r"layers is \[\]: expected at least 1 of them"),
        ({"layers": [Population(neuron=LIF), Dense(weight=np.ones((2, 4)))]}, "the last layer is"),
        ({"layers": [Dense(weight=np.ones((2, 5)))]}, r"layers\[0\]: dense expects .*\(5,\)"),
        (
            {"layers": [Population(neuron=LIF, parameters={"beta": np.full(3, 0.5)})]},
            r"layers\[0\]: parameter 'beta' has shape \(3,\) at an input of shape \(4,\)",
        ),
        ({"layers": [Conv2d(weight=np.ones((1, 1, 3, 3)))]}, r"expects an input \(channels"),
        (
            {"layers": [{"kind": "dense", "weight": [[1.0, float("nan")]]}]},
            r"weight\[0, 1\] is nan",
        ),
        ({"layers": [{"kind": "lstm"}]}, "'kind' = 'lstm': expected one of 'dense'"),
    ],
)
def test_networks_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        dense_network(**changes)


@pytest.mark.parametrize(
    ("layer", "fields", "message"),
    [
        (Dense, {"weight": np.ones(3)}, "expected 2 axes"),
        (Dense, {"weight": np.ones((0, 3))}, "none empty"),
        (Dense, {"weight": np.ones((2, 3)), "bias": np.ones(3)}, r"expected \(2,\)"),
        (Dense, {"weight": [["a"]]}, "expected numbers"),
        (DelayDense, {"weight": [[1.0]], "delays": [[0.5]]}, "whole numbers of steps"),
        (DelayDense, {"weight": [[1.0]], "delays": [[-1]]}, "whole numbers of steps"),
        (Recurrent, {"neuron": LIF, "weight": np.ones((2, 3))}, "expected a square"),
        (Conv2d, {"weight": np.ones((3, 1, 2, 2)), "groups": 2}, "do not divide into 2 groups"),
        (Population, {"neuron": LIF, "parameters": {"beta": 2.0}}, r"must lie in \(0, 1\)"),
        (Population, {"neuron": LIF, "parameters": {"tau": 2.0}}, "no parameter 'tau'"),
        (Population, {"neuron": "neuron X"}, "no 'spike CONDITION' line"),
        (Population, {"neuron": 3}, "a neuron is equation text"),
    ],
)
def test_layers_that_cannot_be_are_refused(layer: Any, fields: Any, message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        layer(**fields)


def test_arrays_cannot_be_changed_behind_the_hash() -> None:
    layer = Dense(weight=np.ones((2, 2)))
    with pytest.raises(ValueError, match="read-only"):
        layer.weight[0, 0] = 2


@pytest.mark.parametrize("text", ["9" * 5000, '"\\ud800"', '{"self": 1}', "1e999"])
def test_odd_json_is_our_error(text: str, tmp_path: Path) -> None:
    folder = save_description(dense_network(), tmp_path)
    path = folder / "network.json"
    path.write_text(path.read_text().replace('"steps": 5', f'"steps": {text}'))
    with pytest.raises(DescriptionError, match=r"network\.json"):
        load_description(folder)


def test_a_field_called_self_is_only_an_unknown_field(tmp_path: Path) -> None:
    folder = edited(save_description(dense_network(), tmp_path), self=1)
    with pytest.raises(DescriptionError, match=r"self = .*there is no such field"):
        load_description(folder)


def test_paths_may_be_text(tmp_path: Path) -> None:
    network = dense_network()
    assert load_description(str(save_description(network, str(tmp_path / "net")))) == network


@pytest.mark.parametrize("layer", [Scale(factor=np.array(0.5)), Delay(delays=np.array(2))])
def test_one_number_for_all_is_saved_as_one_number(layer: Any, tmp_path: Path) -> None:
    encoding = InputEncoding(shape=(2,), bits=4, fraction_bits=4)
    layers = [layer, Population(neuron=LIF)]
    net = NetworkDescription(name="net", input=encoding, steps=2, layers=layers)
    save_description(net, tmp_path)
    back = load_description(tmp_path)
    assert back == net
    assert back.layers[0].output_shape((2,)) == (2,)
