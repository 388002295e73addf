"""Read damaged .npy and .npz files until one does harm: run by the tests, or by hand.

    python tests/data/damaged_arrays.py COUNT FIRST_SEED

A file that was read, or refused by one of our errors, did none. Everything else does: another
exception, a warning of NumPy, more than SECONDS of processor time, more memory than MEMORY. The
seed of such a file is printed, and the exit status is 1.
"""

from __future__ import annotations

import io
import random
import resource
import signal
import sys
import tempfile
import warnings
from pathlib import Path
from types import FrameType

import numpy as np

from sc_neurocore.data.samples import load_samples
from sc_neurocore.equation import LIF
from sc_neurocore.errors import UserError
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population

SECONDS = 5.0
MEMORY = 512 << 20
TELLING = (0, 1, 2, 0x10, 0x7F, 0x80, 0xFE, 0xFF)
NETWORK = NetworkDescription(
    name="net",
    input=InputEncoding(kind="sequence", shape=(3, 2), bits=4, fraction_bits=2),
    steps=5,
    layers=[
        {"kind": "flatten"},
        Dense(weight=np.ones((4, 6))),
        Population(neuron=LIF),
    ],
)


def originals() -> list[bytes]:
    """Files of every kind that is read."""
    chance = np.random.default_rng(0)
    whole = chance.integers(0, 16, (7, 5, 3, 2))
    arrays = {"inputs": whole.astype(np.uint8), "labels": chance.integers(0, 4, 7)}
    real = {"inputs": chance.random((7, 5, 6), np.float32), "scale": np.array(0.5)}
    files = []
    events = {"events": np.argwhere(whole.reshape(7, 5, 6) > 9), "labels": arrays["labels"]}
    for save, content in (
        (np.savez, events),
        (np.savez, arrays),
        (np.savez_compressed, arrays),
        (np.savez, real),
        (np.savez_compressed, real),
    ):
        file = io.BytesIO()
        save(file, **content)
        files.append(file.getvalue())
    for array in (whole.astype(np.uint8), np.asfortranarray(whole.astype(">i4"))):
        file = io.BytesIO()
        np.save(file, array)
        files.append(file.getvalue())
    return files


def damaged(content: bytes, seed: int) -> bytes:
    """Return the content with up to eight bytes changed, or cut short."""
    chance = random.Random(seed)
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 4, 8])):
        # Headers decide more than data do.
        place = chance.randrange(chance.choice([128, len(changed)]))
        if chance.random() < 0.5:
            changed[place] ^= chance.randrange(1, 256)
        else:
            changed[place] = chance.choice(TELLING)
    if chance.random() < 0.1:
        del changed[chance.randrange(len(changed)) :]
    return bytes(changed)


def is_read(path: Path) -> bool:
    """Whether a file is read, and every number of it; our errors are answered with no."""
    try:
        samples = load_samples(path, NETWORK)
    except UserError:
        return False
    assert samples.inputs.shape[1:] == (5, 3, 2)
    assert int(samples.inputs.min()) >= 0
    assert int(samples.inputs.max()) < 16
    return True


def stop(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"no answer within {SECONDS} s")


def main(count: int, first: int) -> None:
    files = originals()
    read = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged"
        for content in files:
            path.write_bytes(content)
            assert is_read(path)
        if sys.platform == "linux":
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            limit = pages * resource.getpagesize() + MEMORY
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        signal.signal(signal.SIGPROF, stop)
        warnings.simplefilter("error", RuntimeWarning)  # NumPy's, which a user would see
        for seed in range(first, first + count):
            path.write_bytes(damaged(files[seed % len(files)], seed))
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                read += is_read(path)
            except BaseException:
                print(f"seed {seed} did harm", flush=True)
                raise
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
    print(f"{count} files: {read} read, {count - read} refused")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
