"""Noise: the generator against linear algebra over bits, its moments against closed forms."""

import math

import numpy as np
import pytest

from sc_neurocore.equation import ArrayAlgebra, Neuron, parse_neuron, step
from sc_neurocore.equation.brian import from_brian2
from sc_neurocore.equation.noise import (
    NORMAL_SCALE,
    PERIOD,
    WORD_BITS,
    first_word,
    float_normal,
    float_uniform,
    float_word,
    later_words,
)
from sc_neurocore.errors import EquationError, UserError
from sc_neurocore.fixed.stimulus import run_neuron

LINEAR = """
    neuron Noisy
    state v = 0
    parameter tau = 20
    parameter dt = 1
    noise xi = normal(0, {}*sqrt(2/tau)/sqrt(dt))
    dv/dt = (I - v)/tau + xi
    spike v >= 1
"""


def _shift(amount: int) -> np.ndarray:
    """A shift to the left as a matrix over bits, the lowest bit first."""
    return np.eye(WORD_BITS, k=-amount, dtype=np.int64)


def _matrix() -> np.ndarray:
    """The step of the generator as Marsaglia writes it: x ^= x << 3; x ^= x >> 7; x ^= x << 5."""
    one = np.eye(WORD_BITS, dtype=np.int64)
    return (one + _shift(5)) @ (one + _shift(-7)) @ (one + _shift(3)) % 2


def _power(matrix: np.ndarray, exponent: int) -> np.ndarray:
    result = np.eye(WORD_BITS, dtype=np.int64)
    while exponent:
        if exponent & 1:
            result = result @ matrix % 2
        matrix, exponent = matrix @ matrix % 2, exponent >> 1
    return result


def _apply(matrix: np.ndarray, word: int) -> int:
    bits = matrix @ ((word >> np.arange(WORD_BITS)) & 1) % 2
    return int((bits << np.arange(WORD_BITS)).sum())


