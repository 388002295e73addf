"""Fixed-point number formats.

In Qm.n, m counts the integer bits with the sign and n the fraction bits: Q8.8 is 16 bits wide,
an integer k stands for k / 256, and the range is [-128, 128). UQm.n has no sign: UQ8.8 is also
16 bits wide, and its range is [0, 256).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import UserError

Rounding: TypeAlias = Literal["floor", "nearest"]
Overflow: TypeAlias = Literal["saturate", "wrap"]
Multipliers: TypeAlias = Literal["products", "adders"]

MAXIMUM_WIDTH = 48
MAXIMUM_TABLE_BITS = 10
LEAST_CONSTANT_BITS = 15
MAXIMUM_CONSTANT_BITS = MAXIMUM_WIDTH - 1
FOLLOW = -1
"""In place of the constants' fraction bits: as many as the format of the states asks for."""

CONSTANTS, TABLES, RANGE, ADDERS = "constants=", "tables=", "range ", "multipliers=adders"
CURRENT_NAME = "current"
USUAL_TABLE_BITS = 6

_TEXT = re.compile(
    r"(?P<unsigned>[Uu]?)[Qq](?P<m>[0-9]{1,3})\.(?P<n>[0-9]{1,3})(?P<modes>(:[a-z]+)*)"
)
_EXPECTED = "Qm.n or UQm.n, such as Q8.8, with :nearest and :wrap after it where they are wanted"


