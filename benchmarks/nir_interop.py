"""NIR: how fast files are read, a trace beside its closed form, other importers and integers.

    pip install norse spikingjelly
    pip install --no-deps sinabs        # it asks for drivers of chips and an older nir
    SC_NEUROCORE_DATA=../shared/data python benchmarks/nir_interop.py

The graphs, their inputs, and what was set right in other importers are those of tests/interop.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from _results import Target, write_results

from sc_neurocore.data.files import DATA_VARIABLE
from sc_neurocore.fixed import quantize
from sc_neurocore.fixed.choosing import CLOSE_TARGET, choose_for_network
from sc_neurocore.fixed.network_comparison import compare_network
from sc_neurocore.interop import from_nir, read_nir
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import InputEncoding, NetworkDescription

TESTS = Path(__file__).parent.parent / "tests" / "interop"
READINGS = 9
DAMAGED = 2000
PATIENCE = 20
CURRENT = 1 / 8
TAU, DT, STEPS = 2.5e-3, 1e-4, 38  # before the first spike


def import_times(folder: Path) -> list[dict[str, Any]]:
    """Read both files of other frameworks, several times."""
    rows = []
    for name, dt in (("lif_norse.nir", DT), ("cnn_sinabs.nir", 1.0)):
        seconds = []
        for _ in range(READINGS):
            before = time.perf_counter()
            description = read_nir(folder / name, dt=dt, steps=4)
            seconds.append(time.perf_counter() - before)
        weights = sum(getattr(layer, "weight", np.empty(0)).size for layer in description.layers)
        rows.append(
            {
                "file": name,
                "kilobytes": round((folder / name).stat().st_size / 1000),
                "layers": len(description.layers),
                "weights": weights,
                "read_seconds": round(statistics.median(seconds), 4),
                "slowest_read_seconds": round(max(seconds), 4),
            }
        )
    return rows


def traces(folder: Path) -> list[dict[str, Any]]:
    """Compare the neuron of lif_norse.nir under a constant current with its closed form."""
    closed = CURRENT * (1 - np.exp(-DT * np.arange(1, STEPS + 1) / TAU))
    rows = []
    for method in ("euler", "exponential-euler"):
        description = read_nir(
            folder / "lif_norse.nir",
            dt=DT,
            steps=100,
            method=method,
            input=InputEncoding(shape=(1,), bits=4, fraction_bits=3),
        )
        run = run_float(description, np.array([[1]]), record=True)
        threshold = float(description.layers[-1].parameters["v_threshold"])
        error = float(np.abs(run.states[-1]["v"][:STEPS, 0, 0] - closed).max())
        rows.append(
            {
                "rule": method,
                "largest_error": float(f"{error:.3g}"),
                "percent_of_threshold": float(f"{100 * error / threshold:.3g}"),
                "first_spike_at_step": int(run.spikes[-1].argmax()) + 1,
                "in_continuous_time": round(-TAU / DT * float(np.log(1 - threshold / CURRENT)), 2),
            }
        )
    return rows


def spikes(description: NetworkDescription, inputs: Any) -> Any:
    """Spikes of the last neurons, (steps, inputs, neurons)."""
    last = run_float(description, inputs, record=True).spikes[-1]
    return last.reshape(*last.shape[:2], -1)


def oracles() -> list[dict[str, Any]]:
    """Compare our importer with others', on the same random inputs."""
    import torch
    from make_golden import GOLDEN, PEERS, digest
    from peer_graphs import cases, exported_inputs

    torch.set_default_dtype(torch.float64)
    golden = json.loads(GOLDEN.read_text())
    rows = []
    for name, case in cases().items():
        found = spikes(from_nir(case.graph(), steps=case.steps, **case.options), case.inputs())
        for peer in case.peers:
            wanted = PEERS[peer](case).reshape(found.shape)
            rows.append(_agreement(name, peer, (found == wanted).all(axis=(0, 2)), found))
    for peer, answer in golden["exported"].items():
        description = read_nir(TESTS / "golden" / f"{peer}.nir", steps=25, **answer["options"])
        found = spikes(description, exported_inputs(tuple(answer["shape"])))
        same = np.full(found.shape[1], digest(found) == answer["sha256"])
        rows.append(_agreement(f"exported by {peer}", peer, same, found))
    return rows


def integers(folder: Path) -> list[dict[str, Any]]:
    """Compare the integers that are chosen for others' files with floats, on inputs not seen then.

    The choice is that of the command line where nothing is named.
    """
    from _conv_networks import recording, streams
    from test_real_files import FILES, random_inputs
    from test_real_files import STEPS as steps

    rows = []
    for name, (dt, samples, bits) in FILES.items():
        shape = read_nir(folder / f"{name}.nir", dt=dt, steps=steps).input.shape
        seen, fresh = (random_inputs(shape, samples, bits, seed) for seed in (8, 9))
        rows.append(_integers(folder / f"{name}.nir", dt, bits, seen, fresh, "random spikes"))
    drawn, real = np.stack([*streams(50)], axis=1), recording()[:, np.newaxis]
    path = folder / "cnn_sinabs.nir"
    for shown, said in ((real, "an N-MNIST recording"), (drawn[:, 1::2], "drawn spots and noise")):
        rows.append(_integers(path, 1.0, 1, drawn[:, ::8], shown, said))
    return rows


