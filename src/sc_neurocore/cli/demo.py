"""The whole road on real digits: train, streams, integers, Verilog, proofs, bitstream, report."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import ArrayLike, NDArray

from sc_neurocore import __version__
from sc_neurocore.array_types import Integers
from sc_neurocore.cli import options, stages
from sc_neurocore.cli.console import Report, describe_error, exit_code_of, reporting
from sc_neurocore.data.samples import Samples
from sc_neurocore.errors import ToolMissingError
from sc_neurocore.files import inside, write_atomically
from sc_neurocore.fixed.network_comparison import COMPARED_SAMPLES, compare_network
from sc_neurocore.folders import sole_writer
from sc_neurocore.fpga.build import build
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.energy import count_activity
from sc_neurocore.fpga.folder import opened
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.design import Design
from sc_neurocore.kernels.recorded import plain_answers, plain_image, plain_sample
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.kernels.workload import measure_workload
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.network.encoding import WeightEncoding
from sc_neurocore.progress import Progress
from sc_neurocore.report.contents import read_summary
from sc_neurocore.report.html import REPORT_NAME, write_report
from sc_neurocore.report.ladder import ladder
from sc_neurocore.report.tables import ladder_table
from sc_neurocore.tools.catalogue import PROGRAMS
from sc_neurocore.tools.programs import is_available, version
from sc_neurocore.verify.certificate import Certificate, certify, cosimulate_design, prove_design
from sc_neurocore.verify.core_simulation import core_of, simulate_core
from sc_neurocore.verify.cosimulation import CosimulationResult
from sc_neurocore.verify.simulators import SIMULATORS, choose_simulator

DATASET = "digits"
EPOCHS = 10
STEPS = 25
SEED = 0
FORMAT = "Q8.8"
WEIGHT_BITS = 8
LANES = 8
DEVICE = "hx8k"
CLOCK_MHZ = 40.0
STREAM_LENGTH = 256
STREAM_SOURCE = "lfsr"
STREAM_ENCODING: WeightEncoding = "sign-magnitude"
CURVE_LENGTHS = (16, 32, 64, 128, 256, 512, 1024)
CURVE_SOURCES = ("lfsr", "sobol")
NEEDED = ("yosys", "nextpnr-ice40", "icepack", "sby", "z3")


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where everything goes.")] = Path(
        "runs/demo"
    ),
    as_json: options.Json = False,
) -> None:
    """Go the whole road once on real handwritten digits; ends in DIR/report.html.

    Exit code 0 only if every stage held.
    """
    with reporting(as_json) as report:
        _check_tools()
        for name in ("training", "design"):
            inside(out, name)  # no link leads what is written elsewhere
        road = _Road(out, report)
        try:
            with sole_writer(out, "demo"):
                road.go()
        finally:
            if road.seconds:  # a run that did nothing leaves what an earlier one wrote
                road.write()
        table = ladder_table(ladder(read_summary(out)))
        report.result(road.summary, [*table.rows, ("report", (out / REPORT_NAME).as_posix(), "")])
        report.exit_code = road.summary["exit_code"]


def _check_tools() -> None:
    """Name everything that is missing before any work is done."""
    missing = [PROGRAMS[name] for name in NEEDED if not is_available(name)]
    lines = [f"{program.key} ({program.purpose}): {program.remedy}" for program in missing]
    if not any(each.is_available for each in SIMULATORS.values()):
        lines.append(f"a simulator: install a C++ compiler, or {PROGRAMS['verilator'].remedy}")
    if lines:
        raise ToolMissingError("the demo needs what is not installed: " + "; ".join(lines))


@dataclass
class _Road:
    """Goes from stage to stage; collects the summary and what the figures are drawn from."""

    out: Path
    report: Report
    summary: dict[str, Any] = field(default_factory=lambda: {"name": DATASET, "exit_code": 1})
    results: dict[str, Any] = field(default_factory=dict)
    classes: dict[str, Integers] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def go(self) -> None:
        """Run the stages in order; one that cannot finish ends the road."""
        began = time.perf_counter()
        folder = self.out / "design"
        with self.stage("train"):
            description, data = self.train()
        with self.stage("simulate"):
            reference = self.simulate(description, data)
        with self.stage("compile"):
            compile_design(description, folder, FORMAT, WEIGHT_BITS, LANES)
        with opened(folder) as design:
            certificate = self.check_and_build(design, data, reference)
        self.seconds["total"] = round(time.perf_counter() - began, 2)
        self.summary["exit_code"] = 0 if certificate.holds else 1

    def check_and_build(self, design: Design, data: Samples, reference: Integers) -> Certificate:
        """Go on from the design: integers, co-simulation, proofs, bitstream."""
        with self.stage("quantize"):
            self.quantize(design, data, reference)
        inputs = data.inputs.reshape(len(data), -1)
        with self.stage("cosimulate"):
            runs = cosimulate_design(design, inputs, progress=self.report.progress)
            self.compare(runs[0])
            self.show_sample(design, data)
        with self.stage("prove"):
            proofs = prove_design(design, self.report.progress)
            self.summary["proofs"] = [proof.as_dict() for proof in proofs]
            certificate = certify(design, runs, proofs, inputs, data.origin)
            self.summary["verdict"] = certificate.verdict
        with self.stage("build"):
            self.build(design, inputs, runs[0].cycles_per_sample)
        return certificate

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; note why it did not finish."""
        began = time.perf_counter()
        try:
            yield
        except BaseException as error:
            self.problems[name] = describe_error(error)
            self.summary["exit_code"] = exit_code_of(error)
            raise
        self.seconds[name] = round(time.perf_counter() - began, 2)

    def train(self) -> tuple[NetworkDescription, Samples]:
        """Train, or take the finished run that is there; measure on the test split, once."""
        from sc_neurocore.training import RunOptions, TrainingOptions, train_run

        folder = self.out / "training"
        chosen = RunOptions(training=TrainingOptions(epochs=EPOCHS, steps=STEPS, seed=SEED))
        run = train_run(DATASET, folder, chosen, self.report.progress)
        description = run.description
        self.summary["name"] = description.name
        self.summary["content_hash"] = description.content_hash
        data = Samples.of(stages.test_part(description), True)
        inputs, _ = stages.integers_of(data, COMPARED_SAMPLES)
        costs = measure_workload(description, inputs)
        self.summary["train"] = {**run.summary(), "neurobench": costs.as_dict()}
        self.results["history"] = run.history()
        return description, data

    def simulate(self, description: NetworkDescription, data: Samples) -> Integers:
        """Classify with bitstreams of many lengths; return the floating-point classes."""
        reference = stages.evaluate_float(description, data)
        streams, classes = stages.simulate_streams(
            description, data, STREAM_LENGTH, STREAM_SOURCE, STREAM_ENCODING
        )
        curve = []
        for source in CURVE_SOURCES:
            for length in CURVE_LENGTHS:
                point, _ = stages.simulate_streams(
                    description, data, length, source, STREAM_ENCODING
                )
                curve.append({key: point[key] for key in ("source", "length", "accuracy")})
                done = len(curve)
                total = len(CURVE_SOURCES) * len(CURVE_LENGTHS)
                self.report.progress(
                    Progress("bitstreams", done, total, f"{source}, {length} bits")
                )
        self.summary["sc"] = {**streams, "curve": curve}
        self.classes = {"float": reference, "sc": classes}
        return reference

    def quantize(self, design: Design, data: Samples, reference: Integers) -> None:
        """Classify with the integers of the hardware; say what became of the numbers."""
        network = design.network
        fixed, classes = stages.evaluate_integers(network, data, reference, self.report.progress)
        assert data.labels is not None  # those of the digits
        self.results |= plain_answers(
            design.description.input,
            data.network_inputs(),
            data.labels,
            {**self.classes, "integers": classes},
            design.description.outputs,
        )
        inputs, origin = stages.integers_of(data, COMPARED_SAMPLES)
        both = compare_network(design.description, network, inputs, origin)
        self.summary["fixed"] = {
            **fixed,
            "compared_samples": both.samples,
            "spike_agreement": both.spike_agreement,
            "mean_state_error": both.mean_state_error,
        }

    def compare(self, run: CosimulationResult) -> None:
        """Note what the RTL computed; its classes are the integers' where none differed."""
        self.summary["cosim"] = stages.cosimulation_summary(run)
        if not run.class_mismatches:
            predictions = self.results["predictions"]
            predictions["rtl"] = predictions["integers"]

    def show_sample(self, design: Design, data: Samples) -> None:
        """Record one sample in floating point, in integers and in the RTL, for the figures."""
        network = design.network
        frame = data.inputs[:1].reshape(1, -1)
        assert data.labels is not None  # those of the digits
        label = int(data.labels[0])
        floats = run_float(design.description, data.inputs[:1], record=True)
        integers = network.run(frame, record=True)
        state = network.program.neuron.membrane
        form = network.program.fixed_point.of(state)
        last = len(network.layers) - 1
        rtl = _trace_neuron(design.accelerator, frame, last, label, state)

        def trace(values: np.ndarray[Any, Any]) -> list[float]:
            return [float(value) for value in values[:, 0, label]]

        image = plain_image(design.description.input, data.network_inputs(), 0)
        assert image is not None  # a digit is small
        membranes = [form.to_float(states[state]) for states in integers.states]
        sample = plain_sample(image, 0, label, integers.spikes, membranes)
        assert sample is not None
        self.results["sample"] = {
            **sample,
            "membrane": {
                "layer": last,
                "neuron": label,
                "float": trace(floats.states[last][state]),
                "integers": trace(form.to_float(integers.states[last][state])),
                "rtl": form.to_float(rtl).tolist(),
                "threshold": network.program.folded.get("threshold"),
            },
        }

    def build(self, design: Design, inputs: NDArray[Any], cycles: float) -> None:
        """Synthesise, place, route and pack; estimate the energy."""
        built = build(design, DEVICE, frequency_mhz=CLOCK_MHZ, progress=self.report.progress)
        geometry = design.accelerator.geometry
        activity = count_activity(design.network, geometry, inputs)
        folder = Path(design.name).relative_to(self.out)
        self.summary["fpga"] = stages.build_summary(built, folder, cycles, activity)

    def write(self) -> None:
        """Write summary.json, results.json and report.html, also of a road that ended early."""
        self.summary["seconds"] = self.seconds
        self.summary["problems"] = self.problems
        self.summary["environment"] = _environment()
        for name, content in (("summary.json", self.summary), ("results.json", self.results)):
            text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            write_atomically(self.out / name, text.encode())
        write_report(self.out)


def _trace_neuron(
    accelerator: Accelerator, frame: ArrayLike, layer: int, neuron: int, state: str
) -> NDArray[np.int64]:
    """Return one neuron's state after each step, as the RTL's trace port shows it."""
    simulation = simulate_core(core_of(accelerator), choose_simulator("auto"))
    updates = simulation.run(np.asarray(frame, dtype=np.int64)).updates
    column = [each.name for each in accelerator.states[layer]].index(state)
    here = np.flatnonzero((updates.layer == layer) & (updates.neuron == neuron))
    in_time: NDArray[np.int64] = updates.states[here[np.argsort(updates.step[here])], column]
    return in_time


def _environment() -> dict[str, str]:
    programs = (*NEEDED, "verilator", "iverilog", "c++")
    return {
        "sc_neurocore": __version__,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("torch", "numpy", "numba")},
        **{name: version(name) for name in programs if is_available(name)},
        "machine": f"{platform.system()} {platform.machine()}, {platform.processor() or 'CPU'}",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
