from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sc_neurocore.data.dataset import Dataset
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.network import InputEncoding
from sc_neurocore.progress import Progress
from sc_neurocore.training import (
    ENCODERS,
    ConvSpikingNet,
    LIFCell,
    SpikingNet,
    SpikingSequential,
    activity_report,
    rate_encode,
    record,
)

FRAMES = torch.rand(50, 6, generator=torch.Generator().manual_seed(0))


def half_alive() -> SpikingNet:
    """The first two hidden neurons never fire, the next two always do."""
    torch.manual_seed(0)
    net = SpikingNet(6, 8, 3)
    with torch.no_grad():
        net.layers[0].weight.abs_()
        net.layers[0].weight[:4] = 0
        net.layers[0].bias[:4] = torch.tensor([0, 0.05, 1, 2])
    return net


def test_dead_and_saturated_neurons_are_found() -> None:
    hidden, output = activity_report(half_alive(), FRAMES, 10).layers
    assert (hidden.name, hidden.neuron, output.name) == ("layers.1", "LIF", "layers.3")
    assert hidden.dead.tolist() == [True, True, *[False] * 6]
    assert hidden.saturated.tolist() == [False, False, True, True, *[False] * 4]
    assert hidden.steps == 500
    assert hidden.counts[2:4].tolist() == [500, 500]


@pytest.mark.parametrize("backend", ["auto", "eager"])
def test_the_counts_are_those_of_a_recording_whatever_the_batch(backend: str) -> None:
    torch.manual_seed(0)
    net = ConvSpikingNet((1, 10, 12), (3,), 6, 3, 3, threshold=0.4, backend=backend)
    images = torch.rand(23, 1, 10, 12)
    with record(net) as recording:
        net(images, steps=9)
    for batch_size in (23, 5):
        report = activity_report(net, images, 9, batch_size=batch_size)
        for layer, seen in zip(report.layers, recording.values(), strict=True):
            assert layer.counts.dtype == np.int64
            assert np.array_equal(layer.counts, seen.spikes.sum((0, 1)).numpy())
            assert layer.steps == 23 * 9
    assert report.layers[0].counts.shape == (3, 8, 10)  # before pooling
    assert report.layers[0].counts.sum() > 0


def test_the_summary_is_json_and_its_histogram_has_every_neuron() -> None:
    report = activity_report(half_alive(), FRAMES, 10)
    hidden, _ = json.loads(json.dumps(report.summary()))
    assert hidden["neurons"] == 8
    assert (hidden["dead"], hidden["saturated"]) == (2, 2)
    assert hidden["mean_rate"] == pytest.approx(report.layers[0].counts.sum() / 8 / 500)
    assert sum(hidden["rate_histogram"]) == 8
    assert hidden["rate_histogram"][-1] >= 2
    rates = report.layers[0].rates
    by_hand = [((rates >= low) & (rates < low + 0.25)).sum() for low in (0, 0.25, 0.5)]
    assert report.layers[0].histogram(4).tolist() == [*by_hand, 8 - sum(by_hand)]


def test_the_text_has_a_line_per_layer() -> None:
    header, hidden, output = str(activity_report(half_alive(), FRAMES, 10)).splitlines()
    assert header.split("  ")[0] == "layer"
    assert hidden.startswith("layers.1  LIF     8 ")
    assert hidden.endswith("2 (25.0%)  2 (25.0%)")
    assert output.startswith("layers.3")


def test_encoders_and_sequences() -> None:
    net = half_alive()
    encoded = rate_encode(FRAMES, 10, torch.Generator().manual_seed(3))
    options: Any = {"encoder": ENCODERS["rate"], "batch_size": 50}
    by_encoder = activity_report(net, FRAMES, 10, generator=3, **options)
    for layer, other in zip(
        by_encoder.layers, activity_report(net, encoded, batch_size=7).layers, strict=True
    ):
        assert np.array_equal(layer.counts, other.counts)
    # Further batches draw further numbers.
    twice = activity_report(net, torch.cat([FRAMES, FRAMES]), 10, generator=3, **options)
    assert not np.array_equal(twice.layers[0].counts, 2 * by_encoder.layers[0].counts)


class _Sequences(Dataset):
    @property
    def encoding(self) -> InputEncoding:
        return InputEncoding(kind="sequence", shape=(6,), bits=8, fraction_bits=8)


def test_data_sets_of_both_kinds() -> None:
    net, random = half_alive(), np.random.default_rng(0)
    inputs = random.integers(0, 256, (20, 10, 6), dtype=np.uint8)
    labels = np.zeros(20, np.int64)
    sequences = activity_report(net, _Sequences("ours", inputs, labels, 3, 8, 8), 25)
    as_tensor = torch.from_numpy(inputs).transpose(0, 1) / 256
    for layer, other in zip(sequences.layers, activity_report(net, as_tensor).layers, strict=True):
        assert layer.steps == 200
        assert np.array_equal(layer.counts, other.counts)
    still = Dataset("ours", inputs[:, 0], labels, 3, 8, 8)
    assert activity_report(net, still, 25).layers[0].steps == 500
    with pytest.raises(UserError, match="static inputs: give the number of steps"):
        activity_report(net, still)


def test_the_network_runs_in_evaluation_mode_and_is_left_as_it_was() -> None:
    net = SpikingSequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), LIFCell())
    net.layers[1].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    first, second = (activity_report(net, FRAMES + 1, 10).layers[0].counts for _ in range(2))
    assert np.array_equal(first, second)
    assert net.training
    assert net.layers[2].training
    assert not net.layers[1].training
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
    assert not net.layers[3].observers


def test_progress_counts_samples() -> None:
    events: list[Progress] = []
    activity_report(half_alive(), FRAMES, 2, batch_size=20, progress=events.append)
    assert [(event.done, event.total) for event in events] == [(20, 50), (40, 50), (50, 50)]


class _Halves(nn.Module):
    """Looks at half of the neurons if there are few samples."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = LIFCell()

    def forward(self, x: Tensor, steps: int) -> Tensor:
        return self.cell.unroll(x if len(x) > 10 else x[:, :3], steps=steps)[0]


def test_mistakes_are_named() -> None:
    with pytest.raises(UserError, match="no cells"):
        activity_report(nn.Linear(6, 6), FRAMES, 5)
    with pytest.raises(DataError, match=r"shape \(0, 6\): expected at least one sample"):
        activity_report(half_alive(), FRAMES[:0], 5)
    with pytest.raises(UserError, match=r"cell has \(6,\) neurons in one batch and \(3,\)"):
        activity_report(_Halves(), FRAMES, 5, batch_size=45)