@dataclass(frozen=True)
class QFormat:
    """A fixed-point format, and what storing a finer or larger number in it does.

    Attributes:
        integer_bits: Bits before the point, the sign counted.
        fraction_bits: Bits after the point.
        signed: Two's complement; otherwise there are no negative numbers.
        rounding: `floor` goes towards minus infinity (an arithmetic shift right); `nearest` adds
            half a unit first, so that ties go towards plus infinity.
        overflow: `saturate` stops at the ends of the range; `wrap` keeps the low bits.
    """

    integer_bits: int
    fraction_bits: int
    signed: bool = True
    rounding: Rounding = "floor"
    overflow: Overflow = "saturate"

    def __post_init__(self) -> None:
        if not (isinstance(self.integer_bits, int) and isinstance(self.fraction_bits, int)):
            raise UserError(
                f"QFormat({self.integer_bits!r}, {self.fraction_bits!r}): expected whole numbers"
            )
        if self.rounding not in ("floor", "nearest") or self.overflow not in ("saturate", "wrap"):
            raise UserError(
                f"rounding={self.rounding!r}, overflow={self.overflow!r}: expected floor or "
                f"nearest, and saturate or wrap"
            )
        least = 1 if self.signed else 0
        if (
            self.integer_bits < least
            or self.fraction_bits < 0
            or not 2 <= self.width <= MAXIMUM_WIDTH
        ):
            raise UserError(
                f"{self}: expected at least 1 integer bit (the sign) unless it is unsigned, and 2 "
                f"to {MAXIMUM_WIDTH} bits in all"
            )

    @classmethod
    def parse(cls, text: str | QFormat) -> QFormat:
        """Read a format such as "Q8.8", "UQ8.8", "Q8.8:nearest" or "Q8.8:nearest:wrap"."""
        if isinstance(text, QFormat):
            return text
        match = _TEXT.fullmatch(text) if isinstance(text, str) else None
        modes = match["modes"].split(":")[1:] if match else []
        known = {"floor", "nearest", "saturate", "wrap"}
        conflicts = {"floor", "nearest"} <= set(modes) or {"saturate", "wrap"} <= set(modes)
        if match is None or set(modes) - known or conflicts or len(set(modes)) < len(modes):
            raise UserError(f"number format {text!r}: expected {_EXPECTED}")
        return cls(
            int(match["m"]),
            int(match["n"]),
            signed=not match["unsigned"],
            rounding="nearest" if "nearest" in modes else "floor",
            overflow="wrap" if "wrap" in modes else "saturate",
        )

    def __str__(self) -> str:
        nearest = ":nearest" * (self.rounding == "nearest")
        return f"{self.plain}{nearest}{':wrap' * (self.overflow == 'wrap')}"

    @property
    def plain(self) -> str:
        """The format without its rounding and overflow, such as "Q8.8"."""
        return f"{'' if self.signed else 'U'}Q{self.integer_bits}.{self.fraction_bits}"

    @property
    def width(self) -> int:
        """Bits in all."""
        return self.integer_bits + self.fraction_bits

    @property
    def minimum(self) -> int:
        """Smallest integer of the format."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def maximum(self) -> int:
        """Largest integer of the format."""
        return (1 << (self.width - self.signed)) - 1

    def quantize(self, values: ArrayLike) -> NDArray[np.int64]:
        """Return the nearest integers (ties to even), saturated to the range.

        This is for numbers that come from outside: initial states, weights, inputs. `rounding`
        and `overflow` are for what the equation computes.

        Raises:
            UserError: For a value that is not a number.
        """
        if np.isnan(values).any():
            raise UserError(f"NaN has no integer in {self}: clean the values first")
        with np.errstate(over="ignore"):  # what float64 cannot hold is saturated like the rest
            scaled = np.round(np.ldexp(np.asarray(values, dtype=np.float64), self.fraction_bits))
        return np.clip(scaled, self.minimum, self.maximum).astype(np.int64)

    def to_float(self, integers: ArrayLike) -> NDArray[np.float64]:
        """Return the numbers that integers of this format stand for, exactly."""
        return np.ldexp(np.asarray(integers, dtype=np.float64), -self.fraction_bits)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 3


@dataclass(frozen=True)
class FixedPoint:
    """The formats of a neuron in hardware.

    Attributes:
        state: The format of every state that has none of its own; its rounding and overflow hold
            for all that is stored.
        current_extra_bits: The input current, and every local of the equation, is signed, and has
            the state's fraction bits and this many integer bits more.
        constant_fraction_bits: Fraction bits of constants, parameters and the entries of tables. By
            default one less than a state has bits in all, and 15 at least: a constant's rounding
            then moves its product with the largest state by no more than half a unit.
        table_bits: A table has at most 2 ** table_bits segments.
        multipliers: How a multiplication by a constant is written: as a product, which becomes a
            DSP block where there is one, or as shifts and adders, which are smaller where there is
            none. A constant that one adder makes is always made so. The integers are the same.
        own: States and locals with formats of their own, by name and in the order of names.
        own_current: The format of the input currents, if it is not to follow the state's.
        ranges: The range that the table of a function covers, by what it is a function of, such as
            `v`: name, least and largest, in the order of names.
    """

    state: QFormat
    current_extra_bits: int = 4
    constant_fraction_bits: int = FOLLOW
    table_bits: int = USUAL_TABLE_BITS
    multipliers: Multipliers = "products"
    own: tuple[tuple[str, QFormat], ...] = ()
    own_current: QFormat | None = None
    ranges: tuple[tuple[str, float, float], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "own", tuple(sorted(self.own, key=lambda each: each[0])))
        object.__setattr__(self, "ranges", tuple(sorted(self.ranges)))
        for name, form in self.own:
            if (form.rounding, form.overflow) != (self.state.rounding, self.state.overflow):
                raise UserError(
                    f"{name} in {form} beside {self.state}: rounding and overflow are those of all"
                )
        for index, (name, low, high) in enumerate(self.ranges):
            if name in (each[0] for each in self.ranges[:index]):
                raise UserError(f"two ranges for the tables over {name}: expected one")
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise UserError(f"a table's range from {low:g} to {high:g}: expected low < high")
        if self.own_current is not None and not self.own_current.signed:
            raise UserError(f"current={self.own_current}: the current has a sign")
        if self.constant_fraction_bits == FOLLOW:
            bits = max(self.width - 1, LEAST_CONSTANT_BITS)
            object.__setattr__(self, "constant_fraction_bits", bits)
        if self.state.width + self.current_extra_bits > MAXIMUM_WIDTH:
            raise UserError(
                f"{self.state} with {self.current_extra_bits} more bits for the current: at most "
                f"{MAXIMUM_WIDTH} bits in all"
            )
        if self.current_extra_bits < 0:
            raise UserError(f"current_extra_bits={self.current_extra_bits}: expected 0 or more")
        if not 0 <= self.constant_fraction_bits <= MAXIMUM_CONSTANT_BITS:
            raise UserError(
                f"{self.constant_fraction_bits} fraction bits for constants: expected 0 to "
                f"{MAXIMUM_CONSTANT_BITS}"
            )
        if self.multipliers not in ("products", "adders"):
            raise UserError(f"multipliers={self.multipliers!r}: expected products or adders")
        if not 1 <= self.table_bits <= MAXIMUM_TABLE_BITS:
            raise UserError(
                f"table_bits={self.table_bits}: expected 1 to {MAXIMUM_TABLE_BITS}, for 2 to "
                f"{2**MAXIMUM_TABLE_BITS} segments"
            )

    @classmethod
    def parse(
        cls,
        text: str | QFormat | FixedPoint,
        constant_bits: int | None = None,
        current_extra_bits: int = 4,
    ) -> FixedPoint:
        """Read formats such as "Q8.8", "Q8.8:nearest" or "Q8.8:constants=20:u=Q4.12".

        Args:
            text: The states' format, and after it, each behind a colon: formats of single states
                and locals (`u=Q4.12`), that of the current (`current=Q9.10`), the fraction bits of
                constants (`constants=20`), how many segments a table has (`tables=8` for 2**8),
                what range one covers (`range -90..50=v`), and `multipliers=adders`. This is how
                formats are written.
            constant_bits: The fraction bits of constants, instead of writing them.
            current_extra_bits: Integer bits that the current has beyond the state.

        Raises:
            UserError: If it is no format, or says the constants' bits in two ways.
        """
        if isinstance(text, FixedPoint):
            return text
        options = _Options(text)
        if options.constants is not None and constant_bits is not None:
            raise options.error("the constants' fraction bits once, such as Q8.8:constants=20")
        bits = options.constants if constant_bits is None else constant_bits
        if constant_bits is not None and constant_bits < 0:
            raise UserError(f"constant_bits={constant_bits}: expected 0 or more")
        return cls(
            options.state,
            current_extra_bits,
            FOLLOW if bits is None else bits,
            USUAL_TABLE_BITS if options.tables is None else options.tables,
            options.multipliers,
            own=tuple(options.own.items()),
            own_current=options.current,
            ranges=tuple(options.ranges),
        )

    def __str__(self) -> str:
        """The formats as `parse` reads them, with the constants' bits."""
        parts = [str(self.state), f"{CONSTANTS}{self.constant_fraction_bits}"]
        parts += [f"{name}={form.plain}" for name, form in self.own]
        if self.own_current is not None:
            parts.append(f"{CURRENT_NAME}={self.own_current.plain}")
        if self.table_bits != USUAL_TABLE_BITS:
            parts.append(f"{TABLES}{self.table_bits}")
        if self.multipliers == "adders":
            parts.append(ADDERS)
        parts += [f"{RANGE}{low!r}..{high!r}={name}" for name, low, high in self.ranges]
        return ":".join(parts)

    @property
    def text(self) -> str:
        """The formats as `parse` reads them, without the constants' bits."""
        return ":".join(part for part in str(self).split(":") if not part.startswith(CONSTANTS))

    @property
    def current(self) -> QFormat:
        """The format of the input current, and of locals that have none of their own."""
        if self.own_current is not None:
            return self.own_current
        return QFormat(
            max(self.state.integer_bits, 1) + self.current_extra_bits,
            self.state.fraction_bits,
            rounding=self.state.rounding,
            overflow=self.state.overflow,
        )

    def of(self, name: str, *, is_local: bool = False) -> QFormat:
        """Return the format of a state or local."""
        return dict(self.own).get(name, self.current if is_local else self.state)

    def range_of(self, argument: str) -> tuple[float, float] | None:
        """Return the range that tables of an argument cover; None if none is chosen."""
        return next(((low, high) for name, low, high in self.ranges if name == argument), None)

    @property
    def finest(self) -> int:
        """The most fraction bits of any state or local."""
        return max(form.fraction_bits for form in (self.state, *dict(self.own).values()))

    @property
    def width(self) -> int:
        """The bits of the widest state or local."""
        return max(form.width for form in (self.state, *dict(self.own).values()))


