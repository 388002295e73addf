"""Read damaged .nir files until one does harm: run by the tests, or by hand for as long as wanted.

    python tests/interop/damaged_files.py COUNT FIRST_SEED

A file that was read, or refused by one of our errors, did none. Everything else does: another
exception, a warning of NumPy, more than SECONDS of processor time, more memory than MEMORY beyond
what Python took before. The seed of such a file is printed, and the exit status is 1.
"""

from __future__ import annotations

import random
import resource
import signal
import sys
import tempfile
import warnings
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from sc_neurocore.errors import UserError
from sc_neurocore.interop import from_nir, write_nir
from sc_neurocore.interop.equations import equation
from sc_neurocore.interop.hdf5 import FormatError, read_tree
from sc_neurocore.network import (
    Conv2d,
    Delay,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
    Scale,
    SumPool2d,
)

GOLDEN = Path(__file__).parent / "golden"
SECONDS = 5.0  # of the process' own time; a whole file takes a thousandth
MEMORY = 512 << 20
TELLING = (0, 1, 2, 0x10, 0x7F, 0x80, 0xFE, 0xFF)
"""Bytes that sizes, signs and addresses turn on."""


def ours() -> bytes:
    """A file with notes, delays, a loop and images."""
    chance = np.random.default_rng(0)
    lif = equation("LIF")
    description = NetworkDescription(
        name="ours",
        input=InputEncoding(shape=(1, 4, 4), bits=4, fraction_bits=3),
        steps=5,
        layers=[
            Conv2d(weight=chance.normal(size=(2, 1, 3, 3)), padding=(1, 1)),
            Population(neuron=lif, parameters={"v_threshold": np.array([0.5, 0.75])}),
            SumPool2d(size=(2, 2)),
            Scale(factor=np.array([0.5, 2.0])),
            Delay(delays=np.array(1)),
            Flatten(),
            DelayDense(weight=chance.normal(size=(3, 8)), delays=chance.integers(0, 3, (3, 8))),
            Recurrent(neuron=equation("CubaLIF"), weight=chance.normal(size=(3, 3))),
            Dense(weight=chance.normal(size=(2, 3)), bias=chance.normal(size=2)),
            Population(neuron=equation("LI")),
        ],
        readout="membrane",
    )
    with tempfile.TemporaryDirectory() as folder:
        return write_nir(description, Path(folder) / "ours.nir").read_bytes()


def originals() -> list[tuple[bytes, dict[str, Any]]]:
    """Files, and what must be said of each."""
    said = {"dt": 1e-4, "steps": 3}
    names = ("norse.nir", "sinabs.nir", "spikingjelly.nir")
    return [*(((GOLDEN / name).read_bytes(), said) for name in names), (ours(), {})]


def damaged(content: bytes, seed: int) -> bytes:
    """Return the content with one byte to eight changed, half of them where it is not empty."""
    chance = random.Random(seed)
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 4, 8])):
        place = chance.randrange(len(changed))
        if chance.random() < 0.5:  # most of a file is zeros between its parts
            while not content[place]:
                place = chance.randrange(len(changed))
        if chance.random() < 0.5:
            changed[place] ^= chance.randrange(1, 256)
        else:
            changed[place] = chance.choice(TELLING)
    return bytes(changed)


def is_read(content: bytes, options: dict[str, Any]) -> bool:
    """Whether a file is read; our errors are answered with no."""
    try:
        from_nir(read_tree(content).get("node"), **options)
    except (FormatError, UserError):
        return False
    return True


def stop(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"no answer within {SECONDS} s")


def taken() -> int:
    """Bytes of address space."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def main(count: int, first: int) -> None:
    files = originals()
    for content, options in files:
        assert is_read(content, options)
    if sys.platform == "linux":
        limit = taken() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    signal.signal(signal.SIGPROF, stop)
    warnings.simplefilter("error", RuntimeWarning)  # NumPy's, which a user would see
    read = 0
    for seed in range(first, first + count):
        content, options = files[seed % len(files)]
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            read += is_read(damaged(content, seed), options)
        except BaseException:
            print(f"seed {seed} did harm", flush=True)
            raise
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if not (seed + 1 - first) % 10_000:
            print(f"{seed + 1 - first} files, {read} read", file=sys.stderr, flush=True)
    print(f"{count} files: {read} read, {count - read} refused")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
