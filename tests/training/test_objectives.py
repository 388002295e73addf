"""Losses, readouts, metrics and penalties: each is what its formula says."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

from sc_neurocore.errors import DataError, UserError
from sc_neurocore.training import (
    LOSSES,
    Answer,
    CrossEntropy,
    LIFCell,
    MembraneError,
    RateError,
    RatePenalty,
    Readout,
    SpikingNet,
    SpikingSequential,
    TrainingOptions,
    evaluate,
    fit,
    membrane_loss,
    record,
    seeded,
    spike_count_loss,
    spike_l1_loss,
    spike_l2_loss,
    spike_rate_loss,
)
from sc_neurocore.training.objectives import make_objective

pytestmark = pytest.mark.filterwarnings("ignore::sc_neurocore.training.health.TrainingWarning")
STEPS = 7
OPTIONS = TrainingOptions(epochs=1, batch_size=12, steps=STEPS, learning_rate=1e-30)


def network(outputs: int = 4) -> SpikingSequential:
    with seeded(0):
        return SpikingNet(5, 8, outputs, threshold=0.3)


def data(classes: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(12, 5, generator=generator) * 2, torch.arange(12) % classes


def answer(net: SpikingSequential, lengths: Tensor | None = None) -> Answer:
    x, _ = data()
    x = x.expand(STEPS, *x.shape)
    output, _, trace = net.unroll(x, lengths=lengths, record=("spikes", "membrane"))
    steps = STEPS if lengths is None else lengths.unsqueeze(1)
    return Answer(*output, steps, trace["spikes"], trace["membrane"])


def by_hand(kind: str, spikes: Tensor, membranes: Tensor) -> Tensor:
    """Return scores as the words of the documentation say, of (T, outputs)."""
    first = torch.tensor(
        [next((t for t, s in enumerate(column) if s), len(spikes)) for column in spikes.T.tolist()],
        dtype=torch.float32,
    )
    return {
        "spike-count": spikes.mean(0),
        "membrane": membranes.mean(0),
        "membrane-max": membranes.max(0).values,
        "membrane-last": membranes[-1],
        "first-spike": -first / len(spikes),
    }[kind]


KINDS = ("spike-count", "membrane", "membrane-max", "membrane-last", "first-spike")


@pytest.mark.parametrize("with_lengths", [False, True])
@pytest.mark.parametrize("population", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_and_cross_entropy_are_their_formulas(
    kind: Any, population: int, with_lengths: bool
) -> None:
    net = network()
    lengths = torch.arange(12) % STEPS + 1
    found = answer(net, lengths if with_lengths else None)
    assert found.spikes is not None and found.membranes is not None and found.spikes.any()
    classes = 4 // population
    targets = torch.arange(12) % classes
    valid = lengths.tolist() if with_lengths else [STEPS] * 12
    alone = torch.stack(
        [
            by_hand(kind, found.spikes[:length, i], found.membranes[:length, i])
            for i, length in enumerate(valid)
        ]
    )
    scores = alone.unflatten(1, (classes, population)).mean(2)
    sharpness = 10.0 if kind in ("spike-count", "first-spike") else 1.0
    weight = tuple(float(i + 1) for i in range(classes))
    loss = CrossEntropy(kind, weight=weight, population=population, label_smoothing=0.1)
    each = functional.cross_entropy(
        scores * sharpness, targets, torch.tensor(weight), reduction="none", label_smoothing=0.1
    )
    torch.testing.assert_close(loss(found, targets), each.mean())
    chosen = Readout(kind, population).scores(found)
    if not with_lengths or kind in ("membrane-max", "membrane-last", "first-spike"):
        rescaled = chosen / population / (STEPS if kind in KINDS[:2] else 1)
        if kind == "first-spike":
            rescaled = rescaled / torch.tensor(valid).unsqueeze(1)
        torch.testing.assert_close(rescaled, scores)


def test_the_plain_ones_are_the_functions_of_the_same_name() -> None:
    found, targets = answer(network()), torch.arange(12) % 4
    counts, membrane = found.spike_counts, found.membrane
    expected = {
        "spike-count": spike_count_loss(counts, targets, STEPS),
        "membrane": membrane_loss(membrane, targets, STEPS),
        "spike-rate": spike_rate_loss(counts, targets, STEPS),
    }
    for name, value in expected.items():
        assert torch.equal(LOSSES[name](found, targets), value), name
    soft = functional.one_hot(targets, 4).float()
    for name in KINDS:
        torch.testing.assert_close(LOSSES[name](found, soft), LOSSES[name](found, targets))


@pytest.mark.parametrize("name", [*KINDS, "spike-rate"])
def test_every_loss_has_a_gradient_towards_every_layer(name: str) -> None:
    net = network()
    LOSSES[name](answer(net), torch.arange(12) % 4).backward()
    for key, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, key


def test_an_earlier_first_spike_costs_less() -> None:
    spikes = torch.zeros(STEPS, 1, 2)
    losses = []
    for step in range(STEPS):
        spikes.zero_()[step, 0, 0] = 1
        found = Answer(spikes.sum(0), spikes.sum(0), STEPS, spikes)
        assert found.first_spikes().tolist() == [[step, STEPS]]
        losses.append(float(LOSSES["first-spike"](found, torch.zeros(1).long())))
    assert losses == sorted(losses)
    early = spikes.clone().requires_grad_()
    early.data[2, 0, 0] = 1
    found = Answer(early.sum(0), early.sum(0), STEPS, early)
    (gradient,) = torch.autograd.grad(found.first_spikes()[0, 0], early)
    # A spike before the first one would have come earlier by the steps between.
    assert gradient[:, 0, 0].tolist() == [-2, -1, -4, 0, 0, 0, 0]


def integrator() -> SpikingSequential:
    """A layer of spikes and a leaky integrator that never fires."""
    with seeded(0):
        return SpikingSequential(
            nn.Linear(5, 12), LIFCell(threshold=0.3), nn.Linear(12, 2),
            LIFCell(beta=0.8, threshold=1e9, reset="none"),
        )  # fmt: skip


@pytest.mark.parametrize("over", ["every", "mean", "max", "last"])
def test_membranes_are_fitted_to_numbers(over: Any) -> None:
    x, _ = data()
    teacher, net = integrator(), integrator()
    with torch.no_grad():
        for each in teacher.parameters():
            each.add_(torch.randn(each.shape, generator=torch.Generator().manual_seed(1)) * 0.3)
    with torch.no_grad():
        _, _, trace = teacher.unroll(x, steps=STEPS, record="v")
    v = trace["v"].transpose(0, 1)
    targets = {"every": v, "mean": v.mean(1), "max": v.amax(1), "last": v[:, -1]}[over]
    samples = TensorDataset(x, targets)
    loss = MembraneError(over)
    before = evaluate(net, samples, STEPS, loss=loss)
    options = replace(OPTIONS, epochs=40, learning_rate=3e-2)
    history = fit(net, samples, samples, options, loss=loss)
    after = evaluate(net, samples, STEPS, loss=loss)
    assert after < before / 4
    # The best epoch is the one of the smallest error.
    errors = [each.validation_accuracy for each in history.epochs]
    assert errors[history.kept - 1] == min(e for e in errors if e is not None) == after
    assert evaluate(teacher, samples, STEPS, loss=loss) == pytest.approx(0, abs=1e-12)
    with pytest.raises(DataError, match="expected one number for each"):
        fit(net, TensorDataset(x, targets[..., :1]), options=OPTIONS, loss=loss)


def test_padded_steps_of_a_regression_do_not_count() -> None:
    found = answer(network(), torch.arange(12) % STEPS + 1)
    assert found.membranes is not None
    targets = torch.zeros(12, STEPS, 4)
    each = [
        found.membranes[:length, i].square().mean()
        for i, length in enumerate((torch.arange(12) % STEPS + 1).tolist())
    ]
    torch.testing.assert_close(MembraneError().each(found, targets), torch.stack(each))


def test_what_fit_reports_is_what_the_objective_says() -> None:
    x, y = data()
    samples, net = TensorDataset(x, y), network()
    with torch.no_grad():
        found = answer(net)

    def mine(answer: Answer, targets: Tensor) -> Tensor:
        assert answer.spikes is not None
        return (answer.spike_counts.mean(1) - targets).square().mean() + answer.spikes[0].sum()

    mine.needs = ("spikes",)  # type: ignore[attr-defined]

    def margin(answer: Answer, targets: Tensor) -> Tensor:
        ordered = answer.membrane.sort(1).values
        return ordered[:, -1] - ordered[:, -2]

    history = fit(net, samples, samples, OPTIONS, loss=mine, metric=margin)
    (epoch,) = history.epochs
    assert epoch.loss == pytest.approx(float(mine(found, y)), rel=1e-5)
    assert epoch.accuracy == pytest.approx(float(margin(found, y).mean()), rel=1e-5)
    assert epoch.validation_accuracy == pytest.approx(epoch.accuracy)
    right = (found.membrane.argmax(1) == y).float().mean()
    assert evaluate(net, samples, STEPS, readout="membrane") == pytest.approx(float(right))
    assert evaluate(net, samples, STEPS, loss="membrane") == pytest.approx(float(right))
    y2 = y % 2
    pairs = found.spike_counts.unflatten(1, (2, 2)).sum(2)
    right = (pairs.argmax(1) == y2).float().mean()
    readout = Readout(population=2)
    shares = evaluate(net, TensorDataset(x, y2), STEPS, readout=readout)
    assert shares == pytest.approx(float(right))


@pytest.mark.parametrize("kind", ["l1", "l2"])
def test_penalties_are_paid_for_rates(kind: Any) -> None:
    x, y = data()
    samples, net = TensorDataset(x, y), network()
    with record(net) as recording:
        output = net(x, steps=STEPS)
    rates = recording["layers.1"].rates.unsqueeze(0)
    paid = (spike_l1_loss if kind == "l1" else spike_l2_loss)(rates, 0.1, 0.2)
    plain = spike_count_loss(output.spike_counts, y, STEPS).detach()
    penalty = RatePenalty(3.0, ("layers.1",), 0.1, 0.2, kind)
    (epoch,) = fit(net, samples, options=OPTIONS, penalties=penalty).epochs
    assert epoch.loss == pytest.approx(float(plain + 3 * paid.detach()), rel=1e-5)
    quiet = network()
    options = replace(OPTIONS, epochs=30, learning_rate=1e-2)
    fit(quiet, samples, options=options, penalties=RatePenalty(100.0))
    with record(quiet) as recording:
        quiet(x, steps=STEPS)
    assert recording["layers.1"].rates.mean() < rates.mean() / 2
    with pytest.raises(UserError, match=r"no cell 'layers.9'"):
        fit(net, samples, options=OPTIONS, penalties=RatePenalty(1.0, ("layers.9",)))


def test_rare_classes_that_weigh_more_move_the_loss() -> None:
    with torch.no_grad():
        found = answer(network())
    targets = torch.arange(12) % 4
    plain = [float(CrossEntropy()(found, torch.full((12,), c))) for c in range(4)]
    for chosen in range(4):
        weight = [0.0] * 4
        weight[chosen] = 4.0
        value = float(CrossEntropy(weight=weight)(found, torch.full((12,), chosen)))
        assert value == pytest.approx(4 * plain[chosen], rel=1e-5)
    assert CrossEntropy(weight=torch.ones(4)) == CrossEntropy(weight=(1, 1, 1, 1))
    assert math.isfinite(float(RateError()(found, targets)))


class Plain(nn.Module):
    """A network of one's own that cannot give every step."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, steps: int | None = None) -> Any:
        return self.net(x, steps=steps)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "mse"}, "loss='mse': expected one of spike-count, spike-rate, membrane, membr"),
        ({"loss": nn.CrossEntropyLoss()}, "loss=CrossEntropyLoss: a torch loss takes scores, of"),
        ({"loss": CrossEntropy}, "loss=.*expected one of"),
        ({"loss": 3}, "loss=3: expected"),
        ({"readout": "votes"}, "readout='votes': expected one of spike-count, membrane"),
        ({"readout": 3}, "readout=3: expected one of"),
        ({"metric": "f1"}, "metric='f1': expected 'accuracy', 'error' or a function"),
        ({"metric": 3}, "metric=3"),
        ({"metric": "error"}, "metric='error' is for regression"),
        ({"penalties": 0.1}, "penalties=0.1: expected RatePenalty"),
        ({"penalties": (0.1,)}, "expected RatePenalty"),
        ({"label_smoothing": 0.1, "loss": "spike-rate"}, "label_smoothing = 0.1: the loss 'spike-"),
    ],
)
def test_an_objective_that_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_objective(**options)


