"""A program as Python text that runs many steps of one neuron after the other.

The text is what the one evaluator gives when the integers are pieces of text: each operation is a
line. Python's own integers have no width, so that nothing can overflow, and for a few channels over
thousands of steps they are several times quicker than arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sc_neurocore.fixed.evaluate import evaluate
from sc_neurocore.fixed.program import Program


class _Text:
    """A piece of Python text that stands for an integer or a truth value."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __add__(self, other: _Text) -> _Text:
        return _Text(f"({self.text} + {other.text})")

    def __sub__(self, other: _Text) -> _Text:
        return _Text(f"({self.text} - {other.text})")

    def __mul__(self, other: _Text) -> _Text:
        return _Text(f"({self.text} * {other.text})")

    def __lshift__(self, other: _Text) -> _Text:
        return _Text(f"({self.text} << {other.text})")

    def __rshift__(self, other: _Text) -> _Text:
        return _Text(f"({self.text} >> {other.text})")

    def __xor__(self, other: _Text) -> _Text:
        return _Text(f"({self.text} ^ {other.text})")

    def __neg__(self) -> _Text:
        return _Text(f"(-{self.text})")

    def __ge__(self, other: _Text) -> _Text:
        return _Text(f"({self.text} >= {other.text})")

    def __gt__(self, other: _Text) -> _Text:
        return _Text(f"({self.text} > {other.text})")

    def __le__(self, other: _Text) -> _Text:
        return _Text(f"({self.text} <= {other.text})")

    def __lt__(self, other: _Text) -> _Text:
        return _Text(f"({self.text} < {other.text})")


class _Writing:
    """The algebra of such pieces; every operation becomes a line of its own."""

    has_widths = False

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.tables: dict[tuple[int, ...], str] = {}

    def observe(self, index: int, value: _Text) -> _Text:
        self.lines.append(f"n{index} = {value.text}")
        return _Text(f"n{index}")

    def constant(self, value: int, width: int) -> _Text:
        return _Text(f"({value})")

    def resize(self, value: _Text, width: int) -> _Text:
        return value

    def select(self, condition: _Text, chosen: _Text, otherwise: _Text) -> _Text:
        return _Text(f"({chosen.text} if {condition.text} else {otherwise.text})")

    def low_bits(self, value: _Text, bits: int, *, signed: bool) -> _Text:
        low = f"({value.text} & {(1 << bits) - 1})"
        sign = 1 << (bits - 1)
        return _Text(f"(({low} ^ {sign}) - {sign})" if signed else low)

    def lookup(self, index: _Text, entries: tuple[int, ...], width: int) -> _Text:
        name = self.tables.setdefault(entries, f"table{len(self.tables)}")
        return _Text(f"{name}[{index.text}]")


class CompiledSteps:
    """Steps of a program, one after the other.

    Attributes:
        text: The function that runs them.
    """

    def __init__(self, program: Program, next_states: Mapping[str, str], spike: str) -> None:
        """Prepare to run a program.

        Args:
            program: One step.
            next_states: The output port of each state, by its input port.
            spike: The output port of the spike.
        """
        self._states = list(next_states)
        self._inputs = [p.name for p, _ in program.inputs if p.name not in next_states]
        writing = _Writing()
        # Names of our own: a port may be called like a word of Python's.
        names = {name: _Text(f"s{index}") for index, name in enumerate(self._states)}
        names |= {name: _Text(f"x{index}") for index, name in enumerate(self._inputs)}
        outputs = evaluate(program, names, writing, writing.observe)
        states = [f"s{index}" for index in range(len(self._states))]
        inputs = [f"x{index}" for index in range(len(self._inputs))]
        following = [outputs[port].text for port in next_states.values()]
        unpacked = ", ".join(inputs) + "," if inputs else "_"
        body = [
            *writing.lines,
            f"fired({outputs[spike].text})",
            f"{', '.join(states)}, = {', '.join(following)},",
            *(f"trace{index}({state})" for index, state in enumerate(states)),
        ]
        self.text = "\n".join(
            [
                "def run(initial, arriving, fired, traces):",
                f"    {', '.join(states)}, = initial",
                f"    {', '.join(f'trace{i}' for i in range(len(states)))}, = traces",
                f"    for {unpacked} in arriving:",
                *(f"        {line}" for line in body),
            ]
        )
        space: dict[str, Any] = {name: entries for entries, name in writing.tables.items()}
        # Its names and numbers are made above; nothing of a user's text is in it.
        exec(compile(self.text, "<steps>", "exec"), space)
        self._run = space["run"]

    def run(
        self, initial: Mapping[str, int], inputs: Mapping[str, Sequence[int]], steps: int
    ) -> tuple[list[int], dict[str, list[int]]]:
        """Return the spikes, and each state after every step.

        Args:
            initial: Each state before the first step.
            inputs: Each other input port over time.
            steps: How many steps.
        """
        spikes: list[int] = []
        traces: dict[str, list[int]] = {name: [] for name in self._states}
        arriving = zip(*(inputs[name] for name in self._inputs), strict=True)
        self._run(
            [initial[name] for name in self._states],
            arriving if self._inputs else range(steps),
            spikes.append,
            [trace.append for trace in traces.values()],
        )
        return spikes, traces
