"""The text that runs many steps of a neuron computes what the one evaluator computes."""

import json
from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.equation import CATALOGUE, Neuron, parse_neuron
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import FixedPoint, NumpyIntegers, evaluate, lower
from sc_neurocore.fixed.compiled import CompiledSteps
from sc_neurocore.fixed.lowering import NEXT, SPIKE, NeuronProgram
from sc_neurocore.fixed.program import INTERVALS

ROOT = Path(__file__).parents[2]
FORMATS = (
    "Q8.8", "Q3.5:wrap", "UQ4.4:wrap", "UQ8.8:nearest", "Q8.12:nearest", "Q22.22:nearest:wrap",
    "Q6.10:current=Q9.4:tables=2", "Q8.8:multipliers=adders",
)  # fmt: skip
EVERYTHING = """
    neuron Everything
    state v = 0.5
    state u = 1
    state fired = 0
    parameter tau = 7
    input I, g
    noise xi = normal(0, 0.25) seed 5
    local x = abs(v - u)*exp(-abs(g)) + sigmoid(v*u)/(1 + u*u)
    local y = select(v < u, min(x, 3*v), max(-x, u)) + log(1 + abs(I)) + sqrt(abs(v))
    update fired = v*u - I
    update v = v + (x - v + I + xi)/tau + 0.3*fired + 0.875*y
    update u = clamp(u + v*v - y*g, -20, 20)
    spike v > u
    reset v = -v/2
    reset u = u + 1
    after u = u - s*v + select(fired <= g, 0.25, -y)
    refractory while v > 3
"""


def check(program: NeuronProgram, number: int, steps: int = 40, channels: int = 5) -> None:
    """Compare every spike and state, from states and on currents all over their formats."""
    random, neuron = np.random.default_rng(number), program.neuron
    compiled = CompiledSteps(program.program, {name: name + NEXT for name in neuron.states}, SPIKE)
    forms = {name: program.fixed_point.of(name) for name in neuron.states}
    current = program.fixed_point.current
    state = {
        name: random.integers(form.minimum, form.maximum, channels, endpoint=True)
        for name, form in forms.items()
    }
    for name, form in forms.items():
        state[name][0] = form.quantize(neuron.states[name])
    ends = (current.minimum, current.maximum)
    arriving = {
        port: np.where(
            random.random((steps, channels)) < 0.1,
            random.choice(ends, (steps, channels)),
            random.integers(ends[0] // 16, ends[1] // 16 + 1, (steps, channels)),
        )
        for port in program.currents
    }
    found = [
        compiled.run(
            {name: int(values[channel]) for name, values in state.items()},
            {port: values[:, channel].tolist() for port, values in arriving.items()},
            steps,
        )
        for channel in range(channels)
    ]
    algebra = NumpyIntegers(program.program)
    for step in range(steps):
        inputs = {**state, **{port: values[step] for port, values in arriving.items()}}
        outputs = evaluate(program.program, inputs, algebra)
        state = {name: outputs[name + NEXT] for name in neuron.states}
        spikes = np.broadcast_to(outputs[SPIKE], channels).tolist()
        assert [fired[step] for fired, _ in found] == spikes
        for name, values in state.items():
            wanted = np.broadcast_to(values, channels).tolist()
            assert [traces[name][step] for _, traces in found] == wanted


def programs() -> dict[str, NeuronProgram]:
    """Return each neuron of the catalogue in each format that it compiles in, and everything."""
    found = {}
    for neuron in (*CATALOGUE.values(), parse_neuron(EVERYTHING)):
        for form in FORMATS:
            try:
                found[f"{neuron.name} in {form}"] = lower(neuron, FixedPoint.parse(form))
            except UserError:
                continue
    return found


PROGRAMS = programs()


def test_every_operator_is_among_what_is_compared() -> None:
    nodes = [node for each in PROGRAMS.values() for node in each.program.nodes]
    operators = {node.operator for node in nodes}
    assert operators == {*INTERVALS, "input", "constant", "clamp", "lookup"}
    assert sum(name.startswith("Everything") for name in PROGRAMS) >= len(FORMATS) - 2
    assert max(each.program.width for each in PROGRAMS.values()) > 63
    assert any(node.table and min(node.table.entries) < 0 for node in nodes)


@pytest.mark.parametrize("name", PROGRAMS)
def test_steps_are_those_of_the_evaluator(name: str) -> None:
    check(PROGRAMS[name], number=len(name))


def test_published_neurons_in_the_formats_of_their_table() -> None:
    result = ROOT / "benchmarks" / "results" / "neuron_gallery.json"
    rows = json.loads(result.read_bytes())["rows"]
    for number, row in enumerate(rows):
        text = (ROOT / "examples" / "gallery" / f"{row['neuron']}.txt").read_text()
        program = lower(parse_neuron(text), FixedPoint.parse(row["about"]["formats"]))
        check(program, number, steps=20)
    assert len(rows) >= 30


def test_a_state_that_is_only_read_and_a_neuron_without_input() -> None:
    neuron: Neuron = parse_neuron("neuron N\nstate v = 1\nstate w = 2\nupdate v = w\nspike v > 1")
    check(lower(neuron, FixedPoint.parse("Q8.8")), number=0)