def _integers(path: Path, dt: float, bits: int, seen: Any, fresh: Any, said: str) -> dict[str, Any]:
    """Choose the integers on inputs that are seen, and compare them on fresh ones."""
    coding = InputEncoding(kind="sequence", shape=seen.shape[2:], bits=bits, fraction_bits=0)
    description = read_nir(path, dt=dt, steps=len(seen), input=coding)
    chosen = choose_for_network(description, seen, said, None, target=CLOSE_TARGET)
    assert chosen.weight_bits is not None
    formats = chosen.formats
    constants = formats.constant_fraction_bits
    network = quantize(description, formats.text, chosen.weight_bits, constant_bits=constants)
    found = compare_network(description, network, fresh, said)
    row = {
        "file": path.name,
        "neurons": ", ".join(sorted({each.program.neuron.name for each in network.layers})),
        "on": said,
        "format": formats.text,
        "weight_bits": chosen.weight_bits,
        "inputs": found.samples,
        "steps": len(seen),
        "spikes": found.spikes_float,
        "equal_spikes_percent": round(100 * found.equal_spikes, 3),
        "same_class_percent": round(100 * found.same_answer, 2),
    }
    print(row, file=sys.stderr)
    return row


def _agreement(graph: str, peer: str, same: Any, found: Any) -> dict[str, Any]:
    row = {
        "graph": graph,
        "framework": f"{peer} {importlib.metadata.version(peer)}",
        "steps": len(found),
        "inputs": same.size,
        "inputs_with_equal_spikes": int(same.sum()),
        "spikes": int(found.sum()),
    }
    print(row, file=sys.stderr)
    return row


def damaged_files(folder: Path) -> list[dict[str, Any]]:
    """Count what becomes of damaged copies of a file, in a process of its own for each."""
    from damaged_files import damaged

    content = (folder / "lif_norse.nir").read_bytes()

    def library(path: Path) -> None:
        with h5py.File(path) as file:
            file.visititems(lambda _, item: item[()] if isinstance(item, h5py.Dataset) else None)

    def ours(path: Path) -> None:
        read_nir(path, dt=DT, steps=3)

    rows = []
    readers = {f"HDF5 {h5py.version.hdf5_version}": library, "sc_neurocore": ours}
    for reader, read in readers.items():
        ends = []
        with tempfile.TemporaryDirectory() as place:
            for seed in range(DAMAGED):
                path = Path(place) / "damaged.nir"
                path.write_bytes(damaged(content, seed))
                ends.append(_end(read, path))
        rows.append(
            {
                "reader": reader,
                "damaged_files": DAMAGED,
                "read": ends.count("read"),
                "refused": ends.count("refused"),
                "crashed": ends.count("crashed"),
                f"no_answer_in_{PATIENCE}_seconds": ends.count("hung"),
            }
        )
    return rows


def _end(read: Callable[[Path], None], path: Path) -> str:
    """Return how a process that reads a file ends."""
    child = os.fork()
    if not child:
        signal.alarm(PATIENCE)
        try:
            read(path)
        except Exception:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "hung" if os.WTERMSIG(status) == signal.SIGALRM else "crashed"
    return "refused" if os.WEXITSTATUS(status) else "read"


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    if DATA_VARIABLE not in os.environ:
        sys.exit(f"set {DATA_VARIABLE} to a folder with nir/lif_norse.nir and nir/cnn_sinabs.nir")
    sys.path.insert(0, str(TESTS))
    folder = Path(os.environ[DATA_VARIABLE]) / "nir"
    damage = damaged_files(folder)  # before threads are there, which a fork would not take along
    times, errors, agreements = import_times(folder), traces(folder), oracles()
    whole = integers(folder)
    others = [row["inputs"] - row["inputs_with_equal_spikes"] for row in agreements]
    print(
        write_results(
            "nir_interop",
            seeds=[0, 7, 8, 9, 11, 2024],
            rows=[*times, *errors, *agreements, *whole, *damage],
            targets=[
                Target("import of cnn_sinabs.nir, seconds", "<=", 2,
                       times[1]["slowest_read_seconds"]),
                Target("inputs per graph and importer", ">=", 1000,
                       min(row["inputs"] for row in agreements)),
                Target("of these, inputs with other spikes", "<=", 0, sum(others)),
                Target("of files, the least share of spikes that integers give in the same step, "
                       "on random inputs, percent", ">=", 99.0,
                       min(row["equal_spikes_percent"] for row in whole if "random" in row["on"])),
                Target("inputs of these whose class is another one", "<=", 0,
                       sum(row["same_class_percent"] < 100 for row in whole
                           if "random" in row["on"])),
                Target("an N-MNIST recording: spikes that integers give in the same step, percent",
                       ">=", 99.0, whole[-2]["equal_spikes_percent"]),
                Target("damaged files that crash our reader or get no answer", "<=", 0,
                       DAMAGED - damage[1]["read"] - damage[1]["refused"]),
            ],
            packages=["sc-neurocore", "nir", "h5py", "torch", "snntorch", "norse", "sinabs",
                      "spikingjelly"],
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
