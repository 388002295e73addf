"""Which streams share a source, because correlation decides the accuracy.

What matters for a product is the pair of sequences that its two streams are compared with: how
evenly the points (r_input[k], r_weight[k]) fill the unit square. Averaged over all values, the
mean square of the error of an AND is the squared L2 star discrepancy of these points. Streams that
are never multiplied with each other, such as those of two inputs, may share a sequence freely. But
if every product of a sum is made from the same points, then all have the same error for the same
two values, and what is left of the sum's error depends on the signs of the weights.

| sharing   | input j           | weight from input j        | in hardware, for n inputs          |
|-----------|-------------------|----------------------------|------------------------------------|
| shared    | one sequence      | one sequence               | 2 generators                       |
| rotated   | one sequence      | the same, rotated by j * d | 2 generators, a ring of its length |
| per-input | a sequence of j's | a sequence of j's          | 2 n generators                     |

Weights of different outputs always share: their products go into different sums. Rotation keeps
the numbers of a stream, so that single values, and thereby spikes, are the same as under "shared".

The default pairs of `make_sources` were chosen by that discrepancy under "shared"; the accuracy of
a network was not:

- Sobol: dimensions 0 and 1, with the digital shifts 0x5555 and 0xAAAA. Unshifted, the first 2^k
  points are the lower edges of the 2^k levels, so that every value is rounded up. A shift by
  alternating bits puts them within a sixth of the middle of their level at every length, in
  opposite directions for the two sides, and costs nothing in hardware: XOR with a constant.
- LFSR: two different primitive polynomials. Two seeds of one LFSR are shifted copies of one
  sequence, and a small shift is a strong correlation (each state is nearly the double of the one
  before). Two polynomials alone are, on average, no better than random numbers. What helps are
  the seeds: of a million random pairs, the 3000 best of the lengths 16 to 256 were compared up to
  4096, and the default is the pair with the smallest mean logarithm of the discrepancy over the
  powers of two.
- Halton: bases 2 and 3; a shift of base 3 by a third of a level. The best of 2000 random pairs of
  shifts is no better.
- Counter: the inputs are unary, the weights come from the van der Corput sequence. Together they
  are Hammersley's points, whose discrepancy is even lower than that of the first Sobol points;
  the shift is the best of 2000.

References:
    Alaghi and Hayes 2013, "Exploiting correlation in stochastic circuit design", ICCD.
    Hammersley 1960, "Monte Carlo methods for solving multivariable problems", Annals of the New
    York Academy of Sciences 86.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import UserError
from sc_neurocore.stochastic.sources import (
    LEVELS,
    LFSR16,
    TAPS_INPUTS,
    TAPS_WEIGHTS,
    Bernoulli,
    Counter,
    Halton,
    Sequence,
    Sobol,
    Source,
)

SourceName: TypeAlias = Literal["lfsr", "sobol", "halton", "counter", "bernoulli"]
Sharing: TypeAlias = Literal["shared", "rotated", "per-input"]

# 65536 over the plastic number and over its square, made odd: their multiples are spread over the
# square as evenly as those of the golden ratio are over a line.
_STRIDE_INPUTS, _STRIDE_WEIGHTS = 49471, 37345


@dataclass(frozen=True)
class SourcePair:
    """The sources of a layer's input streams and of its weight streams.

    Attributes:
        inputs: The source of the first input.
        weights: The source of the weights from the first input.
        sharing: What the other inputs and their weights use: "shared", "rotated" or "per-input".

    Raises:
        UserError: If the sharing is unknown.
    """

    inputs: Source
    weights: Source
    sharing: Sharing = "shared"

    def __post_init__(self) -> None:
        if self.sharing not in get_args(Sharing):
            raise UserError(
                f"unknown sharing {self.sharing!r}: expected one of {', '.join(get_args(Sharing))}"
            )

    def sequences(self, n_inputs: int, length: int) -> tuple[Sequence, Sequence]:
        """Return the sequences of the inputs and of the weights that they go through.

        Args:
            n_inputs: Number of inputs.
            length: Bits per stream.

        Returns:
            Two arrays of 16-bit numbers, each (n_inputs, length), or (1, length) where all the
            inputs share one sequence.
        """
        inputs = self.inputs.sequence(length)[np.newaxis]
        weights = self.weights.sequence(length)[np.newaxis]
        if self.sharing == "shared":
            return inputs, weights
        if self.sharing == "rotated":
            position = self.rotations(n_inputs, length)[:, np.newaxis] + np.arange(length)
            return inputs, weights[0][position % length]
        first, second = self.separate(n_inputs)
        return (
            np.stack([source.sequence(length) for source in first]),
            np.stack([source.sequence(length) for source in second]),
        )

    @staticmethod
    def rotations(n_inputs: int, length: int) -> NDArray[np.int64]:
        """Return where the weights' sequence begins for each input under "rotated"."""
        # Steps of length / golden ratio: neighbours get rotations that are far apart.
        step = max(1, round(length * 0.6180339887498949))
        return np.arange(n_inputs) * step % length

    def separate(self, n_inputs: int) -> tuple[list[Source], list[Source]]:
        """Return each input's own sources under "per-input": its own, and that of its weights."""

        def displaced(source: Source, stride: int) -> list[Source]:
            return [source.displaced(index * stride % LEVELS) for index in range(n_inputs)]

        return displaced(self.inputs, _STRIDE_INPUTS), displaced(self.weights, _STRIDE_WEIGHTS)


def make_sources(name: str, seed: int | None = None, sharing: Sharing = "shared") -> SourcePair:
    """Return two decorrelated sources of a kind, one for inputs and one for weights.

    Args:
        name: "lfsr", "sobol", "halton", "counter" (for the inputs, with van der Corput's sequence
            for the weights) or "bernoulli".
        seed: None for the documented constants (see the module). An integer >= 0 draws other
            ones for Monte-Carlo runs: starting states of the LFSRs, shifts of the low-discrepancy
            points, seeds of the generators.
        sharing: "shared", "rotated" or "per-input".

    Raises:
        UserError: If the name or the sharing is unknown, or the seed is negative.
    """
    if name not in get_args(SourceName):
        raise UserError(
            f"unknown source {name!r}: expected one of {', '.join(get_args(SourceName))}"
        )
    if seed is not None and seed < 0:
        raise UserError(f"source seed {seed}: expected an integer >= 0, or None")

    def constants(chosen: tuple[int, int], low: int = 0) -> tuple[int, int]:
        if seed is None:
            return chosen
        first, second = np.random.default_rng(seed).integers(low, LEVELS, size=2)
        return int(first), int(second)

    inputs: Source
    weights: Source
    if name == "lfsr":
        first, second = constants((2223, 6035), low=1)
        inputs, weights = LFSR16(first, TAPS_INPUTS), LFSR16(second, TAPS_WEIGHTS)
    elif name == "sobol":
        first, second = constants((0x5555, 0xAAAA))
        inputs, weights = Sobol(0, first), Sobol(1, second)
    elif name == "halton":
        first, second = constants((0, 0x5555))
        inputs, weights = Halton(2, first), Halton(3, second)
    elif name == "counter":
        first, second = constants((0, 42058))
        inputs, weights = Counter(first), Halton(2, second)
    else:
        first = 2 * (seed or 0)
        inputs, weights = Bernoulli(first), Bernoulli(first + 1)
    return SourcePair(inputs, weights, sharing)
