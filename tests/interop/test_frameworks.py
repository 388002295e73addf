"""Networks of five frameworks, with the options that change what neurons do: the same spikes.

`make_framework_golden.py` asked the frameworks; those that are installed are asked here again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sc_neurocore.fixed import quantize
from sc_neurocore.interop import differences, from_nir, read_nir, to_nir
from sc_neurocore.kernels.inference import NetworkRun
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import NetworkDescription

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "golden" / "frameworks.json").read_text())
ROWS = {f"{row['framework']}, {row['name']}": row for row in GOLDEN["runs"]}


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


runs = load("framework_runs")


def counts(description: NetworkDescription, run: NetworkRun) -> NDArray[Any]:
    """How often each of the last neurons fired in each step."""
    if description.readout == "membrane":  # which adds up several neurons for each
        return run.states[-1]["v"]
    return run.spikes[-1]


def digest(values: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).astype(np.uint8).tobytes()).hexdigest()


def read(row: dict[str, Any], folder: Path, **changes: Any) -> NetworkDescription:
    path = folder / "network.nir"
    with zipfile.ZipFile(HERE / "golden" / "frameworks.zip") as archive:
        path.write_bytes(archive.read(row["file"]))
    return read_nir(path, steps=runs.STEPS, **(row["options"] | changes))


@pytest.mark.parametrize("name", ROWS)
def test_the_same_spikes_as_the_framework(name: str, tmp_path: Path) -> None:
    row = ROWS[name]
    description = read(row, tmp_path)
    found = counts(description, run_float(description, runs.inputs(), record=True))
    assert found.mean() > 0.02
    assert row["most"] <= row["options"].get("spikes", 1)
    assert (int(found.sum()), digest(found)) == (row["spikes"], row["sha256"])


LIVE = [
    (framework, name)
    for framework in runs.FRAMEWORKS
    if importlib.util.find_spec(framework) is not None
    for name in runs.FRAMEWORKS[framework]()
]


@pytest.mark.parametrize(("framework", "name"), LIVE)
def test_the_same_spikes_as_the_framework_that_is_installed(framework: str, name: str) -> None:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        run = runs.FRAMEWORKS[framework]()[name]()
    description = from_nir(run.graph, steps=runs.STEPS, **run.options)
    found = counts(description, run_float(description, runs.inputs(), record=True))
    np.testing.assert_array_equal(found, run.spikes)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("snntorch, Leaky", {"reset": "subtract"}),
        ("snntorch, Leaky", {"reset": "subtract-unless-above"}),
        ("snntorch, Leaky, subtract, no delay", {"reset": "subtract"}),
        ("snntorch, Synaptic, zero", {"reset": "value"}),
        ("norse, LIFCell", {"framework": None}),
        ("norse, IAFCell", {"framework": None, "trust_dt": True}),
        ("sinabs, IAF, SingleSpike", {"fires": "above"}),
        ("sinabs, IAF, ties", {"spikes": 1}),
        ("sinabs, IAF, min_v_mem", {"floor": None}),
        ("sinabs, LIF, SingleSpike, norm_input=False", {"gain": "file"}),
        ("spikingjelly, LIFNode, ties", {"fires": "above"}),
        ("rockpool, LIFTorch", {"method": "euler"}),
    ],
)
def test_each_choice_matters(name: str, changes: dict[str, Any], tmp_path: Path) -> None:
    row = ROWS[name]
    description = read(row, tmp_path, **changes)
    found = counts(description, run_float(description, runs.inputs(), record=True))
    assert digest(found) != row["sha256"]


@pytest.mark.parametrize("name", ROWS)
def test_integers_do_what_floats_do(name: str, tmp_path: Path) -> None:
    description = read(ROWS[name], tmp_path)
    inputs = runs.inputs()[:, :50]
    floats = run_float(description, inputs, record=True)
    integers = quantize(description, "Q12.16", 12).run(inputs, record=True)
    scale = 2.0**16 if description.readout == "membrane" else 1
    a, b = counts(description, floats), counts(description, integers) / scale
    assert np.minimum(a, b).sum() / np.maximum(a, b).sum() > 0.9


@pytest.mark.parametrize("name", ROWS)
def test_what_came_in_goes_out_and_comes_back(name: str, tmp_path: Path) -> None:
    description = read(ROWS[name], tmp_path)
    is_nirs = description.metadata["nir_reset"] == "value" and ROWS[name]["framework"] in (
        "norse",
        "snntorch",
    )
    assert bool(differences(description)) != is_nirs
    again = from_nir(to_nir(description, allow_differences=True))
    assert again == description


def test_frameworks_with_several_spikes_in_a_step_must_say_how_many(tmp_path: Path) -> None:
    for framework in ("sinabs", "rockpool"):
        row = next(row for row in GOLDEN["runs"] if row["framework"] == framework)
        with pytest.raises(ValueError, match="say how often a neuron fires in one step, at most"):
            read(row, tmp_path, spikes=None)
