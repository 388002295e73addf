"""Fixtures that every test module may use."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.data.files import DATA_VARIABLE
from sc_neurocore.equation import CATALOGUE, LIF, Neuron, parse_neuron
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.kernels.numba_runtime import CACHE_VARIABLE
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population
from sc_neurocore.tools.programs import is_available

ADD_A_NEURON = Path(__file__).parent.parent / "docs" / "add-a-neuron.md"


def neuron_of_the_page() -> Neuron:
    """Read the entry that docs/add-a-neuron.md gives as its example."""
    block = re.search(r"```neuron\n(.*?)```", ADD_A_NEURON.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    return replace(parse_neuron(block[1]), description="Izhikevich 2003.")


@pytest.fixture
def izhikevich(monkeypatch: pytest.MonkeyPatch) -> Neuron:
    """The entry of the page, in the catalogue for one test."""
    neuron = neuron_of_the_page()
    monkeypatch.setitem(CATALOGUE, neuron.name, neuron)  # type: ignore[arg-type]
    return neuron


@pytest.fixture(params=[*CATALOGUE, "the page's"])
def neuron(request: pytest.FixtureRequest) -> Neuron:
    """Each neuron of the catalogue, and the one that the page adds to it."""
    if request.param in CATALOGUE:
        return CATALOGUE[request.param]
    added: Neuron = request.getfixturevalue("izhikevich")
    return added


@pytest.fixture
def require_tool() -> Callable[..., None]:
    """Skip the test when a program is missing; in CI a missing program is a failure."""

    def require(*names: str) -> None:
        for name in names:
            if not is_available(name):
                reason = f"needs {name}, which is not installed (sc-neurocore doctor says how)"
                if os.environ.get("CI"):
                    pytest.fail(f"in CI nothing may be skipped: {reason}")
                pytest.skip(reason)

    return require


@pytest.fixture
def shared_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder of real data sets, which no test downloads; the cache is new."""
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        pytest.skip(f"needs the real data sets: set {DATA_VARIABLE} to a folder that has them")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return Path(folder)


@pytest.fixture
def make_network() -> Callable[..., IntegerNetwork]:
    """Make an integer network of LIF layers with random weights."""

    def make(
        sizes: list[int],
        *,
        steps: int = 4,
        input_bits: int = 5,
        weight_bits: int = 8,
        scale: float = 2.0,
        with_bias: bool = True,
        per_channel: bool = False,
        seed: int = 0,
        **changes: object,
    ) -> IntegerNetwork:
        random = np.random.default_rng(seed)
        layers: list[Dense | Population] = []
        for inputs, outputs in pairwise(sizes):
            weight = random.normal(0, scale / np.sqrt(inputs), (outputs, inputs))
            bias = random.normal(0, 0.2, outputs) if with_bias else None
            parameters = {
                "beta": random.uniform(0.5, 0.99, outputs),
                "threshold": random.uniform(0.5, 1.5, outputs),
            }
            layers.append(Dense(weight=weight, bias=bias))
            layers.append(Population(neuron=LIF, parameters=parameters if per_channel else {}))
        values = {
            "name": "tiny",
            "steps": steps,
            "input": InputEncoding(shape=(sizes[0],), bits=input_bits, fraction_bits=4),
            "layers": layers,
        }
        return quantize(NetworkDescription(**(values | changes)), weight_bits=weight_bits)

    return make
