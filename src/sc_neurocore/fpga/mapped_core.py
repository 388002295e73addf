"""The software's side of a core behind registers: `compile --bus axi-lite` or `wishbone`.

All that it needs is something that reads and writes words by their offset: PYNQ's `MMIO`, a
`/dev/mem` or UIO mapping, a simulator. The map is `hdl.register_map`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import BoardError, CheckFailedError, DataError, UserError
from sc_neurocore.fpga.answers import BoardRun
from sc_neurocore.hdl.design import Design
from sc_neurocore.hdl.memories import weight_image, weight_words
from sc_neurocore.hdl.register_map import OFFSETS, REGISTER_BITS, VERSION, Control, Status
from sc_neurocore.hdl.self_check import beats_of
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress


class Registers(Protocol):
    """Words of 32 bits by their offset in bytes, as PYNQ's MMIO has them."""

    def read(self, offset: int) -> int:
        """Read a word."""

    def write(self, offset: int, value: int) -> Any:
        """Write a word."""


class MappedCore:
    """A core behind registers, which is this object's alone.

    Attributes:
        design: What it must be.
    """

    def __init__(self, registers: Registers, design: Design, *, timeout: float = 10.0) -> None:
        """Ask the core what it is, and end what it may be at.

        Args:
            registers: The core's registers.
            design: The design that it must be.
            timeout: Seconds that it may take to answer.

        Raises:
            UserError: If the design has no registers.
            CheckFailedError: If it is another network, or has another register map.
        """
        bus = design.manifest.choices.bus
        if bus not in ("axi-lite", "wishbone"):
            raise UserError(
                f"{design.name} has --bus {bus}: expected one with registers, axi-lite or wishbone"
            )
        self.design = design
        self._registers, self._timeout = registers, timeout
        if (version := self._read("VERSION")) != VERSION:
            raise CheckFailedError(
                f"what is there has register map {version}, this package has {VERSION}: look "
                f"whether the address is the core's, or compile and build the design again"
            )
        words = [registers.read(OFFSETS["HASH"] + 4 * number) for number in range(8)]
        found, expected = "".join(f"{word:08x}" for word in words), design.accelerator.content_hash
        if found != expected:
            raise CheckFailedError(
                f"what is there is network {found[:12]}…, expected {expected[:12]}…: load the "
                f"bitstream of this design, or give the design that is there"
            )
        self._write("CONTROL", Control.CLEAR)

    def load_weights(self, progress: ProgressCallback = ignore_progress) -> None:
        """Send the weights of the design, which must have been compiled with --weights loaded.

        Args:
            progress: Receives how many words are there.

        Raises:
            UserError: If they are in the bitstream.
            BoardError: If not all of them have arrived.
        """
        design = self.design
        if design.accelerator.weights != "loaded":
            raise UserError(f"{design.name} has its weights in the bitstream")
        geometry = design.accelerator.geometry
        total = weight_words(geometry)
        image = np.frombuffer(weight_image(design.network, geometry), dtype="<u2", count=total)
        self._write("CONTROL", Control.RELOAD)
        for done, word in enumerate(image.tolist(), 1):
            self._write("WEIGHT", word)
            if done % 1024 == 0 or done == total:
                progress(Progress("weights", done=done, total=total))
        self._check_nothing_was_refused()
        if Status.LOADED not in self.status():
            raise BoardError(f"{self._read('WEIGHT')} of {total} words of weights have arrived")

    def classify(
        self, samples: ArrayLike, progress: ProgressCallback = ignore_progress
    ) -> BoardRun:
        """Send samples and return what the network says of each.

        Args:
            samples: Integers in the description's order, (batch, *shape), or (batch, steps,
                *shape) for a network that takes a frame per step.
            progress: Receives how many samples are done.

        Returns:
            Scores are in `spike_counts`, also where they are membranes.

        Raises:
            DataError: If they are not what the network takes.
            BoardError: If weights are missing, or the core does not answer.
        """
        accelerator = self.design.accelerator
        beats = beats_of(self.design.network, accelerator, self._checked(samples))
        frames = beats.reshape(
            len(beats), accelerator.frames_per_sample, accelerator.geometry.beats
        )
        if Status.LOADED not in self.status():
            raise BoardError(f"{self.design.name} has no weights yet: call load_weights() first")
        results = []
        for number, sample in enumerate(frames.tolist()):
            results.append(self._answer(sample))
            progress(Progress("samples", done=number + 1, total=len(frames)))
        self._check_nothing_was_refused()
        outputs = accelerator.geometry.layers[-1].outputs
        found = np.array(results, dtype=np.int64).reshape(-1, 3 + outputs)
        return BoardRun(found[:, 0], found[:, 3:], clocks=found[:, 1], steps=found[:, 2])

    def status(self) -> Status:
        """Return what STATUS says."""
        return Status(self._read("STATUS"))

    def _answer(self, sample: list[list[int]]) -> list[int]:
        """Send a sample and take its result: the class, its clocks and frames, then the scores."""
        before = self._read("CYCLES"), self._read("FRAMES")
        for frame in sample:
            if Status.RESULT in self._wait(Status.READY | Status.RESULT):
                break  # it needs no more of them
            for beat in frame:
                self._write("DATA", beat)
        self._wait(Status.RESULT)
        clocks = (self._read("CYCLES") - before[0]) % (1 << REGISTER_BITS)
        steps = (self._read("FRAMES") - before[1]) % (1 << 16)
        answer = [self._read("CLASS"), clocks, steps, *self._scores()]
        self._write("STATUS", Status.RESULT)
        return answer

    def _scores(self) -> Iterator[int]:
        geometry = self.design.accelerator.geometry
        for output in range(geometry.layers[-1].outputs):
            self._write("SCORE_ADDRESS", output)
            score = self._read("SCORE")
            is_negative = geometry.membrane_bits and score >> REGISTER_BITS - 1
            yield score - (1 << REGISTER_BITS) if is_negative else score

    def _wait(self, wanted: Status) -> Status:
        """Wait for one of several bits of STATUS."""
        end = time.monotonic() + self._timeout
        while not (status := self.status()) & wanted:
            if time.monotonic() > end:
                raise BoardError(
                    f"{self.design.name} says {status!r} for {self._timeout:g} s, expected "
                    f"{wanted!r}: look at its clock, and whether something else uses it"
                )
        return status

    def _check_nothing_was_refused(self) -> None:
        if Status.ERROR in self.status():
            self._write("STATUS", Status.ERROR)
            raise BoardError(
                f"{self.design.name} has refused an access: something else uses it, or the bus "
                f"does not write whole words"
            )

    def _checked(self, samples: ArrayLike) -> NDArray[np.int64]:
        """Return samples as integers, or say what they should have been."""
        batch, description = np.asarray(samples), self.design.network.input
        frames = self.design.accelerator.frames_per_sample
        steps = () if self.design.accelerator.geometry.is_static else (frames,)
        if batch.dtype.kind not in "ui" or batch.shape[1:] != (*steps, *description.shape):
            wanted = ", ".join(map(str, ("batch", *steps, *description.shape)))
            raise DataError(
                f"samples of shape {batch.shape} and type {batch.dtype}: expected ({wanted}) "
                f"integers"
            )
        low, high = description.low, description.high
        if batch.size and (batch.min() < low or batch.max() > high):
            raise DataError(
                f"samples from {batch.min()} to {batch.max()}: expected {low} to {high}"
            )
        return batch.astype(np.int64)

    def _read(self, name: str) -> int:
        return int(self._registers.read(OFFSETS[name]))

    def _write(self, name: str, value: int) -> None:
        self._registers.write(OFFSETS[name], int(value))
