"""Sources of stochastic streams in Verilog: generators, and what makes more sequences of them.

How many generators a sharing policy needs is decided by its sources. Another displacement of a
Sobol sequence is an XOR with a constant, and one of a Halton sequence or a ramp an adder, so that
one generator serves all inputs; each displaced LFSR is a register of its own. Rotated sequences
are the places of a ring that is filled with constants, which needs no generator at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import UserError
from sc_neurocore.stochastic.sharing import SourcePair
from sc_neurocore.stochastic.sources import BITS, LEVELS, LFSR16, Counter, Halton, Sobol, Source

MAXIMUM_RING = 1024
"""Bits of a stream whose sequence is rotated: each is 16 flip-flops."""


@dataclass(frozen=True)
class Generator:
    """An instance of a module that makes numbers.

    Attributes:
        module: One of hdl/stochastic/.
        parameters: Their values as Verilog.
        port: The output.
        width: Its width.
    """

    module: str
    parameters: dict[str, str]
    port: str = "number"
    width: int = BITS


@dataclass(frozen=True)
class Numbers:
    """What the streams on one side of a layer are compared with.

    Attributes:
        generators: Instances, whose outputs are called `<side>_0`, `<side>_1`, ...
        sequences: Each sequence as an expression in which `{side}` stands for the side's name.
        inclusive: Whether the numbers are LFSR states, which stand for state - 1.
    """

    generators: tuple[Generator, ...]
    sequences: tuple[str, ...]
    inclusive: bool


def input_numbers(sources: SourcePair, inputs: int, length: int) -> Numbers:
    """Return what makes the sequences of the inputs.

    Raises:
        UserError: If hardware cannot make the source's numbers.
    """
    if sources.sharing == "per-input":
        return _separate(sources.separate(inputs)[0], length)
    return _separate([sources.inputs], length)


def weight_numbers(sources: SourcePair, inputs: int, length: int) -> Numbers:
    """Return what makes the sequences of the weights from each input.

    Raises:
        UserError: If hardware cannot make the source's numbers, or a ring would be too long.
    """
    if sources.sharing == "per-input":
        return _separate(sources.separate(inputs)[1], length)
    if sources.sharing == "shared":
        return _separate([sources.weights], length)
    _generator(sources.weights, length)  # only to refuse what hardware does not have
    if length > MAXIMUM_RING:
        raise UserError(
            f"rotated streams of {length} bits in hardware: the ring of numbers holds at most "
            f"{MAXIMUM_RING}; use another sharing, or shorter streams"
        )
    return _ring(sources.weights.sequence(length), sources.rotations(inputs, length))


def _separate(sources: list[Source], length: int) -> Numbers:
    first = sources[0]
    if isinstance(first, LFSR16):
        return Numbers(
            tuple(_generator(source, length) for source in sources),
            tuple(f"{{side}}_{index}" for index in range(len(sources))),
            inclusive=True,
        )
    operator = "^" if isinstance(first, Sobol) else "+"
    return Numbers(
        (_generator(first, length),),
        tuple(
            f"{{side}}_0 {operator} {_hexadecimal(offset, BITS)}" if offset else "{side}_0"
            for offset in _offsets(sources)
        ),
        inclusive=False,
    )


def _offsets(sources: list[Source]) -> Iterable[int]:
    """Yield how far each source is displaced from the first."""
    first = sources[0]
    for source in sources:
        if isinstance(source, Sobol) and isinstance(first, Sobol):
            yield source.shift ^ first.shift
        elif isinstance(source, Halton | Counter) and isinstance(first, Halton | Counter):
            yield (source.shift - first.shift) % LEVELS
        else:
            yield 0


def _generator(source: Source, length: int) -> Generator:
    match source:
        case LFSR16():
            taps = sum(1 << (tap - 1) for tap in set(source.taps))
            parameters = {
                "SEED": _hexadecimal(source.seed, BITS),
                "TAPS": _hexadecimal(taps, BITS),
            }
            return Generator("sc_lfsr", parameters)
        case Sobol():
            directions = sum(v << (BITS * c) for c, v in enumerate(source.direction_numbers))
            parameters = {
                "INDEX_BITS": str(min(BITS, max(2, (length - 1).bit_length()))),
                "DIRECTIONS": _hexadecimal(directions, BITS * BITS),
                "SHIFT": _hexadecimal(source.shift, BITS),
            }
            return Generator("sc_sobol", parameters)
        case Halton():
            digits = 1
            while source.base**digits < min(length, LEVELS):
                digits += 1
            parameters = {
                "BASE": str(source.base),
                "DIGITS": str(digits),
                "DIGIT_BITS": str((source.base - 1).bit_length()),
                "SHIFT": _hexadecimal(source.shift, BITS),
            }
            return Generator("sc_halton", parameters)
        case Counter():
            parameters = {
                "LENGTH": str(length),
                "REST_BITS": str((2 * length - 1).bit_length()),
                "SHIFT": _hexadecimal(source.shift, BITS),
            }
            return Generator("sc_ramp", parameters)
    raise UserError(
        f"source {type(source).__name__} in hardware: expected LFSR16, Sobol, Halton or Counter, "
        f"whose numbers a circuit can make"
    )


def _ring(sequence: NDArray[np.uint16], rotations: NDArray[np.int64]) -> Numbers:
    """Return a ring of the numbers, less the low bits that are the same in all of them."""
    numbers = sequence.astype(np.int64)
    differing = int(np.bitwise_or.reduce(numbers ^ numbers[0]))
    spare = (differing & -differing).bit_length() - 1 if differing else BITS - 1
    width, length = BITS - spare, len(numbers)
    words = sum(int(number) >> spare << (width * place) for place, number in enumerate(numbers))
    generator = Generator(
        "sc_ring",
        {
            "LENGTH": str(length),
            "WIDTH": str(width),
            "WORDS": _hexadecimal(words, width * length),
        },
        port="places",
        width=width * length,
    )
    fixed = _hexadecimal(int(numbers[0]) & ((1 << spare) - 1), spare) if spare else ""
    sequences = []
    for rotation in rotations.tolist():
        place = f"{{side}}_0[{width * rotation} +: {width}]"
        sequences.append(f"{{{{{place}, {fixed}}}}}" if spare else place)
    return Numbers((generator,), tuple(sequences), inclusive=False)


def _hexadecimal(value: int, width: int) -> str:
    return f"{width}'h{value:0{-(-width // 4)}x}"
