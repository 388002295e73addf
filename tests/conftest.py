"""Fixtures that every test module may use."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from matplotlib import image

from sc_neurocore.data.files import DATA_VARIABLE
from sc_neurocore.equation import CATALOGUE, LIF, Neuron, parse_neuron
from sc_neurocore.files import CACHE_VARIABLE
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.network import (
    AveragePool2d,
    Conv2d,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    MaxPool2d,
    NetworkDescription,
    Population,
    Recurrent,
)
from sc_neurocore.tools.programs import is_available, run

SOAK_LOG = "SOAK_LOG"
"""Names a file of soak tests that have passed: they are left out, others join as they pass."""

ROOT = Path(__file__).parent.parent
ADD_A_NEURON = ROOT / "docs" / "add-a-neuron.md"


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave most cases of `sample` tests, and what has passed before, to the soak that they are.

    So a soak of hours can be stopped and taken up.
    """
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("sample"):
            cases.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for of_one in cases.values():
        marker = of_one[0].get_closest_marker("sample")
        assert marker is not None
        (count,) = marker.args
        kept = {number * len(of_one) // count for number in range(count)}
        for number, item in enumerate(of_one):
            if number not in kept:
                item.add_marker(pytest.mark.soak)
    log = os.environ.get(SOAK_LOG)
    if log is None or not Path(log).exists():
        return
    passed = set(Path(log).read_text(encoding="utf-8").splitlines())
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in passed])
    items[:] = [item for item in items if item.nodeid not in passed]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    log = os.environ.get(SOAK_LOG)
    if log is not None and report.when == "call" and report.passed and "soak" in report.keywords:
        with Path(log).open("a", encoding="utf-8") as file:
            file.write(report.nodeid + "\n")


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
                _leave_out(f"needs {name}, which is not installed (sc-neurocore doctor says how)")

    return require


@pytest.fixture
def require_command() -> Callable[[str], None]:
    """Skip the test when a command, none of our tools, is missing; in CI that is a failure."""

    def require(name: str) -> None:
        if shutil.which(name) is None:
            _leave_out(f"needs {name}, which is not installed")

    return require


@pytest.fixture
def require_package() -> Callable[[str], Any]:
    """Import a module, or skip the test when it is missing; in CI that is a failure."""

    def require(name: str) -> Any:
        try:
            return import_module(name)
        except ImportError as error:
            _leave_out(f"needs {name} ({error}), which make setup installs")

    return require


def _leave_out(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"in CI nothing may be skipped: {reason}")
    pytest.skip(reason)


@pytest.fixture
def lint_clean() -> Callable[..., None]:
    """Assert that Verilator and Icarus have nothing to say of the files of a top in a folder."""

    def check(folder: Path, top: str, names: Iterable[str], *options: str) -> None:
        files = list(names)
        lint = ["--lint-only", "-Wall", "--top-module", top, *files]
        assert run("verilator", lint, folder).stderr == ""
        compile_ = ["-g2005", "-Wall", *options, "-s", top, "-o", "core", *files]
        assert run("iverilog", compile_, folder).stderr == ""

    return check


