"""Networks of every kind of layer in integers: sums, units, delays, feedback, several equations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from sc_neurocore.equation import CATALOGUE, LIF
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import IntegerLayer, IntegerNetwork, NumpyIntegers, evaluate, quantize
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import (
    AveragePool2d,
    Conv2d,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    MaxPool2d,
    NetworkDescription,
    Population,
    Recurrent,
    Scale,
)

IF = CATALOGUE["IF"]
QUIET = Population(neuron=IF, parameters={"threshold": 1e4})
"""Neurons that add up their currents and never fire."""


def describe(*layers: Any, shape: Sequence[int] = (2,), **changes: Any) -> NetworkDescription:
    encoding = InputEncoding(shape=tuple(shape), bits=5, fraction_bits=4)
    fields = {"name": "net", "input": encoding, "steps": 4, "layers": layers, **changes}
    return NetworkDescription(**fields)


class Direct:
    """One sample, step by step, with loops over single synapses.

    Numbers are worth what they stand for: multiples of powers of two that float64 holds exactly.
    """

    def __init__(self, network: IntegerNetwork) -> None:
        self.network = network
        self.past: dict[tuple[int, int], list[np.ndarray]] = {}
        self.state: list[dict[str, Any]] = []
        self.spikes = [np.zeros(layer.shape) for layer in network.layers]
        for layer in network.layers:
            neuron, form = layer.program.neuron, layer.program.fixed_point.state
            rest = {n: np.full(layer.shape, form.quantize(v)) for n, v in neuron.states.items()}
            self.state.append(rest)

    def step(self, frame: np.ndarray) -> None:
        values = frame * 2.0**-self.network.input.fraction_bits
        for number, layer in enumerate(self.network.layers):
            for place, synapses in enumerate(layer.synapses):
                past = self.past.setdefault((number, place), [])
                past.append(values)
                values = self.sums(synapses, past)
            if layer.feedback is not None:
                values = values + self.sums(layer.feedback, [self.spikes[number]])
            values = self.neurons(number, layer, values)

    def sums(self, synapses: Any, past: list[np.ndarray]) -> np.ndarray:
        layer, values = synapses.layer, past[-1]
        out = np.zeros(layer.output_shape(values.shape))
        if isinstance(layer, Flatten):
            return values.ravel()
        if isinstance(layer, AveragePool2d):
            strides = layer.stride or layer.size
            for channel, row, column in np.ndindex(out.shape):
                for i, j in np.ndindex(*layer.size):
                    place = (channel, row * strides[0] + i, column * strides[1] + j)
                    out[channel, row, column] += values[place]
            return out * 2.0**-synapses.scale_bits
        if isinstance(layer, MaxPool2d):
            for channel, row, column in np.ndindex(out.shape):
                (top, left), (above, before) = layer.stride or layer.size, layer.padding
                seen = [
                    values[channel, y, x]
                    for y in range(row * top - above, row * top - above + layer.size[0])
                    for x in range(column * left - before, column * left - before + layer.size[1])
                    if 0 <= y < values.shape[1] and 0 <= x < values.shape[2]
                ]
                out[channel, row, column] = max(seen)
            return out
        if isinstance(layer, Scale):
            return values * layer.factor.reshape(-1, 1, 1) * 2.0**-synapses.scale_bits
        weight, bias = (
            synapses.weight * 2.0**-synapses.scale_bits,
            synapses.bias * 2.0**-synapses.output.fraction_bits,
        )
        out += bias.reshape(-1, *(1,) * (out.ndim - 1))
        if isinstance(layer, Conv2d):
            channels = weight.shape[1]
            for o, row, column in np.ndindex(out.shape):
                group = o // (len(weight) // layer.groups)
                for c, i, j in np.ndindex(weight.shape[1:]):
                    y = row * layer.stride[0] + i * layer.dilation[0] - layer.padding[0]
                    x = column * layer.stride[1] + j * layer.dilation[1] - layer.padding[1]
                    if 0 <= y < values.shape[1] and 0 <= x < values.shape[2]:
                        out[o, row, column] += (
                            weight[o, c, i, j] * values[group * channels + c, y, x]
                        )
            return out
        delays = layer.delays if isinstance(layer, DelayDense) else np.zeros(weight.shape, int)
        for o, j in np.ndindex(weight.shape):
            if delays[o, j] < len(past):
                out[o] += weight[o, j] * past[-1 - delays[o, j]][j]
        return out

    def neurons(self, number: int, layer: IntegerLayer, values: np.ndarray) -> np.ndarray:
        program = layer.program
        form = program.fixed_point.current
        current = np.clip(
            np.floor(values * 2.0**form.fraction_bits), form.minimum, form.maximum
        ).astype(np.int64)
        ports = {
            port.name: layer.parameters[:, i].reshape(-1, *(1,) * (len(layer.shape) - 1))
            for i, port in enumerate(program.parameters)
        }
        inputs = {**self.state[number], "current": current, **ports}
        outputs = evaluate(program.program, inputs, NumpyIntegers(program.program))
        self.state[number] = {name: outputs[f"{name}_next"] for name in self.state[number]}
        self.spikes[number] = outputs["spike"].astype(float)
        return self.spikes[number]


def compare_with_direct(network: IntegerNetwork, inputs: np.ndarray) -> None:
    run = network.run(inputs, record=True)
    static = network.input.kind == "static"
    for sample in range(run.classes.size):
        direct = Direct(network)
        membrane: Any = 0
        for t in range(network.steps):
            direct.step(inputs[sample] if static else inputs[t, sample])
            for number in range(len(network.layers)):
                spikes, states = run.spikes[number], run.states[number]
                np.testing.assert_array_equal(spikes[t, sample], direct.spikes[number])
                for name, values in states.items():
                    np.testing.assert_array_equal(
                        values[t, sample], direct.state[number][name], f"{name}, step {t}"
                    )
            membrane = membrane + direct.state[-1][network.layers[-1].program.neuron.membrane]
        np.testing.assert_array_equal(run.membrane[sample], np.ravel(membrane))
    np.testing.assert_array_equal(
        run.spike_counts, run.spikes[-1].sum(axis=0).reshape(run.spike_counts.shape)
    )
    scores = run.membrane if network.readout == "membrane" else run.spike_counts
    np.testing.assert_array_equal(run.classes, scores.argmax(axis=1))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    depth=st.integers(0, 4),
    form=st.sampled_from(["Q8.8", "Q4.4", "Q12.12", "Q3.9"]),
    readout=st.sampled_from(["spike-count", "membrane"]),
    data=st.data(),
)
def test_stacks_of_layers_are_the_sums_over_their_synapses(
    seed: int,
    depth: int,
    form: str,
    readout: str,
    data: st.DataObject,
    make_stack: Callable[[int, int], NetworkDescription],
) -> None:
    description = make_stack(seed, depth).model_copy(update={"readout": readout})
    weighted = sum(hasattr(layer, "weight") for layer in description.layers)
    widths = data.draw(st.lists(st.integers(2, 10), min_size=weighted, max_size=weighted))
    try:
        network = quantize(description, form, widths)
    except UserError as error:
        assert "at most 48 bits" in str(error)  # many layers without neurons between them
        reject()
    encoding = description.input
    lead = (2,) if encoding.kind == "static" else (description.steps, 2)
    inputs = np.random.default_rng(seed).integers(0, 2**encoding.bits, (*lead, *encoding.shape))
    compare_with_direct(network, inputs)


def dequantised(description: NetworkDescription, network: IntegerNetwork) -> NetworkDescription:
    """The description with the numbers that the integers stand for."""
    parts = iter(
        part
        for layer in network.layers
        for part in (*layer.synapses, layer.feedback)
        if part is not None and part.weight_bits
    )
    layers: list[Any] = []
    for layer in description.layers:
        changes = {}
        if hasattr(layer, "weight"):
            part = next(parts)
            changes["weight"] = part.weight * 2.0**-part.scale_bits
            changes["bias"] = part.bias * 2.0**-part.output.fraction_bits
        layers.append(layer.model_copy(update=changes))
    return description.model_copy(update={"layers": tuple(layers)})


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["static", "sequence"])
def test_where_nothing_is_rounded_integers_are_the_floats_of_their_values(
    seed: int, kind: str
) -> None:
    random = np.random.default_rng(seed)
    # beta 0.5 moves every bit by one place in each of 6 steps; 28 fraction bits hold them all.
    half = {"beta": 0.5, "threshold": 0.75}
    description = describe(
        Conv2d(weight=random.normal(size=(4, 2, 3, 3)), padding=(1, 1), bias=random.normal(size=4)),
        AveragePool2d(size=(2, 2)),
        Population(neuron=LIF, parameters=half),
        Conv2d(weight=random.normal(size=(4, 2, 2, 1)), stride=(2, 1), dilation=(1, 2), groups=2),
        Population(neuron=IF),
        AveragePool2d(size=(1, 2)),
        Flatten(),
        DelayDense(weight=random.normal(size=(7, 16)), delays=random.integers(0, 4, (7, 16))),
        Recurrent(
            neuron=LIF, parameters=half, weight=random.normal(size=(7, 7)), bias=np.full(7, 0.3)
        ),
        Dense(weight=random.normal(size=(3, 7)), bias=random.normal(size=3)),
        Population(neuron=LIF, parameters={**half, "threshold": np.array([0.5, 0.75, 1.25])}),
        shape=(2, 8, 8),
        steps=6,
        input=InputEncoding(kind=kind, shape=(2, 8, 8), bits=5, fraction_bits=4),
    )
    network = quantize(description, "Q12.28", 4)
    lead = (3,) if kind == "static" else (6, 3)
    inputs = random.integers(0, 32, (*lead, 2, 8, 8))
    run = network.run(inputs, record=True)
    floats = run_float(dequantised(description, network), inputs, record=True)
    assert run.spikes[-1].any() and not run.spikes[-1].all()
    np.testing.assert_array_equal(run.classes, floats.classes)
    for ours, theirs in zip(run.states, floats.states, strict=True):
        np.testing.assert_array_equal(ours["v"] * 2.0**-28, theirs["v"])
    np.testing.assert_array_equal(run.membrane * 2.0**-28, floats.membrane)


def test_an_average_by_a_power_of_two_only_moves_the_unit() -> None:
    description = describe(
        Conv2d(weight=np.array([[[[1.0]]]])), AveragePool2d(size=(2, 2)), QUIET, shape=(1, 2, 2)
    )
    (layer,) = quantize(description).layers
    convolution, pool = layer.synapses
    # The weight is 64 of 2^-6; the sums have the input's 4 bits too, and pooling adds 2.
    assert (convolution.weight.item(), convolution.scale_bits) == (64, 6)
    assert [each.output.fraction_bits for each in (convolution, pool)] == [10, 12]
    assert (pool.output.low, pool.output.high) == (0, 4 * 64 * 31)
    assert (layer.shift, layer.accumulator_bits) == (4, 14)
    run = quantize(description).run(np.array([[[[1, 2], [3, 5]]]]), record=True)
    assert run.states[0]["v"][:, 0].ravel().tolist() == [44, 88, 132, 176]  # 11/4/16 = 44/256


def test_other_averages_go_into_the_weights_that_follow() -> None:
    weight = np.array([[[[0.5]]]])
    description = describe(
        AveragePool2d(size=(1, 3)), Conv2d(weight=weight, bias=[1.0]), QUIET, shape=(1, 1, 3)
    )
    (layer,) = quantize(description).layers
    pool, convolution = layer.synapses
    assert pool.output.fraction_bits == 4
    assert (convolution.weight.item(), convolution.scale_bits) == (85, 9)  # 0.5 / 3 * 512 = 85.3
    assert convolution.bias.item() == 1 << 13  # as it was


def test_other_averages_behind_the_last_weights_go_back_into_these_and_their_bias() -> None:
    description = describe(
        Conv2d(weight=np.array([[[[0.5]]]]), bias=[1.0]),
        AveragePool2d(size=(1, 3)),
        QUIET,
        shape=(1, 1, 3),
    )
    (layer,) = quantize(description).layers
    convolution, pool = layer.synapses
    assert (convolution.weight.item(), convolution.scale_bits) == (85, 9)
    assert convolution.bias.item() == round((1 << 13) / 3)
    assert (pool.output.fraction_bits, layer.shift) == (13, 5)


def test_other_averages_without_weights_become_weights() -> None:
    description = describe(AveragePool2d(size=(3, 3)), QUIET, shape=(2, 3, 6))
    network = quantize(description, weight_bits=2)
    inputs = np.random.default_rng(0).integers(0, 32, (5, 2, 3, 6))
    found = network.run(inputs, record=True).states[0]["v"][0] / 256
    means = inputs.reshape(5, 2, 3, 2, 3).mean(axis=(2, 4))[:, :, np.newaxis] / 16
    np.testing.assert_allclose(found, means, atol=1.01 / 256)  # one rounding towards -infinity


@pytest.mark.parametrize("factor", [-1.5, 1.5])
@pytest.mark.parametrize("is_behind", [False, True])
def test_factors_go_past_a_maximum_unless_they_turn_it_round(
    factor: float, is_behind: bool
) -> None:
    random = np.random.default_rng(1)
    weights = Conv2d(weight=random.normal(size=(2, 2, 2, 2)), bias=random.normal(size=2))
    maximum, scale = MaxPool2d(size=(2, 2), stride=(1, 2), padding=(1, 0)), Scale(factor=factor)
    layers = (weights, maximum, scale) if is_behind else (scale, maximum, weights)
    network = quantize(describe(*layers, QUIET, shape=(2, 5, 6)), "Q8.16", 12)
    kinds = [synapses.layer.kind for synapses in network.layers[0].synapses]
    assert ("scale" in kinds) == (factor < 0)
    inputs = random.integers(0, 32, (3, 2, 5, 6))
    compare_with_direct(network, inputs)
    floats = run_float(describe(*layers, QUIET, shape=(2, 5, 6)), inputs).membrane
    np.testing.assert_allclose(network.run(inputs).membrane / 2**16, floats, rtol=0.01, atol=0.1)


def test_feedback_and_input_meet_in_the_finer_unit() -> None:
    # Weights 3 * 2^-5 on inputs of 2^-4, and 1 * 2^-1 on spikes: 2^-9 is the common unit.
    layer = Recurrent(
        neuron=IF, parameters={"threshold": 0.25}, weight=[[0.0, 0.5], [0.0, 0.0]], bias=[0.0, -0.5]
    )
    description = describe(Dense(weight=np.diag([3 / 32, 3 / 32]), bias=[0.0, 2**-9]), layer)
    (integers,) = quantize(description, "Q8.8", [3, 2]).layers
    feedback = integers.feedback
    assert feedback is not None
    assert (integers.synapses[0].output.fraction_bits, feedback.output.fraction_bits) == (9, 1)
    assert (integers.accumulator.fraction_bits, integers.shift) == (9, 1)
    assert integers.accumulator.low == -(1 << 8)  # the bias of the feedback: -0.5
    assert integers.accumulator.high == 3 * 31 + 1 + (1 << 8)
    network = quantize(description, "Q8.8", [3, 2])
    compare_with_direct(network, np.array([[31, 31], [7, 0], [0, 20]]))


def test_recurrent_neurons_and_delays_in_plain_integers() -> None:
    random = np.random.default_rng(5)
    delays = random.integers(0, 5, (3, 4))
    description = describe(
        DelayDense(weight=random.normal(size=(3, 4)), delays=delays, bias=random.normal(size=3)),
        Recurrent(neuron=LIF, weight=random.normal(size=(3, 3)), bias=random.normal(size=3)),
        shape=(4,),
        steps=9,
        input=InputEncoding(kind="sequence", shape=(4,), bits=5, fraction_bits=4),
    )
    network = quantize(description, weight_bits=[8, 5])
    (layer,) = network.layers
    assert layer.feedback is not None
    frames = random.integers(0, 32, (9, 1, 4))
    run = network.run(frames, record=True)
    own, back = layer.synapses[0], layer.feedback
    bits = max(own.output.fraction_bits, back.output.fraction_bits)
    spikes, v = [0] * 3, [0] * 3
    for t in range(9):
        currents = []
        for n in range(3):
            total = int(own.bias[n])
            for j in range(4):
                if t >= delays[n, j]:
                    total += int(own.weight[n, j]) * int(frames[t - delays[n, j], 0, j])
            returned = int(back.bias[n])
            for j in range(3):
                returned += int(back.weight[n, j]) * spikes[j]
            total <<= bits - own.output.fraction_bits
            total += returned << (bits - back.output.fraction_bits)
            currents.append(max(-(2**19), min(2**19 - 1, total >> (bits - 8))))
        for n in range(3):
            v[n] = max(-32768, min(32767, (29491 * v[n] + (currents[n] << 15)) >> 15))
            spikes[n] = int(v[n] >= 256)
            v[n] -= 256 * spikes[n]
        assert run.spikes[0][t, 0].tolist() == [bool(spike) for spike in spikes]
        assert run.states[0]["v"][t, 0].tolist() == v


def test_each_equation_has_one_program_and_each_layer_its_own_numbers() -> None:
    random = np.random.default_rng(0)

    def dense() -> Dense:
        return Dense(weight=random.normal(size=(3, 3)))

    description = describe(
        dense(),
        Population(neuron=LIF, parameters={"beta": 0.5}),
        dense(),
        Population(neuron=IF),
        dense(),
        Population(neuron=LIF, parameters={"beta": np.array([0.1, 0.2, 0.3])}),
        shape=(3,),
    )
    network = quantize(description)
    assert [program.neuron.name for program in network.programs] == ["LIF", "IF"]
    first, second, third = network.layers
    assert first.program is third.program
    assert [port.name for port in first.program.parameters] == ["beta"]
    assert second.program.parameters == () and second.parameters.shape == (3, 0)
    np.testing.assert_array_equal(first.parameters, np.full((3, 1), 1 << 14))
    assert network.steps == 4
    compare_with_direct(network, random.integers(0, 32, (4, 3)))
    with pytest.raises(UserError, match="neurons LIF, IF: expected one equation"):
        _ = network.program


def test_weight_bits_may_differ_by_layer() -> None:
    random = np.random.default_rng(0)
    description = describe(
        Conv2d(weight=random.normal(size=(2, 1, 2, 2))),
        Population(neuron=LIF),
        AveragePool2d(size=(2, 2)),
        Flatten(),
        Dense(weight=random.normal(size=(3, 2))),
        Recurrent(neuron=LIF, weight=random.normal(size=(3, 3))),
        shape=(1, 3, 3),
    )
    network = quantize(description, weight_bits=[3, 16, 7])
    assert network.weight_bits == (3, 16, 7)
    weights = [part.weight for part in (*network.layers[0].synapses, *network.layers[1].synapses)
               if part.weight_bits] + [network.layers[1].feedback.weight]  # fmt: skip
    for weight, bits in zip(weights, (3, 16, 7), strict=True):
        assert (1 << (bits - 2)) - 1 <= np.abs(weight).max() <= (1 << (bits - 1)) - 1
    assert quantize(description, weight_bits=5).weight_bits == (5, 5, 5)
    for wrong, message in (
        ([8, 8], "expected one number, or 3"),
        ([8, 8, 1], "expected 2 to 24, whole"),
        (25, "expected 2 to 24, whole"),
    ):
        with pytest.raises(UserError, match=message):
            quantize(description, weight_bits=wrong)


def test_a_network_without_weights() -> None:
    network = quantize(describe(Population(neuron=IF), Population(neuron=IF)))
    assert network.weight_bits == ()
    run = network.run(np.array([[16, 4]]))
    assert run.spike_counts.tolist() == [[4, 1]]


def test_linear_layers_in_a_row_are_exact_up_to_the_end() -> None:
    first, second = np.array([[0.7, -0.3], [0.2, 0.9]]), np.array([[0.6, 0.1]])
    description = describe(Dense(weight=first, bias=[0.5, -0.25]), Dense(weight=second), QUIET)
    (layer,) = quantize(description, "Q8.8", 8).layers
    a, b = layer.synapses
    assert a.output.fraction_bits == 4 + a.scale_bits
    assert layer.accumulator.fraction_bits == 4 + a.scale_bits + b.scale_bits
    inputs = np.random.default_rng(0).integers(0, 32, (20, 2))
    sums = (inputs @ a.weight.T + a.bias) @ b.weight.T + b.bias
    run = quantize(description, "Q8.8", 8).run(inputs, record=True)
    np.testing.assert_array_equal(run.states[0]["v"][0], sums >> layer.shift)
    many = describe(*(Dense(weight=first) for _ in range(9)), QUIET)
    with pytest.raises(UserError, match=r"layers\[\d\], dense .*at most 48 bits"):
        quantize(many, weight_bits=8)


def test_channels_of_images_have_parameters_of_their_own() -> None:
    thresholds = np.array([0.25, 0.5, 8.0])
    description = describe(
        Conv2d(weight=np.ones((3, 1, 1, 1))),
        Population(neuron=IF, parameters={"threshold": thresholds}),
        shape=(1, 2, 2),
        steps=8,
    )
    run = quantize(description, "Q8.8").run(np.full((1, 1, 2, 2), 4))
    counts = run.spike_counts.reshape(3, 4)
    np.testing.assert_array_equal(counts, np.repeat([[8], [4], [0]], 4, axis=1))


def test_a_spike_input_has_a_frame_per_step() -> None:
    encoding = InputEncoding(kind="spikes", shape=(2,), bits=1, fraction_bits=0)
    description = describe(Dense(weight=np.eye(2)), Population(neuron=IF), input=encoding)
    inputs = np.zeros((4, 3, 2), dtype=np.uint8)
    inputs[1:3, 2, 1] = 1
    run = quantize(description).run(inputs)
    assert run.spike_counts.tolist() == [[0, 0], [0, 0], [0, 2]]
    with pytest.raises(UserError, match=r"expected \(4, batch, 2\)"):
        quantize(description).run(inputs[:3])
    with pytest.raises(UserError, match="expected 0 to 1"):
        quantize(description).run(inputs + 1)


def test_the_sums_of_a_recurrent_layer_that_are_too_wide_are_refused() -> None:
    layer = Recurrent(neuron=IF, weight=[[1e12]])
    with pytest.raises(UserError, match=r"layers\[1\], recurrent.*: sums of \d+ bits"):
        quantize(describe(Dense(weight=[[2.0**-12, 0.0]]), layer))
