"""A scan as the text of a Python module with Numba functions.

A block of neurons runs through all its steps before the next block starts, so that its states
stay in the cache; within a step the neurons of the block are one vectorised loop over rows, one
row per state, constant or gradient. The backward scan first runs a block forward, keeping the
states before every step in a scratch array, and then back.

What is optional (spikes, counts, traces, sums, and the gradients towards them) is an empty array
where it is not asked for, so that a neuron needs one forward kernel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from sc_neurocore.equation.neuron import SPIKE
from sc_neurocore.kernels.derive import LAST, LENGTH, STEP, Pass, Scan, gradient_name
from sc_neurocore.kernels.numba.templates import (
    BACKWARD,
    BACKWARD_ARRAYS,
    BACKWARD_FEEDBACK,
    FORWARD,
    FORWARD_ARRAYS,
    FORWARD_FEEDBACK,
    NUMBERS,
    Element,
)
from sc_neurocore.kernels.text import Code, Real, fill

Storage: TypeAlias = Literal["float32", "float64", "bfloat16"]
"""How currents, spikes and their gradients are stored; bfloat16 is computed in float32."""

_SUPPORT = Path(__file__).with_name("support.py")
_FEEDBACK, _BEGINNING = _SUPPORT.with_name("feedback.py"), "# Where the emitted text begins.\n"


def _functions(real: Real) -> dict[str, str]:
    return {
        "abs": "abs",
        "min": "minimum",
        "max": "maximum",
        "exp": f"exp_{real}",
        "tanh": "np.tanh",
        "sigmoid": f"sigmoid_{real}",
        "exprel": f"exprel_{real}",
        "log": "np.log",
        "sqrt": "np.sqrt",
        "sin": "np.sin",
        "cos": "np.cos",
        "cosh": "np.cosh",
        "power": "np.power",
        "select": "where",
    }


_COLUMNS = 512
"""Of so many columns at a time a tile of weights is made."""

_PLACES = 256
"""The steps of samples of which the weights' gradient is added up at a time."""


def emit_forward(scan: Scan, storage: Storage) -> str:
    """Return a module whose `work` computes the steps of all neurons, chunk by chunk."""
    code = _Code(scan, storage)
    states = [code.row(name) for name in scan.states]
    rows = [*states, *code.constant_rows(scan.forward)]
    stores = {SPIKE: "spike_row[j]", **{name: f"{code.row(name)}[j]" for name in scan.states}}
    return code.fill(
        FORWARD,
        unpack=code.unpack(FORWARD_ARRAYS, FORWARD_FEEDBACK),
        fed=code.if_recurrent("feedback, events, brought,"),
        scratch=code.scratch(),
        rows=[f"{row}," for row in rows],
        cut_rows=[f"{row}[:size]," for row in rows],
        begin=code.begin("wide"),
        step=code.body(scan.forward, stores),
        record=[
            line
            for index, state in enumerate(states)
            for line in (
                f"if traced[{index}] >= 0:",
                f"    copy_row({state}, trace[traced[{index}], t, start : start + size])",
                f"if summed[{index}] >= 0:",
                f"    add_row({state}, sums[summed[{index}], start : start + size])",
            )
        ],
        allocate=code.allocate(rows),
        load=[*code.load_states(), *code.load_constants(scan.forward)],
        finish=[
            f"copy_row({state}[:size], final[{index}, start : start + size])"
            for index, state in enumerate(states)
        ],
    )