@pytest.fixture
def run_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Run the Python of a page of docs/, block by block, in an empty folder; return its names.

    The folder has what the checkout has beside docs/: `models`, `examples`. A block for which
    `skip` answers yes is left out.
    """

    def execute(
        page: str, skip: Callable[[str], bool] = lambda block: False, **names: Any
    ) -> dict[str, Any]:
        for folder in ("models", "examples"):
            (tmp_path / folder).symlink_to(ROOT / folder)
        monkeypatch.chdir(tmp_path)
        path = ROOT / "docs" / page
        text = path.read_text(encoding="utf-8")
        blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        assert blocks and len(blocks) == text.count("```python")
        for block in blocks:
            if not skip(block):
                exec(compile(block, str(path), "exec"), names)
        return names

    return execute


@pytest.fixture
def picture_is_of_the_page() -> Callable[[str, float], None]:
    """Assert that a picture that was just drawn is the one in docs/images.

    Letters may be drawn a little differently elsewhere; other data would be another picture.
    """

    def compare(name: str, within: float) -> None:
        drawn, shown = image.imread(name), image.imread(ROOT / "docs" / "images" / name)
        assert drawn.shape == shown.shape
        assert np.abs(drawn - shown).mean() < within

    return compare


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


@pytest.fixture(scope="session")
def make_step_outer_network() -> Callable[..., IntegerNetwork]:
    """Make a small integer network of a kind that only the step-outer schedule computes."""
    return _step_outer_network


def _step_outer_network(kind: str, seed: int = 0, steps: int = 10) -> IntegerNetwork:
    """A network 7-9-5 with a random mixture of what its kind asks for; "feed-forward" too.

    Rings of delays hold 8 steps: in 10 steps they come round.
    """
    random = np.random.default_rng(seed)

    def dense(inputs: int, outputs: int, scale: float = 2.0) -> Dense:
        weight = random.normal(0, scale / np.sqrt(inputs), (outputs, inputs))
        return Dense(weight=weight, bias=random.normal(0, 0.2, outputs))

    def recurrent(neuron: Neuron, size: int, scale: float) -> Recurrent:
        weight = random.normal(0, scale / np.sqrt(size), (size, size))
        return Recurrent(neuron=neuron, weight=weight, bias=random.normal(0, 0.1, size))

    layers: list[Any] = [dense(7, 9), Population(neuron=LIF), dense(9, 5), Population(neuron=LIF)]
    if kind == "recurrent":  # the units of what comes in and of own spikes differ both ways
        layers[1], layers[3] = recurrent(LIF, 9, 8.0), recurrent(LIF, 5, 0.1)
    elif kind == "delayed":
        layers[0] = DelayDense(delays=random.integers(0, 4, (9, 7)), **_weights(layers[0]))
        layers[2] = DelayDense(delays=random.integers(0, 7, (5, 9)), **_weights(layers[2]))
        layers[3] = recurrent(LIF, 5, 1.0)
    elif kind == "two neurons":
        beta = random.uniform(0.5, 0.9, 5)
        layers[1] = recurrent(CATALOGUE["ALIF"], 9, 1.0)
        layers[3] = Population(neuron=CATALOGUE["Synaptic"])
        layers += [dense(5, 5), Population(neuron=LIF, parameters={"beta": beta})]
    kinds = {
        "feed-forward": "static",
        "recurrent": "static",
        "spikes": "spikes",
        "membrane": "spikes",
    }
    coding = kinds.get(kind, "sequence")
    is_spikes = coding == "spikes"
    encoding = InputEncoding(
        kind=coding, shape=(7,), bits=1 if is_spikes else 5, fraction_bits=0 if is_spikes else 4
    )
    readout = kind if kind == "membrane" or kind.startswith("first-to") else "spike-count"
    return quantize(
        NetworkDescription(name="tiny", input=encoding, steps=steps, layers=layers, readout=readout)
    )


def _weights(layer: Dense) -> dict[str, Any]:
    return {"weight": layer.weight, "bias": layer.bias}


@pytest.fixture(scope="session")
def make_stack() -> Callable[[int, int], NetworkDescription]:
    """Make a network of every kind of layer from a seed and the number of linear layers."""
    return _stack


def _stack(seed: int, depth: int) -> NetworkDescription:
    """A network of `depth` random linear layers, each followed by random neurons or by nothing."""
    random = np.random.default_rng(seed)
    is_image = random.random() < 0.7
    shape = (2, 8, 7) if is_image else (5,)
    kind = str(random.choice(["static", "sequence", "spikes"]))
    layers: list[Any] = []

    def add(layer: Any) -> None:
        nonlocal shape
        layers.append(layer)
        shape = layer.output_shape(shape)

    def neurons() -> Any:
        neuron = CATALOGUE[str(random.choice(["LIF", "IF", "ALIF", "Synaptic"]))]
        fields: dict[str, Any] = {"neuron": neuron, "parameters": {"threshold": 0.5}}
        if random.random() < 0.5:
            fields["parameters"] = {"threshold": random.uniform(0.3, 1.5, shape[0])}
        for name, parameter in neuron.parameters.items():
            fields["parameters"].setdefault(name, parameter.default)
        if len(shape) == 1 and random.random() < 0.4:
            weight = random.normal(0, 0.5, (shape[0], shape[0]))
            bias = random.normal(size=shape[0]) if random.random() < 0.5 else None
            return Recurrent(weight=weight, bias=bias, **fields)
        return Population(**fields)

    for _ in range(depth):
        bias = random.normal(0, 0.2, 4) if random.random() < 0.7 else None
        if len(shape) == 3 and min(shape[1:]) > 1 and random.random() < 0.75:
            groups = 2 if random.random() < 0.3 else 1
            weight = random.normal(0, 0.4, (4, shape[0] // groups, 2, 3))
            stride, dilation = random.integers(1, 3, (2, 2)).tolist()
            geometry = {"padding": (2, 2), "stride": stride, "dilation": dilation}
            add(Conv2d(weight=weight, bias=bias, groups=groups, **geometry))
            if random.random() < 0.5:
                add(neurons())
            if min(shape[1:]) > 1 and random.random() < 0.6:
                sizes = [(2, 2), (2, 2), (1, 2), (1, 3), (3, 2)]
                sizes = [each for each in sizes if each[0] <= shape[1] and each[1] <= shape[2]]
                pool = MaxPool2d if random.random() < 0.3 else AveragePool2d
                add(pool(size=sizes[random.integers(len(sizes))]))
        else:
            if len(shape) == 3:
                add(Flatten())
            weight = random.normal(0, 2 / np.sqrt(shape[0]), (4, shape[0]))
            if random.random() < 0.5:
                delays = random.integers(0, 5, weight.shape)
                add(DelayDense(weight=weight, delays=delays, bias=bias))
            else:
                add(Dense(weight=weight, bias=bias))
        if random.random() < 0.7:
            add(neurons())
    add(neurons())
    encoding = InputEncoding(
        kind=kind,
        shape=(2, 8, 7) if is_image else (5,),
        bits=1 if kind == "spikes" else 5,
        fraction_bits=0 if kind == "spikes" else 4,
    )
    return NetworkDescription(name="stack", input=encoding, steps=6, layers=layers)