class _Options:
    """What the text of formats says."""

    def __init__(self, text: str | QFormat) -> None:
        if not isinstance(text, str):
            text = QFormat.parse(text)  # which says what is wrong
        self.text = text
        self.constants: int | None = None
        self.tables: int | None = None
        self.multipliers: Multipliers = "products"
        self.own: dict[str, QFormat] = {}
        self.current: QFormat | None = None
        self.ranges: list[tuple[str, float, float]] = []
        if isinstance(text, QFormat):
            self.state = text
            return
        plain: list[str] = []
        options: list[str] = []
        for part in text.split(":"):
            (options if "=" in part else plain).append(part)
        self.state = QFormat.parse(":".join(plain))
        for part in options:
            self._read(part)

    def error(self, expected: str) -> UserError:
        return UserError(f"number format {self.text!r}: expected {expected}")

    def _read(self, part: str) -> None:
        name, _, value = part.partition("=")
        if part.startswith(RANGE):
            ends = name.removeprefix(RANGE).split("..")
            try:
                low, high = map(float, ends)
            except ValueError:
                raise self.error("a table's range as in Q8.8:range -90..50=v") from None
            self.ranges.append((value, low, high))
        elif part == ADDERS:
            self.multipliers = "adders"
        elif name == CONSTANTS[:-1]:
            if self.constants is not None or not _is_count(value):
                raise self.error("the constants' fraction bits once, such as Q8.8:constants=20")
            self.constants = int(value)
        elif name == TABLES[:-1]:
            if self.tables is not None or not _is_count(value):
                raise self.error("the tables' size once, such as Q8.8:tables=8")
            self.tables = int(value)
        elif name in self.own or (name == CURRENT_NAME and self.current is not None):
            raise self.error(f"one format for {name}")
        else:
            form = QFormat.parse(value)
            if (form.rounding, form.overflow) != ("floor", "saturate"):
                raise self.error(f"{name}={form.plain}, with rounding and overflow those of all")
            form = replace(form, rounding=self.state.rounding, overflow=self.state.overflow)
            if name == CURRENT_NAME:
                self.current = form
            else:
                self.own[name] = form