def test_a_step_is_the_linear_map_and_its_period_is_full() -> None:
    matrix, one = _matrix(), np.eye(WORD_BITS, dtype=np.int64)
    words = np.random.default_rng(0).integers(1, PERIOD + 1, 200)
    assert float_word(words.astype(float), 0.0).tolist() == [_apply(matrix, w) for w in words]
    assert (_power(matrix, PERIOD) == one).all()
    assert PERIOD == 3**2 * 5 * 7 * 13 * 17 * 241
    assert not any(
        (_power(matrix, PERIOD // prime) == one).all() for prime in (3, 5, 7, 13, 17, 241)
    )


def test_the_first_step_begins_at_the_start() -> None:
    assert float_word(np.array([0.0, 5.0]), np.array([7.0, 9.0])).tolist() == [
        _apply(_matrix(), 7),
        _apply(_matrix(), 5),
    ]


def test_draws_are_not_correlated_over_two_thousand_steps() -> None:
    """No bit of a later word is one bit of an earlier one: all sums of two bits are even."""
    matrix = power = _matrix()
    for _ in range(2000):
        assert (power.sum(axis=1) > 1).all()
        power = power @ matrix % 2


def test_mean_and_variance_over_a_period() -> None:
    """Those of all words but 0, of which a closed form knows all."""
    total, squares = np.zeros(2), np.zeros(2)
    for start in range(0, PERIOD + 1, 1 << 20):
        words = np.arange(max(start, 1), start + (1 << 20), dtype=np.float64)
        for index, draw in enumerate((float_normal(words), float_uniform(words))):
            total[index] += draw.sum()
            squares[index] += (draw**2).sum()
    # Four fields of 0 to 63, less 126, in units of 1/32; the word 0 would be -126.
    missing, all_words = -126 / 32, PERIOD + 1
    assert total[0] == -missing
    assert squares[0] == 4 * (64**2 - 1) / 12 / 32**2 * all_words - missing**2
    assert squares[0] / PERIOD * NORMAL_SCALE**2 == pytest.approx(1, abs=1e-6)
    # The middles of 65536 parts of [0, 1]; the word 0 would be in the first.
    missing = 0.5 / 65536
    assert total[1] == 0.5 * all_words - missing
    assert squares[1] == pytest.approx((1 / 3 - 1 / 12 / 65536**2) * all_words, rel=1e-12)


def test_seeds_begin_far_apart() -> None:
    apart = _power(_matrix(), 10368889)
    assert first_word(0) == _apply(apart, 1)
    assert first_word(7) == _apply(_power(apart, 1 + 7 * 6949349), 1)
    neurons = [_apply(_power(apart, n), first_word(2)) for n in (0, 1, 5)]
    assert later_words(first_word(2), [0, 1, 5]).tolist() == neurons
    for count, apart_ in ((1000, 10368889), (200, 6949349)):
        places = np.sort((np.arange(count) * apart_) % PERIOD)
        assert np.diff(places, append=places[0] + PERIOD).min() > PERIOD / count / 3.5


def test_the_words_of_floats_of_32_bits_are_the_same() -> None:
    words = np.random.default_rng(1).integers(1, PERIOD + 1, 1000)
    for function in (lambda w: float_word(w, w), float_normal, float_uniform):
        narrow = function(words.astype(np.float32))
        assert narrow.dtype == np.float32
        assert (narrow == function(words.astype(np.float64))).all()


def test_membranes_in_noise_have_the_variance_of_the_autoregressive_process() -> None:
    """With v = (1 - h) v + g draw, h = dt/tau, it is g**2/(1 - (1 - h)**2)."""
    neuron = parse_neuron(LINEAR.format(0.1).replace("v >= 1", "v >= 9"))
    starts = later_words(first_word(0), np.arange(500)).astype(np.float64)
    state = {"v": np.zeros(500), "xi_word": np.zeros(500)}
    seen = []
    for _ in range(300):
        parameters = {**neuron.resolve(), "xi_seed": starts}
        _, state = step(neuron, state, np.zeros(500), parameters, ArrayAlgebra())
        seen.append(state["v"])
    trace = np.array(seen[100:])
    h, gain = 1 / 20, 0.1 * math.sqrt(2 / 20)
    assert trace.var() == pytest.approx(gain**2 / (1 - (1 - h) ** 2), rel=0.06)
    assert abs(trace.mean()) < 0.003
    # Neurons do not see each other's draws.
    assert np.abs(np.mean(trace[:, :-1] * trace[:, 1:])) < 0.05 * trace.var()


def test_what_a_line_becomes_is_read_again() -> None:
    neuron = parse_neuron(LINEAR.format(0.1))
    assert neuron.sources == {"xi_word": "xi_seed"}
    assert [line.target for line in neuron.update] == ["xi_word", "xi", "v"]
    assert parse_neuron(str(neuron)) == neuron
    assert neuron.membrane == "v"
    assert neuron.parameters["xi_seed"].default == first_word(0)


def test_sources_differ_and_start_where_they_are_told() -> None:
    text = (
        "neuron N\nstate v = 0\nnoise a = uniform(0, 1){}\nnoise b = uniform(-1, 1)\nspike a >= 1"
    )
    neuron = parse_neuron(text.format(""))
    assert neuron.parameters["a_seed"].default == first_word(0)
    assert neuron.parameters["b_seed"].default == first_word(1)
    other = parse_neuron(text.format(" seed 12"))
    assert other.parameters["a_seed"].default == first_word(12)
    with pytest.raises(EquationError, match="line 4: a second source with seed 0"):
        parse_neuron(text.format(" seed 0").replace("(-1, 1)", "(-1, 1) seed 0"))


def test_a_uniform_draw_lies_between_its_ends() -> None:
    neuron = parse_neuron(
        "neuron N\nstate v = 0\nnoise a = uniform(-3, 5)\nupdate v = a\nspike v >= 4"
    )
    run = run_neuron(neuron, np.zeros((4000, 1)))
    assert -3 < run.states["v"].min() < -2.9
    assert 4.9 < run.states["v"].max() < 5
    assert run.spikes.mean() == pytest.approx(1 / 8, abs=0.02)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("noise xi = normal(0)", "line 3: expected something like: noise xi = normal"),
        ("noise xi = gauss(0, 1)", "line 3: expected something like"),
        ("noise xi = normal(0, 1, 2)", "line 3: expected something like"),
        ("noise xi = normal(0, -2)", "line 3: a standard deviation of -2: expected 0 or more"),
        ("noise xi = uniform(1, -1)", "line 3: draws from 1 to -1: expected the least first"),
        ("noise xi = normal(v, 1)", "line 3: 'v' is no parameter above"),
        ("noise v = normal(0, 1)", "line 3: the name 'v' is taken"),
        ("noise xi = normal(0, 1) seed 16777215", "line 3: a seed is 0 to 16777214"),
        ("noise xi = normal(0, 1)\nparameter xi_seed = 3", "'xi_seed' is declared twice"),
        ("noise xi = normal(0, 1)\nreset xi_word = 3", "the word of a source of noise"),
        ("noise xi = normal(0, 1)\nrefractory 3 holds xi_word", "a line such as 'noise xi"),
        ("update v = noise_word(v, 3)", "a line such as 'noise xi"),
        ("update local x = noise_normal(v)", "a line such as 'noise xi"),
        ("parameter p = 1.5 in (0, 9)\nupdate v = noise_word(v, p)", "a whole number from 1"),
        ("noise xi = normal(5*mV, 1*ms)", r"\+ takes mV and ms"),
        ("noise xi = normal(5*mV, 1*mV) : pA", "xi is in mV: expected pA|is in pA: expected mV"),
    ],
)  # fmt: skip
def test_what_is_no_noise_is_refused(line: str, message: str) -> None:
    with pytest.raises(EquationError, match=message):
        parse_neuron(f"neuron N\nstate v = 0\n{line}\nspike v >= 1")