def emit_backward(scan: Scan, storage: Storage) -> str:
    """Return a module whose `work` computes the gradients of all neurons, chunk by chunk."""
    code = _Code(scan, storage)
    neuron = scan.neuron
    states = [code.row(name) for name in scan.states]
    toward = [code.row(gradient_name(name)) for name in scan.states]
    sums = [code.row(gradient_name(name)) for name in scan.wanted]
    kept = [code.row(f"kept {name}") for name in scan.states]
    rows = [*states, *toward, *sums, *code.constant_rows(scan.backward)]
    passing = [gradient_name(name) for name in scan.states]
    stores = {
        gradient_name(neuron.input): "current_gradient_row[j]",
        **{name: f"{code.row(name)}[j]" for name in passing},
    }
    return code.fill(
        BACKWARD,
        unpack=code.unpack(BACKWARD_ARRAYS, BACKWARD_FEEDBACK),
        fed=code.if_recurrent("feedback, backwards, events, brought, idle, driven,"),
        scratch=[
            *code.scratch(),
            *code.if_recurrent(
                f"idle = np.zeros(min({_COLUMNS}, count), np.{code.real})",
                f"driven = np.empty((steps, block), np.{code.real})",
                f"places = np.empty((count, {_PLACES}), np.int32)",
                "numbers_of_places = np.empty(count, np.int64)",
            ),
        ],
        rows=[f"{row}," for row in rows],
        cut_rows=[f"{row}[:size]," for row in rows],
        state_count=[str(len(states))],
        kept_rows=[f"{row} = history[{index}, t, :size]" for index, row in enumerate(kept)],
        begin=code.begin("driven[t, :size]"),
        begin_reverse=code.begin("driven[t, :size]", is_driven=True),
        keep=[f"{row}[j] = {state}[j]" for row, state in zip(kept, states, strict=True)],
        step=code.body(scan.forward, {name: f"{code.row(name)}[j]" for name in scan.states}),
        arrive=[
            line
            for index, row in enumerate(toward)
            for line in (
                f"if traced[{index}] >= 0:",
                "    r = t if grad_trace.shape[1] > 1 else 0",
                f"    add_row(grad_trace[traced[{index}], r, start : start + size], {row})",
                f"if summed[{index}] >= 0:",
                f"    add_row(grad_sums[summed[{index}], start : start + size], {row})",
            )
        ],
        adjoint=code.body(
            scan.backward,
            stores,
            added={
                gradient_name(name): f"{code.row(gradient_name(name))}[j]" for name in scan.wanted
            },
            loaded={
                **{name: f"{row}[j]" for name, row in zip(scan.states, kept, strict=True)},
                **{name: f"{code.row(name)}[j]" for name in passing},
                gradient_name(SPIKE): "spike_row[j]",
            },
        ),
        send=code.if_recurrent(
            "copy_row(current_gradient_row, driven[t, :size])",
            f"send_back(current_gradient_row, backwards, idle, {code.row(gradient_name(LAST))})",
        ),
        credit=code.if_recurrent(
            f"came_back = history[{len(states) - 1}]",
            "came_back[:, size:] = ZERO",
            "driven[:, size:] = ZERO",
            "credit(came_back.reshape(steps * block // count, count),",
            "       driven.reshape(steps * block // count, count),",
            "       places, numbers_of_places, feedback_partials[index])",
        ),
        allocate=code.allocate(rows),
        load=[
            *code.load_states(),
            *code.load_constants(scan.backward),
            *(
                line
                for index, row in enumerate(toward)
                for line in (
                    f"{row}[:] = ZERO",
                    "if len(grad_final):",
                    f"    copy_row(grad_final[{index}, start : start + size], {row}[:size])",
                )
            ),
        ],
        zero=[f"{row}[:] = ZERO" for row in sums],
        finish=[
            *(
                f"copy_row({row}[:size], grad_initial[{index}, start : start + size])"
                for index, row in enumerate(toward)
            ),
            *(
                f"scatter({row}[:size], start, inner, partials[index, {code.slice(name)}])"
                for row, name in zip(sums, scan.wanted, strict=True)
            ),
        ],
    )


