"""The stages of the road, each as one call that returns what the summary says of it.

The single commands and the demo run the same functions.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.array_types import Integers
from sc_neurocore.cli.options import scale_of
from sc_neurocore.data.catalogue import load_unseen, split_from_metadata
from sc_neurocore.data.dataset import Dataset
from sc_neurocore.data.samples import Samples, load_samples, random_samples
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.parser import parse_neuron
from sc_neurocore.errors import DataError, EquationError, UserError
from sc_neurocore.files import inside
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.network_comparison import COMPARED_SAMPLES
from sc_neurocore.fpga.build import BuildReport
from sc_neurocore.fpga.energy import Activity, estimate_energy
from sc_neurocore.hdl.manifest import MANIFEST, NEURON_MANIFEST
from sc_neurocore.interop.importing import NIR_SUFFIX, read_nir
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.network.encoding import WeightEncoding
from sc_neurocore.network.storage import JSON_NAME, load_description
from sc_neurocore.progress import ProgressCallback, ignore_progress
from sc_neurocore.verify.cosimulation import CosimulationResult

RANDOM_SAMPLES = 100
_STATES_COMPARED = 1 << 21
"""So many states at most: `compile` compares too, and is not to take most of its time for it."""


def find_network(run: Path) -> NetworkDescription:
    """Load the network of a run folder, of a demo's folder, a saved description, or a .nir file.

    Raises:
        UserError: If there is none, or it is damaged.
    """
    if not run.exists():
        raise UserError(
            f"{run}: no such file or folder; expected the folder of a run or of a saved network, "
            f"or a file *{NIR_SUFFIX}"
        )
    if (run / NEURON_MANIFEST).exists():
        raise UserError(
            f"{run} is a compiled neuron, no network: verify proves it, build places it, report "
            f"shows it; compile and compare take its equations"
        )
    if is_neuron(run):
        raise UserError(
            f"{run} is no network: expected a run's folder, that of a saved network, or a file "
            f"*{NIR_SUFFIX}. A file of one neuron's equations is for compile and compare"
        )
    if run.suffix == NIR_SUFFIX:
        return read_nir(run)
    inner = run / "training"
    is_demo = not (run / JSON_NAME).exists() and (inner / JSON_NAME).exists()
    return load_description(inner if is_demo else run)


def read_neuron(source: Path) -> Neuron:
    """Read a neuron's equations.

    Raises:
        UserError: If the file is not text, or no neuron, with the file's name.
    """
    try:
        return parse_neuron(source.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise UserError(f"{source}: not UTF-8 text; expected a neuron's equations") from None
    except EquationError as error:
        raise EquationError(f"{source}: {error}") from None


def is_neuron(source: Path) -> bool:
    """Whether a path is one neuron's equations rather than a network."""
    return source.is_file() and source.name != JSON_NAME and source.suffix != NIR_SUFFIX


def find_samples(
    description: NetworkDescription,
    dataset: str | None = None,
    data: Path | None = None,
    scale: str | None = None,
    samples: int = 0,
) -> Samples:
    """Return what a network is asked about.

    Args:
        description: The network.
        dataset: A data set by name: its test part where it has a fixed one, else all of it.
        data: The user's own file, in place of a data set.
        scale: What a number 1 in that file is worth to the network.
        samples: At most so many; 0: all there are, or `RANDOM_SAMPLES` random ones for a network
            that does not name its data, where nothing else is named.

    Raises:
        DataError: If the data do not fit the network.
        UserError: If two are named, or a scale without a file.
    """
    if data is not None and dataset is not None:
        raise UserError("--data and --dataset: give one of them")
    if data is None and scale is not None:
        raise UserError("--scale says what numbers in the file of --data are worth: give that too")
    if data is not None:
        return load_samples(data, description, scale_of(scale)).first(samples)
    if dataset is None and "dataset" not in description.metadata:
        return random_samples(description, samples or RANDOM_SAMPLES)
    own = description.metadata.get("dataset")
    part = test_part(description, dataset)
    return Samples.of(part, None if own is None else True).first(samples)


def samples_or_random(
    description: NetworkDescription, data: Path | None, scale: str | None, samples: int
) -> Samples:
    """Return samples to compare floats and integers on: random ones where its own are not here."""
    try:
        return find_samples(description, None, data, scale, samples)
    except DataError:
        if data is not None:
            raise
        return random_samples(description, samples)


def compared_samples(description: NetworkDescription) -> int:
    """Return how many samples are compared: fewer of a network that has many states."""
    neurons = sum(math.prod(stage.shape) for stage in description.stages())
    most = _STATES_COMPARED // (description.steps * neurons)
    return max(1, min(COMPARED_SAMPLES, most))