def test_cells_that_are_trained_have_no_noise() -> None:
    from sc_neurocore.training.cells import Cell

    with pytest.raises(UserError, match=r"a source of noise .* train without it"):
        Cell(parse_neuron(LINEAR.format(0.1)))


BRIAN = "dv/dt = (I - v)/tau + sigma*sqrt(2/tau)*xi : 1"


def _theirs(equations: str = BRIAN, **changes: str) -> Neuron:
    return from_brian2(
        equations, threshold="v > 1", reset="v = 0", dt="0.1*ms",
        namespace={"tau": "10*ms", "sigma": 0.2}, **changes,
    )  # fmt: skip


def test_the_noise_of_brian2_takes_its_euler_step() -> None:
    """That is v + dt*f + g*sqrt(dt)*draw, with sqrt(dt) made right, whatever the step is."""
    neuron = _theirs()
    run = run_neuron(neuron, np.zeros((50, 1)))
    h = 0.1 / 10
    draws = NORMAL_SCALE * float_normal(run.states["xi_word"][:, 0])
    v = 0.0
    for number, draw in enumerate(draws):
        v += -h * v + 0.2 * math.sqrt(2 / 10) * math.sqrt(0.1) * draw
        assert run.states["v"][number, 0] == pytest.approx(v, abs=1e-12)


def test_named_noise_of_brian2_is_shared_and_others_are_independent() -> None:
    neuron = _theirs(
        "dv/dt = -v/tau + xi_a*tau**-0.5 + xi_b*tau**-0.5 : 1\ndu/dt = -u/tau + xi_a*tau**-0.5 : 1"
    )
    assert [*neuron.sources] == ["xi_a_word", "xi_b_word"]


@pytest.mark.parametrize(
    ("equations", "changes", "message"),
    [
        (BRIAN.replace("sigma", "v"), {}, "line 1: noise .xi. is multiplied by v"),
        (BRIAN.replace("sigma", "I"), {}, "line 1: noise .xi. is multiplied by I"),
        (BRIAN.replace("xi", "xi*xi"), {}, "line 1: xi is to be a factor"),
        (BRIAN.replace("sqrt(2/tau)*", ""), {}, "line 1: .*takes 1/ms and 1/ms"),
        (BRIAN + "\ndu/dt = xi*tau**-0.5 : 1", {}, "line 2: a second xi"),
        ("dv/dt = x/tau : 1\nx = xi : 1", {}, "line 2: noise .xi. belongs into differential"),
        (BRIAN, {"method": "exact"}, "line 1: noise .xi. needs method euler"),
    ],
)
def test_noise_that_does_not_map_is_refused_by_line(
    equations: str, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(EquationError, match=message):
        _theirs(equations, **changes)
