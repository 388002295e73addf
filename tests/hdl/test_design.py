"""Design folders: what is read back is what was compiled."""

from pathlib import Path

import numpy as np

from sc_neurocore.equation import LIF
from sc_neurocore.hdl.design import compile_network, load_design
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population


def test_each_layer_may_have_its_own_width_of_weights(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    layers: list[Dense | Population] = []
    for shape in ((6, 5), (3, 6)):
        layers += [Dense(weight=random.normal(size=shape)), Population(neuron=LIF)]
    description = NetworkDescription(
        name="net", steps=2, input=InputEncoding(shape=(5,), bits=5, fraction_bits=4), layers=layers
    )
    _, compiled = compile_network(description, tmp_path, weight_bits=[3, 7], lanes=2, units=2)
    accelerator, loaded = load_design(tmp_path)
    assert accelerator.geometry.weight_bits == 7
    assert loaded.weight_bits == compiled.weight_bits == (3, 7)
    for one, other in zip(compiled.layers, loaded.layers, strict=True):
        np.testing.assert_array_equal(one.weight, other.weight)
    assert np.abs(loaded.layers[0].weight).max() <= 3