def test_what_does_not_fit_the_outputs_is_named() -> None:
    x, y = data()
    samples = TensorDataset(x, y)
    cases: list[tuple[nn.Module, dict[str, Any], str]] = [
        (network(), {"loss": CrossEntropy(weight=(1, 2))}, "weight has 2 numbers: expected one p"),
        (
            network(3),
            {"loss": CrossEntropy(population=2)},
            "3 outputs in populations of 2: expected a multiple",
        ),
        (network(), {"metric": lambda a, t: 0.5}, "metric: it returned 0.5: expected one number"),
        (Plain(network()), {"loss": "first-spike"}, "Plain takes no record: .*forward"),
        (nn.Linear(5, 4), {}, "Linear takes no steps: .*SpikingSequential"),
    ]
    for net, options, message in cases:
        with pytest.raises((UserError, DataError), match=message):
            fit(net, samples, options=OPTIONS, **options)
    for wrong, message in [
        ({"population": 0}, "population = 0"),
        ({"of": "votes"}, "of='votes'"),
        ({"weight": (-1.0,)}, "weight = "),
        ({"label_smoothing": 1.0}, "label_smoothing = 1.0"),
    ]:
        with pytest.raises(UserError, match=message):
            CrossEntropy(**wrong)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="over='first'"):
        MembraneError("first")  # type: ignore[arg-type]
    bare = Answer(torch.ones(1, 2), torch.ones(1, 2), 3)
    with pytest.raises(UserError, match=r"has no spikes: give the loss.*needs = \('spikes',\)"):
        bare.first_spikes()