class _Code(Code):
    """The pieces that both passes are made of."""

    def __init__(self, scan: Scan, storage: Storage) -> None:
        real: Real = "float64" if storage == "float64" else "float32"
        super().__init__(scan, real, _functions(real))
        self.storage = storage

    def row(self, symbol: str) -> str:
        return f"{self.name(symbol)}_row"

    def slice(self, constant: str) -> str:
        index = self.scan.constants.index(constant)
        return f"offsets[{index}] : offsets[{index + 1}]"

    def constant_rows(self, of: Pass) -> list[str]:
        masks = [self.row(LENGTH)] if self.scan.masked else []
        return [*(self.row(name) for name in of.constants), *masks]

    def if_recurrent(self, *lines: str) -> list[str]:
        """Return the lines, or none if no spikes come back."""
        return list(lines) if self.scan.recurrent else []

    def scratch(self) -> list[str]:
        """Return what makes room for what spikes bring."""
        return self.if_recurrent(
            "count = feedback.shape[1]",
            "events = np.empty(count, np.int64)",
            f"brought = np.empty(count, np.{self.real})",
        )

    def unpack(
        self,
        arrays: Iterable[tuple[str, int, Element]],
        if_recurrent: Iterable[tuple[str, int, Element]],
    ) -> list[str]:
        """Return what gives the numbers, and the arrays that they stand for, their names."""
        lines = [f"{name} = numbers[{index}]" for index, name in enumerate(NUMBERS) if index]
        place, states = len(NUMBERS), len(self.scan.states)
        for name, length in (
            ("traced", states),
            ("summed", states),
            ("offsets", len(self.scan.constants) + 1),
        ):
            lines.append(f"{name} = carray(numbers, ({place + length},))[{place}:]")
            place += length
        stored = "uint16" if self.storage == "bfloat16" else self.storage
        elements = {"real": self.real, "stored": stored, "double": "float64"}
        for name, axes, element in (*arrays, *(if_recurrent if self.scan.recurrent else ())):
            shape = "".join(f"numbers[{place + 1 + axis}], " for axis in range(axes))
            address = f"memory_at(numbers[{place}])"
            lines.append(f"{name} = carray({address}, ({shape}), np.{elements[element]})")
            place += 1 + axes
        return lines

    def allocate(self, rows: Iterable[str]) -> list[str]:
        return [f"{row} = np.empty(block, np.{self.real})" for row in rows]

    def load_states(self) -> list[str]:
        return [
            f"spread(initial[{index}], start, {self.row(name)}[:size])"
            for index, name in enumerate(self.scan.states)
        ]

    def load_constants(self, of: Pass) -> list[str]:
        lines = [
            f"gather(values[{self.slice(name)}], start, inner, {self.row(name)}[:size])"
            for name in of.constants
        ]
        if self.scan.masked:
            lines.append(f"gather(lengths, start, length_inner, {self.row(LENGTH)}[:size])")
        return lines

    def begin(self, driven: str, *, is_driven: bool = False) -> list[str]:
        """Return what comes before the loop over the neurons of a step.

        Args:
            driven: Where the currents go together with what spikes bring, if these come back.
            is_driven: Whether they are already there.
        """
        currents = "currents[t if len(currents) > 1 else 0, start : start + size]"
        current = self.row(self.scan.neuron.input)
        is_short = self.storage == "bfloat16"
        if self.scan.recurrent:
            lines = (
                []
                if is_driven
                else [
                    f"{'widen' if is_short else 'copy_row'}({currents}, {driven})",
                    f"feed_back({self.row(LAST)}, feedback, events, brought, {driven})",
                ]
            )
            lines.append(f"{current} = {driven}")
        elif is_short:
            lines = [f"widen({currents}, wide)", f"{current} = wide"]
        else:
            lines = [f"{current} = {currents}"]
        if self.scan.masked:
            lines.append(f"{self.name(STEP)} = np.{self.real}(t)")
        return lines

    def body(
        self,
        of: Pass,
        stores: Mapping[str, str],
        *,
        added: Mapping[str, str] | None = None,
        loaded: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Return the loop's body: read the rows, compute, and only then write.

        Args:
            of: The assignments.
            stores: Where each result goes.
            added: To what the other results are added.
            loaded: Where symbols come from, if not from the row of their name.
        """
        scan, places = self.scan, dict(loaded or {})
        read = [*scan.states, scan.neuron.input, *of.constants]
        read += [LENGTH] if scan.masked else []
        for name in read:
            places.setdefault(name, f"{self.row(name)}[j]")
        writes = {**stores, **(added or {})}
        lines = [f"{self.name(name)} = {place}" for name, place in places.items()]
        lines += self.compute(of, (*places, STEP), writes)
        for name, place in writes.items():
            sign = "+=" if added and name in added else "="
            lines.append(f"{place} {sign} {self.new(name)}")
        return lines

    def fill(self, template: str, **pieces: list[str]) -> str:
        """Return the module: what it stands on, its numbers, and the template with its pieces.

        A piece alone on its line becomes lines of that indentation; others are words.
        """
        is_short = self.storage == "bfloat16"
        words: dict[str, list[str]] = {
            "real": [self.real],
            "write": ["narrow" if is_short else "copy_row"],
            "add": ["add_wide" if is_short else "add_row"],
            **pieces,
        }
        lines = fill(template, words)
        text = _SUPPORT.read_text()
        if self.scan.recurrent:
            text += _FEEDBACK.read_text().partition(_BEGINNING)[2]
        return "\n".join([text, *self.numbers(f"np.{self.real}({{}})"), *lines, ""])
