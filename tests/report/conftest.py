"""A run as the demonstration leaves it: figures of a plausible size, and one simulated sample."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

STEPS = 25
# A handwritten three of 8x8 pixels, 0 to 16.
THREE = """
    0  0  7 15 13  1  0  0
    0  8 13  6 15  4  0  0
    0  2  1 13 13  0  0  0
    0  0  2 15 11  1  0  0
    0  0  0  1 12 12  1  0
    0  0  0  0  1 10  8  0
    0  0  8  4  5 14  9  0
    0  0  7 13 13  9  0  0
"""


def make_summary() -> dict[str, Any]:
    bits = [16, 32, 64, 128, 256, 512]
    accuracies = {
        "lfsr": [0.5139, 0.8111, 0.925, 0.9528, 0.9611, 0.9667],
        "sobol": [0.7861, 0.9278, 0.9583, 0.9639, 0.9694, 0.9722],
    }
    curve = [
        {"source": source, "length": length, "accuracy": accuracy}
        for source, series in accuracies.items()
        for length, accuracy in zip(bits, series, strict=True)
    ]
    return {
        "name": "digits",
        "content_hash": "3f9c" * 16,
        "exit_code": 0,
        "seconds": {
            "train": 18.42,
            "simulate": 61.7,
            "quantize": 0.84,
            "compile": 0.31,
            "cosimulate": 9.6,
            "prove": 41.3,
            "build": 97.2,
            "total": 229.37,
        },
        "train": {
            "dataset": "digits",
            "accuracy": 0.9722,
            "float_test_size": 360,
            "epochs": 10,
            "steps": STEPS,
            "seed": 0,
            "architecture": "64-128-10",
            "parameters": 9610,
            "neurobench": {
                "footprint": 38504,
                "connection_sparsity": 0.0,
                "activation_sparsity": 0.875,
                "effective_macs": 4100.5,
                "effective_acs": 3900.25,
                "dense_operations": 40192.0,
                "samples": 64,
            },
        },
        "sc": {
            "length": 256,
            "source": "sobol",
            "encoding": "sign-magnitude",
            "accuracy": 0.9694,
            "test_size": 360,
            "curve": curve,
        },
        "fixed": {
            "format": "Q8.8",
            "weight_bits": 8,
            "accuracy": 0.975,
            "test_size": 360,
            "agreement": 0.9917,
            "compared_samples": 32,
            "spike_agreement": 0.986,
            "mean_state_error": 0.0003,
        },
        "cosim": {
            "simulator": "verilator",
            "version": "5.006",
            "samples": 360,
            "steps": STEPS,
            "updates": 1242000,
            "spike_mismatches": 0,
            "state_mismatches": 0,
            "class_mismatches": 0,
            "count_mismatches": 0,
            "cycles_per_sample": 21408.5,
            "seconds": 9.6,
        },
        "proofs": [
            {
                "name": "lif_step computes the integer evaluator's LIF",
                "status": "proved",
                "engine": "z3 4.15.4",
                "seconds": 1.93,
                "detail": "spike and v_next, for all 16-bit states and all 20-bit currents",
                "assumptions": ["Yosys translates the Verilog to SMT-LIB as Verilog means it"],
            },
            {
                "name": "done exactly once per start",
                "status": "proved",
                "engine": "SymbiYosys, smtbmc z3, k-induction",
                "seconds": 38.6,
                "detail": "",
                "assumptions": ["start is low while busy", "reset is held for one clock"],
            },
        ],
        "fpga": {
            "device": "hx8k",
            "luts": 2871,
            "flip_flops": 1204,
            "brams": 27,
            "logic_cells": 3112,
            "available": {"logic_cells": 7680, "brams": 32},
            "fmax_mhz": 58.37,
            "bitstream": "design/build/hx8k/digits.bin",
            "latency_us": 366.8,
            "energy": {
                "operations_nj": 12.34,
                "fpga_nj": 172.8,
                "basis": "estimate: counted operations",
                "samples_per_second": 2726.0,
                "dynamic_mw": 0.471,
            },
        },
        "environment": {
            "python": "3.11.7",
            "torch": "2.13.0",
            "yosys": "0.66",
            "nextpnr-ice40": "0.10",
            "verilator": None,
            "machine": "x86_64, 2 processors",
            "date": "2026-11-01",
        },
    }


def make_results() -> dict[str, Any]:
    generator = np.random.default_rng(7)
    labels = generator.integers(0, 10, 360)
    integers = labels.copy()
    wrong = generator.choice(360, 9, replace=False)
    integers[wrong] = (labels[wrong] + generator.integers(1, 10, 9)) % 10
    floats = integers.copy()
    floats[wrong[0]] = (labels[wrong[0]] + 5) % 10
    stochastic = integers.copy()
    stochastic[[3, 5]] = (labels[[3, 5]] + 1) % 10
    return {
        "history": [
            {"epoch": epoch, "loss": 1.9 * 0.62**epoch + 0.08, "accuracy": 1 - 0.45 * 0.6**epoch}
            for epoch in range(1, 11)
        ],
        "labels": labels.tolist(),
        "predictions": {
            "float": floats.tolist(),
            "sc": stochastic.tolist(),
            "integers": integers.tolist(),
            "rtl": integers.tolist(),
        },
        "sample": _sample(generator),
        "mistakes": [
            {"index": int(each), "label": int(labels[each]), "given": int(integers[each])}
            | {"image": [int(pixel) for pixel in THREE.split()], "shape": [8, 8]}
            for each in sorted(wrong)
        ],
        "class_names": [str(digit) for digit in range(10)],
    }


def _sample(generator: np.random.Generator) -> dict[str, Any]:
    """Drive 128 and 10 neurons that leak 0.9 and fire at 1, and round the state for integers."""
    hidden_current = generator.normal(0.1, 0.16, 128)
    weights = generator.normal(-0.01, 0.16, (10, 128))
    weights[3] += 0.06
    hidden_state, output_state = np.zeros(128), np.zeros(10)
    spikes: list[list[list[int]]] = [[], []]
    trace = []
    states: list[list[list[float]]] = [[], []]
    for step in range(STEPS):
        hidden_state = 0.9 * hidden_state + hidden_current
        hidden_fired = hidden_state >= 1
        hidden_state -= hidden_fired
        output_state = np.floor((0.9 * output_state + weights @ hidden_fired) * 256) / 256
        output_fired = output_state >= 1
        output_state -= output_fired
        spikes[0] += [[step, int(neuron)] for neuron in np.flatnonzero(hidden_fired)]
        spikes[1] += [[step, int(neuron)] for neuron in np.flatnonzero(output_fired)]
        trace.append(float(output_state[3]))
        states[0].append(hidden_state.round(4).tolist())
        states[1].append(output_state.tolist())
    drift = generator.normal(0.012, 0.006, STEPS)
    return {
        "index": 17,
        "label": 3,
        "image": [int(pixel) for pixel in THREE.split()],
        "shape": [8, 8],
        "spikes": spikes,
        "layer_sizes": [128, 10],
        "steps": STEPS,
        "states": states,
        "membrane": {
            "layer": 1,
            "neuron": 3,
            "float": [value + error for value, error in zip(trace, drift, strict=True)],
            "integers": trace,
            "rtl": trace,
        },
    }


@pytest.fixture
def summary() -> dict[str, Any]:
    """Return what summary.json holds after a run in which every stage held."""
    return make_summary()


@pytest.fixture
def results() -> dict[str, Any]:
    """Return what results.json holds after the same run."""
    return make_results()


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Write a run's folder; a file whose content is None is left out."""

    def write(summary: dict[str, Any] | None, results: dict[str, Any] | None = None) -> Path:
        for name, content in (("summary", summary), ("results", results)):
            if content is not None:
                (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
        return tmp_path

    return write
