"""What a refuted claim's example is, clock by clock: in words, and as waves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_BIT = re.compile(r"(.+)\[(\d+)\]")
_MOST_WORDS = 12
_CLOCK = 10  # ns
_CLOCKS = ("clk", "clock")


@dataclass(frozen=True)
class Signal:
    """An input or a register.

    Attributes:
        width: Its bits. What Yosys left out of the proof, as nothing depends on it, is 0.
        values: Its value in each clock, unsigned.
    """

    width: int
    values: tuple[int, ...]


@dataclass(frozen=True)
class Example:
    """Inputs and registers in each clock from the reset on.

    Attributes:
        signals: By their names; those inside other modules have dots in theirs.
    """

    signals: Mapping[str, Signal]

    @classmethod
    def of_bits(cls, bits: Mapping[str, str]) -> Example:
        """Put together what is known of each bit, "0110…", a character for each clock."""
        found: dict[str, dict[int, str]] = {}
        for name, values in bits.items():
            indexed = _BIT.fullmatch(name)
            whole, index = (indexed[1], int(indexed[2])) if indexed else (name, 0)
            found.setdefault(whole, {})[index] = values
        return cls({name: _signal(parts) for name, parts in found.items()})

    def in_words(self, clock: int, about: str = "") -> str:
        """Return values of what the bench itself holds in a clock: "step = 3, word = 1".

        Args:
            clock: The clock.
            about: A text; what it names comes first.
        """
        named = set(re.findall(r"\w+", about))
        own = sorted(
            (name for name in self.signals if name.isidentifier() and name not in _CLOCKS),
            key=lambda name: name not in named,
        )
        said = [f"{name} = {self.signals[name].values[clock]}" for name in own[:_MOST_WORDS]]
        return ", ".join(said + ["…"] * (len(own) > _MOST_WORDS))

    def vcd(self, top: str) -> str:
        """Return the waves as a value change dump (IEEE 1364-2005, section 18)."""
        return "\n".join(self._lines(top)) + "\n"

    def _lines(self, top: str) -> Iterator[str]:
        tree: dict[str, dict[str, str]] = {}
        marks = {}
        for number, (name, signal) in enumerate(sorted(self.signals.items())):
            marks[name] = _mark(number)
            scope, _, own = name.rpartition(".")
            size = f" [{signal.width - 1}:0]" if signal.width > 1 else ""
            kept = re.sub(r"\W", "_", own)
            tree.setdefault(scope, {})[own] = (
                f"$var reg {signal.width} {marks[name]} {kept}{size} $end"
            )
        yield "$timescale 1ns $end"
        for scope, variables in tree.items():
            inside = [re.sub(r"\W", "_", part) for part in scope.split(".") if part]
            yield from (f"$scope module {part} $end" for part in (top, *inside))
            yield from variables.values()
            yield from ("$upscope $end" for _ in (top, *inside))
        yield "$enddefinitions $end"
        before: dict[str, int] = {}
        clocks = max((len(signal.values) for signal in self.signals.values()), default=0)
        for clock in range(clocks):
            yield f"#{clock * _CLOCK}"
            for name, signal in self.signals.items():
                value = signal.values[clock]
                if before.get(name) != value:
                    before[name] = value
                    digits = f"b{value:b} " if signal.width > 1 else f"{value:b}"
                    yield f"{digits}{marks[name]}"
        yield f"#{clocks * _CLOCK}"


def _signal(parts: Mapping[int, str]) -> Signal:
    clocks = len(next(iter(parts.values())))
    values = (
        sum(1 << index for index, bits in parts.items() if bits[clock] == "1")
        for clock in range(clocks)
    )
    return Signal(max(parts) + 1, tuple(values))


def _mark(number: int) -> str:
    """Return a short identifier of printable characters."""
    found = ""
    while True:
        number, digit = divmod(number, 94)
        found += chr(33 + digit)
        if not number:
            return found
        number -= 1
