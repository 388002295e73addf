"""A scan as the text of a Python module with a Triton kernel.

A program runs a block of neurons, one to a lane, whose states stay in registers from the first step
to the last. Backwards it reads the states before each step, which a forward scan has kept.

Of state 0 the kernels take `initial0`, `trace0`, `sum0` and `final0`, backwards `kept0` and the
gradients with the same names; and of constant 0 where it begins, `place0`, its number of values,
`size0`, and backwards, if it is wanted, `credit0`, where each neuron's gradient goes. No name of a
neuron's own is like these: they all have a low line before their number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sc_neurocore.equation.neuron import SPIKE
from sc_neurocore.kernels.derive import LENGTH, STEP, Pass, Scan, gradient_name
from sc_neurocore.kernels.text import Code, Real, fill
from sc_neurocore.kernels.triton.templates import BACKWARD, FORWARD, IMPORTS

_FUNCTIONS = {
    "/": "divide",
    "neg": "negative",
    "abs": "tl.abs",
    "min": "minimum",
    "max": "maximum",
    "exp": "exp",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "exprel": "exprel",
    "log": "tl.log",
    "sqrt": "root",
    "sin": "tl.sin",
    "cos": "tl.cos",
    "cosh": "cosh",
    "power": "power",
    "select": "tl.where",
}

_USED = [
    *(name for name in _FUNCTIONS.values() if not name.startswith("tl.")),
    *("places", "put", "put_squares"),
]


def emit_forward(scan: Scan, real: Real) -> str:
    """Return a module whose `scan` computes the steps of all neurons."""
    code = _Code(scan, real)
    states = [code.name(name) for name in scan.states]
    load, record, finish = [], [], []
    for k, state in enumerate(states):
        load += [
            f"{state} = tl.load(initial{k} + at * initial_stride, mask=inside, other=0.0)",
            f"total{k} = ZERO",
        ]
        record += [
            f"if trace{k} is not None:",
            f"    put(trace{k} + at, {state}, inside)",
            f"    trace{k} += neurons",
            f"if sum{k} is not None:",
            f"    total{k} += {state}",
        ]
        finish += [
            f"if sum{k} is not None:",
            f"    put(sum{k} + at, total{k}, inside)",
            f"if final{k} is not None:",
            f"    put(final{k} + at, {state}, inside)",
        ]
    known = (*scan.states, scan.neuron.input)
    return code.module(
        FORWARD,
        scan.forward,
        arguments=code.arguments(("initial", "trace", "sum", "final")),
        load=[*load, *code.load(scan.forward)],
        current=[code.name(scan.neuron.input)],
        step=[
            *code.compute(scan.forward, code.known(scan.forward, known), (SPIKE, *scan.states)),
            *(f"{code.name(name)} = {code.new(name)}" for name in scan.states),
        ],
        spike=[code.new(SPIKE)],
        record=[*record, *code.next_step("+")],
        finish=finish,
    )


def emit_backward(scan: Scan, real: Real) -> str:
    """Return a module whose `scan` computes the gradients of all neurons."""
    code = _Code(scan, real)
    toward = [gradient_name(name) for name in scan.states]
    current = gradient_name(scan.neuron.input)
    load, kept, arrive, finish = [], [], [], []
    for k, (name, gradient) in enumerate(zip(scan.states, map(code.name, toward), strict=True)):
        load += [
            f"{gradient} = ZERO",
            f"if final{k} is not None:",
            f"    {gradient} = tl.load(final{k} + at, mask=inside, other=0.0)",
            f"from_sum{k} = ZERO",
            f"if sum{k} is not None:",
            f"    from_sum{k} = tl.load(sum{k} + at, mask=inside, other=0.0)",
        ]
        kept += [
            f"{code.name(name)} = tl.load(kept{k} + at, mask=inside, other=0.0)",
            f"kept{k} += kept_stride",
        ]
        arrive += [
            f"if trace{k} is not None:",
            f"    {gradient} += tl.load(trace{k} + at, mask=inside, other=0.0)",
            f"    trace{k} += trace_stride",
            f"if sum{k} is not None:",
            f"    {gradient} += from_sum{k}",
        ]
        finish.append(f"put(initial{k} + at, {gradient}, inside)")
    wanted = {name: f"total{scan.constants.index(name)}" for name in scan.wanted}
    credits = [f"credit{scan.constants.index(name)}" for name in scan.wanted]
    known = (*scan.states, scan.neuron.input, gradient_name(SPIKE), *toward)
    results = (current, *toward, *map(gradient_name, wanted))
    return code.module(
        BACKWARD,
        scan.backward,
        arguments=[
            *code.arguments(("kept", "initial", "trace", "sum", "final")),
            *(f"{credit}," for credit in credits),
        ],
        load=[
            *load,
            *(f"{total} = ZERO" for total in wanted.values()),
            *code.load(scan.backward),
        ],
        kept=kept,
        current=[code.name(scan.neuron.input)],
        spike_gradient=[code.name(gradient_name(SPIKE))],
        arrive=arrive,
        adjoint=[
            *code.compute(scan.backward, code.known(scan.backward, known), results),
            *(f"{code.name(name)} = {code.new(name)}" for name in toward),
            *(f"{total} += {code.new(gradient_name(name))}" for name, total in wanted.items()),
            *code.next_step("-"),
        ],
        current_gradient=[code.new(current)],
        finish=[
            *finish,
            *(
                f"put({credit} + at, {total}, inside)"
                for credit, total in zip(credits, wanted.values(), strict=True)
            ),
        ],
    )


class _Code(Code):
    """The pieces that both passes are made of."""

    def __init__(self, scan: Scan, real: Real) -> None:
        super().__init__(scan, real, _FUNCTIONS)

    def arguments(self, kinds: Sequence[str]) -> list[str]:
        """Return the parameters of each state."""
        states = range(len(self.scan.states))
        return ["".join(f"{kind}{k}, " for kind in kinds).rstrip() for k in states]

    def known(self, of: Pass, others: Sequence[str]) -> tuple[str, ...]:
        """Return all symbols that have their values before a pass."""
        return (*others, *of.constants, *((STEP, LENGTH) if self.scan.masked else ()))

    def load(self, of: Pass) -> list[str]:
        """Return what reads the constants of a pass, and the lengths if there are any."""
        places = {name: self.scan.constants.index(name) for name in of.constants}
        lines = [
            f"{self.name(name)} = tl.load(values + place{i} + at // inner % size{i})"
            for name, i in places.items()
        ]
        if self.scan.masked:
            length = "tl.load(lengths + at // length_inner, mask=inside, other=0.0)"
            lines += [f"{self.name(LENGTH)} = {length}", f"{self.name(STEP)} = ZERO + first"]
        return lines

    def next_step(self, sign: str) -> list[str]:
        """Return what counts the steps, where anything asks for their number."""
        return [f"{self.name(STEP)} {sign}= ONE"] if self.scan.masked else []

    def module(self, template: str, of: Pass, **pieces: list[str]) -> str:
        """Return the whole module."""
        places = sorted(self.scan.constants.index(name) for name in of.constants)
        words: Mapping[str, list[str]] = {
            **pieces,
            "real": [self.real],
            "arguments": [*pieces["arguments"], *(f"place{i}, size{i}," for i in places)],
            "numbers": self.numbers(f"tl.full((BLOCK,), {{}}, tl.{self.real})"),
            "used": [f"{name}," for name in _USED],
        }
        return "\n".join([*fill(IMPORTS, words), *fill(template, words), ""])