def integers_of(samples: Samples, count: int = 0) -> tuple[NDArray[np.int64], str]:
    """Return the first samples as networks read them, and what they are."""
    inputs = np.asarray(samples.first(count).network_inputs(), dtype=np.int64)
    return inputs, samples.origin


def find_design(directory: Path) -> Path:
    """Return the design folder: the one given, or the one inside a demo's folder.

    Raises:
        UserError: If it is the folder of a neuron, which has no inputs and outputs of its own.
    """
    if (directory / MANIFEST).exists():
        return directory
    if (directory / NEURON_MANIFEST).exists():
        raise UserError(
            f"{directory} is a compiled neuron, a module to stand in a design, and no network: "
            f"verify proves it, and build places it by itself; to run one, compile a network "
            f"whose layers have this neuron, and give that folder"
        )
    inner = inside(directory, "design")
    return inner if (inner / MANIFEST).exists() else directory


def test_part(description: NetworkDescription, dataset: str | None = None) -> Dataset:
    """Return the samples that the network was not trained on.

    Args:
        description: Its metadata says what it was trained on.
        dataset: Another data set: its test part where it has a fixed one, else all of it.

    Raises:
        DataError: If the metadata names no split, or the data do not fit the network.
    """
    own = description.metadata.get("dataset")
    if dataset is None or dataset == own:
        part = split_from_metadata(description.metadata).test
    else:
        part = load_unseen(dataset)
    part = part.shaped(description.input.shape)
    encoder, seed = (description.metadata.get(name) for name in ("encoder", "encoder_seed"))
    if isinstance(encoder, str) and isinstance(seed, int):
        from sc_neurocore.training.assembly import encoded_dataset

        part = encoded_dataset(part, encoder, description.steps, seed)
    if part.encoding != description.input:
        raise DataError(
            f"{part.name} does not fit {description.name}: it has {part.encoding}, the network "
            f"takes {description.input}"
        )
    return part


def percent(share: float | None) -> str:
    """Return a share of right answers for people."""
    return "not known: the samples have no labels" if share is None else f"{share:.2%}"


def evaluate_float(description: NetworkDescription, data: Samples) -> Integers:
    """Classify in floating point."""
    return run_float(description, data.network_inputs()).classes


def simulate_streams(
    description: NetworkDescription,
    data: Samples,
    length: int,
    source: str,
    encoding: WeightEncoding,
    progress: ProgressCallback = ignore_progress,
) -> tuple[dict[str, Any], Integers]:
    """Classify with stochastic bitstreams."""
    from sc_neurocore.stochastic.inference import run_network  # numba takes half a second to begin

    run = run_network(
        description, data.network_inputs(), length, source, encoding, progress=progress
    )
    summary = {
        "length": length,
        "source": source,
        "encoding": encoding,
        "accuracy": data.accuracy(run.classes),
        "test_size": len(data),
    }
    return summary, run.classes


def evaluate_integers(
    network: IntegerNetwork,
    data: Samples,
    reference: Integers,
    progress: ProgressCallback = ignore_progress,
) -> tuple[dict[str, Any], Integers]:
    """Classify with the integers of the hardware; `reference` are the floating-point classes."""
    run = network.run(data.network_inputs(), progress=progress)
    summary = {
        "format": network.fixed_point.text,
        "weight_bits": max(network.weight_bits, default=0),
        "accuracy": data.accuracy(run.classes),
        "test_size": len(data),
        "agreement": float((run.classes == reference).mean()),
    }
    return summary, run.classes


def cosimulation_summary(result: CosimulationResult) -> dict[str, Any]:
    """Return what the summary says of a co-simulation."""
    return {**asdict(result), "seconds": round(result.seconds, 2)}


def build_summary(
    report: BuildReport, folder: Path, cycles: float, activity: Activity
) -> dict[str, Any]:
    """Return what the summary says of a build, its paths relative to the summary's folder."""
    fmax = report.fmax_mhz
    return {
        "device": report.device,
        "luts": report.luts,
        "flip_flops": report.flip_flops,
        "logic_cells": report.logic_cells,
        "brams": report.brams,
        "available": {name: report.available[name] for name in ("logic_cells", "brams")},
        "fmax_mhz": None if fmax is None else round(fmax, 2),
        "frequency_mhz": report.frequency_mhz,
        "latency_us": round(cycles / fmax, 2) if fmax else None,
        "bitstream": (folder / report.bitstream).as_posix() if report.bitstream else None,
        "layout": (folder / report.layout).as_posix() if report.layout else None,
        "energy": estimate_energy(activity, cycles, fmax).as_dict(),
        "seconds": report.seconds,
    }
