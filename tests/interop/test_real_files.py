"""Files of others, against a forward Euler step written from the paper over the files' own arrays.

Every file in the folder is either imported with the same spikes, or refused for a reason.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sc_neurocore.errors import DescriptionError
from sc_neurocore.fixed import quantize
from sc_neurocore.fixed.choosing import CLOSE_TARGET, choose_for_network
from sc_neurocore.fixed.network_comparison import compare_network
from sc_neurocore.interop import read_nir
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import InputEncoding

FILES = {  # the time step, samples, and bits of an input, with which neurons fire
    "lif_norse": (1e-4, 60, 1),
    "nir_history_3a3afb6f": (1e-4, 4, 1),
    "nir_history_64a0b954": (1e-4, 60, 1),
    "nir_history_19004303": (1.0, 60, 6),
    "nir_history_77b4a802": (1.0, 60, 6),
    "cnn_sinabs": (1.0, 2, 1),
    "nir_history_232ebad8": (1.0, 2, 1),
    "nir_history_669fbfad": (1.0, 2, 1),
}
REFUSED = {
    "nir_history_aee771e1": "graph 'lif1': an edge names 'lif', which is not a node",
    "nir_history_50b2fc28": "an edge names 'lif1', which is not a node",
    "nirtorch_feedback": "it gets the sum of .* become one population",
}
STEPS = 40
Values = NDArray[Any]


class Oracle:
    """A chain of a file's nodes, stepped; a neuron's loop brings its spikes of the step before."""

    def __init__(self, path: Path, dt: float) -> None:
        self.dt, self.nodes, edges = dt, {}, []
        with h5py.File(path) as file:
            self._collect(file["node"], "", edges)
        self.loops = {}
        for name in list(self.nodes):
            back = [a for a, b in edges if b == name and (name, a) in edges]
            if self.nodes[name]["type"] == "Affine" and back:
                self.loops[back[0]] = name
        following = {
            a: b for a, b in edges if b not in self.loops.values() and a not in self.loops.values()
        }
        chain = ["input"]
        while chain[-1] in following:
            chain.append(following[chain[-1]])
        self.chain = chain
        self.states: dict[str, dict[str, Values]] = {name: {} for name in chain}

    def _collect(self, graph: Any, prefix: str, edges: list[tuple[str, str]]) -> None:
        ends = {}
        for name, node in graph["nodes"].items():
            kind = node["type"][()].decode()
            if kind == "NIRGraph":
                inner: list[tuple[str, str]] = []
                self._collect(node, f"{name}.", inner)
                (entry,) = [b for a, b in inner if a == f"{name}.input"]
                (leaving,) = [a for a, b in inner if b == f"{name}.output"]
                edges += [e for e in inner if not {f"{name}.input", f"{name}.output"} & {*e}]
                ends[name] = entry, leaving
                continue
            self.nodes[prefix + name] = {
                key: np.asarray(value[()], np.float64) if value.dtype.kind in "fiu" else None
                for key, value in node.items()
                if isinstance(value, h5py.Dataset)
            } | {"type": kind}
        for a, b in graph["edges"][()]:
            source, target = (prefix + each.decode() for each in (a, b))
            edges.append((ends.get(source, (source, source))[1], ends.get(target, (target,))[0]))

    def step(self, values: Values) -> Values:
        for name in self.chain:
            values = getattr(self, self.nodes[name]["type"])(name, values)
        return values

    def Input(self, name: str, values: Values) -> Values:  # NIR's names
        return values

    Output = Input

    def Flatten(self, name: str, values: Values) -> Values:
        return values.reshape(len(values), -1)

    def Affine(self, name: str, values: Values) -> Values:
        node = self.nodes[name]
        return values @ node["weight"].T + node["bias"]

    def Conv2d(self, name: str, values: Values) -> Values:
        node = self.nodes[name]
        stride, padding = ([int(n) for n in node[key]] for key in ("stride", "padding"))
        weight, bias = (torch.from_numpy(node[key]) for key in ("weight", "bias"))
        taken = torch.from_numpy(values)
        return torch.nn.functional.conv2d(taken, weight, bias, stride, padding).numpy()

    def SumPool2d(self, name: str, values: Values) -> Values:
        size = [int(n) for n in self.nodes[name]["kernel_size"]]
        taken = torch.nn.functional.avg_pool2d(torch.from_numpy(values), size)
        return taken.numpy() * float(np.prod(size))

    def _fire(self, name: str, v: Values) -> Values:
        spikes = v > self.nodes[name]["v_threshold"].reshape(self._like(name, "v_threshold", v))
        self.states[name] |= {"v": np.where(spikes, 0.0, v), "s": spikes.astype(np.float64)}
        return self.states[name]["s"]

    def _like(self, name: str, field: str, v: Values) -> tuple[int, ...]:
        return (1, *v.shape[1:]) if self.nodes[name][field].size > 1 else ()

    def _drive(self, name: str, values: Values) -> Values:
        if name in self.loops and "s" in self.states[name]:
            return values + self.Affine(self.loops[name], self.states[name]["s"])
        if name in self.loops:
            return values + self.nodes[self.loops[name]]["bias"]
        return values

    def IF(self, name: str, values: Values) -> Values:
        r = self.nodes[name]["r"].reshape(self._like(name, "r", values))
        return self._fire(name, self.states[name].get("v", 0.0) + self.dt * r * values)

    def LIF(self, name: str, values: Values) -> Values:
        node, v = self.nodes[name], self.states[name].get("v", 0.0)
        values = self._drive(name, values)
        slope = (node["v_leak"] - v + node["r"] * values) / node["tau"]
        return self._fire(name, v + self.dt * slope)

    def CubaLIF(self, name: str, values: Values) -> Values:
        node, state = self.nodes[name], self.states[name]
        values = self._drive(name, values)
        i, v = state.get("i", 0.0), state.get("v", 0.0)
        i = i + self.dt * (node.get("w_in", 1.0) * values - i) / node["tau_syn"]
        state["i"] = i
        slope = (node["v_leak"] - v + node["r"] * i) / node["tau_mem"]
        return self._fire(name, v + self.dt * slope)


def random_inputs(shape: tuple[int, ...], samples: int, bits: int, seed: int) -> Values:
    """Numbers at each step with a share that differs from sample to sample."""
    random = np.random.default_rng(seed)
    whole = (STEPS, samples, *shape)
    shares = random.random((samples, *(1,) * len(shape)))
    return random.integers(1, 1 << bits, whole) * (random.random(whole) < shares)


@pytest.mark.parametrize("name", FILES)
def test_a_real_file_gives_the_spikes_of_its_own_arrays(name: str, shared_data: Path) -> None:
    path = shared_data / "nir" / f"{name}.nir"
    dt, samples, bits = FILES[name]
    coding = read_nir(path, dt=dt, steps=STEPS).input
    coding = InputEncoding(kind="sequence", shape=coding.shape, bits=bits, fraction_bits=0)
    description = read_nir(path, dt=dt, steps=STEPS, input=coding)
    inputs = random_inputs(description.input.shape, samples, bits, seed=8)
    oracle = Oracle(path, dt)
    wanted = np.stack([oracle.step(frame.astype(np.float64)) for frame in inputs])
    found = run_float(description, inputs, record=True).spikes[-1]
    assert all(one != two for one, two in pairwise(oracle.chain))
    hidden = [each["s"].mean() for each in oracle.states.values() if "s" in each]
    assert max(hidden) > 0  # neurons fire, if perhaps not the last ones on random spikes
    np.testing.assert_array_equal(found, wanted > 0)


@pytest.mark.parametrize("name", [name for name, (_, samples, _) in FILES.items() if samples > 2])
def test_the_integers_that_are_chosen_do_on_fresh_inputs_what_floats_do(
    name: str, shared_data: Path
) -> None:
    dt, samples, bits = FILES[name]
    path = shared_data / "nir" / f"{name}.nir"
    shape = read_nir(path, dt=dt, steps=STEPS).input.shape
    coding = InputEncoding(kind="sequence", shape=shape, bits=bits, fraction_bits=0)
    description = read_nir(path, dt=dt, steps=STEPS, input=coding)
    seen, fresh = (random_inputs(shape, samples, bits, seed) for seed in (8, 9))
    chosen = choose_for_network(description, seen, "seen", None, target=CLOSE_TARGET)
    assert chosen.weight_bits is not None
    constants = chosen.formats.constant_fraction_bits
    network = quantize(
        description, chosen.formats.text, chosen.weight_bits, constant_bits=constants
    )
    found = compare_network(description, network, fresh, "fresh")
    assert found.spikes_float > 100
    assert (found.equal_spikes >= 0.99, found.same_answer) == (True, 1)


@pytest.mark.parametrize("name", REFUSED)
def test_a_real_file_that_cannot_be_is_refused_for_the_right_reason(
    name: str, shared_data: Path
) -> None:
    with pytest.raises(DescriptionError, match=REFUSED[name]):
        read_nir(shared_data / "nir" / f"{name}.nir", dt=1e-4, steps=3)


def test_every_file_of_the_folder_is_one_of_these(shared_data: Path) -> None:
    found = {path.stem for path in (shared_data / "nir").glob("*.nir")}
    assert found == {*FILES, *REFUSED}
