"""Any data train: the same samples give the same weights, whatever they come in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from sc_neurocore.data import Dataset
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.training import (
    SpikingNet,
    SpikingSequential,
    TrainingOptions,
    evaluate,
    fit,
    seeded,
    train_epoch,
)

pytestmark = pytest.mark.filterwarnings("ignore::sc_neurocore.training.health.TrainingWarning")
OPTIONS = TrainingOptions(epochs=2, batch_size=8, steps=4, learning_rate=1e-2)


def stripes(samples: int = 24) -> Dataset:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, samples)
    inputs = generator.integers(0, 6, (samples, 6)) + 10 * (np.arange(6) // 2 == labels[:, None])
    return Dataset("stripes", inputs.astype(np.uint8), labels, 3, 4, 4)


def spikes(samples: int = 24) -> Dataset:
    """Sequences of zeros and ones, (samples, 5, 2, 3)."""
    data = stripes(samples)
    generator = np.random.default_rng(1)
    drawn = generator.random((samples, 5, 6)) < data.frames()[:, None]
    inputs = drawn.astype(np.uint8).reshape(samples, 5, 2, 3)
    return replace(data, inputs=inputs, input_bits=1, fraction_bits=0, kind="spikes")


def network(flat: bool = False) -> SpikingSequential:
    with seeded(0):
        net = SpikingNet(6, 8, 3, threshold=0.4)
    return SpikingSequential(torch.nn.Flatten(), *net.layers) if flat else net


def weights(net: SpikingSequential) -> list[Tensor]:
    return [each.detach() for each in net.parameters()]


class Same(IterableDataset[Any]):
    """Samples one by one."""

    def __init__(self, data: TorchDataset[Any]) -> None:
        self.data = data

    def __iter__(self) -> Iterator[Any]:
        for index in range(len(self.data)):  # type: ignore[arg-type]
            yield self.data[index]


def in_order(data: Any, size: int = 8) -> list[Any]:
    """All batches in a list."""
    return list(zip(*(torch.split(each, size) for each in data.tensors), strict=True))


FORMS: dict[str, Callable[[TensorDataset], Any]] = {
    "loader": lambda data: DataLoader(data, batch_size=8),
    "list": in_order,
    "iterable data set": Same,
    "arrays": lambda data: [(x.numpy(), y.numpy()) for x, y in in_order(data)],
    "int32 labels": lambda data: [(x, y.int()) for x, y in in_order(data)],
    "uint8 labels": lambda data: [(x, y.byte()) for x, y in in_order(data)],
    "doubles": lambda data: [(x.double(), y) for x, y in in_order(data)],
    "sparse": lambda data: [(x.to_sparse(), y) for x, y in in_order(data)],
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_batches_give_the_same_weights(form: str) -> None:
    ours = stripes()
    data = TensorDataset(torch.from_numpy(ours.frames()), torch.from_numpy(ours.labels))
    given = FORMS[form](data)
    expected, found = network(), network()
    batches = in_order(data)
    fit(expected, batches, batches, OPTIONS)
    history = fit(found, given, given, OPTIONS)
    assert all(map(torch.equal, weights(found), weights(expected)))
    assert history.epochs[-1].validation_accuracy == evaluate(found, ours, 4)
    assert evaluate(found, given, 4) == evaluate(found, data, 4) == evaluate(found, ours, 4)


def test_a_torch_data_set_is_shuffled_as_ours_is_and_augmented_and_encoded() -> None:
    ours = stripes()
    data = TensorDataset(torch.from_numpy(ours.frames()), torch.from_numpy(ours.labels))
    options = replace(
        OPTIONS, encoder="rate", augment=lambda frames, generator: frames.clamp(max=0.9)
    )
    one, other = network(), network()
    # An epoch of a torch data set also draws a seed, so that only the first one is the same.
    fit(one, ours, options=replace(options, epochs=1))
    fit(other, data, options=replace(options, epochs=1))
    assert all(map(torch.equal, weights(one), weights(other)))


@pytest.mark.parametrize("form", ["bool", "uint8", "packed", "time first", "loader"])
def test_sequences_train_in_the_type_in_which_they_come(form: str) -> None:
    ours = spikes()
    x, y = torch.from_numpy(ours.inputs), torch.from_numpy(ours.labels)
    expected, found = network(flat=True), network(flat=True)
    batches = in_order(TensorDataset(x.float(), y))
    fit(expected, batches, options=OPTIONS, time_axis=1)
    layout: dict[str, Any] = {"time_axis": 1}
    data: Any = TensorDataset(x, y)
    if form == "bool":
        data = in_order(TensorDataset(x.bool(), y))
    elif form == "uint8":
        data = in_order(data)
    elif form == "packed":
        packed = torch.from_numpy(np.packbits(ours.inputs.reshape(24, 5, 6), axis=-1))
        assert packed.shape == (24, 5, 1)
        data, layout["packed"] = in_order(TensorDataset(packed, y)), (2, 3)
    elif form == "time first":
        data, layout = (
            [(part.transpose(0, 1), each) for part, each in in_order(data)],
            {"time_axis": 0},
        )
    else:
        data = DataLoader(data, batch_size=8)
    fit(found, data, options=OPTIONS, **layout)
    assert all(map(torch.equal, weights(found), weights(expected)))
    assert evaluate(found, data, **layout) == evaluate(found, ours, 99)


def test_lengths_come_third_and_padding_changes_nothing() -> None:
    ours = spikes()
    x, y = torch.from_numpy(ours.inputs), torch.from_numpy(ours.labels)
    lengths = torch.arange(24) % 5 + 1
    other = x.clone()
    for sample, length in enumerate(lengths.tolist()):
        other[sample, length:] = 1 - other[sample, length:]
    nets = []
    for inputs in (x, other):
        nets.append(network(flat=True))
        fit(nets[-1], TensorDataset(inputs, y, lengths), options=OPTIONS, time_axis=1)
    assert all(map(torch.equal, weights(nets[0]), weights(nets[1])))
    short = [(x[i : i + 1, :n], y[i : i + 1]) for i, n in enumerate(lengths.tolist())]
    padded = [(x[i : i + 1], y[i : i + 1], lengths[i : i + 1]) for i in range(24)]
    for readout in ("spike-count", "membrane", "membrane-max", "membrane-last", "first-spike"):
        options: dict[str, Any] = {"readout": readout, "time_axis": 1}
        assert evaluate(nets[0], short, **options) == evaluate(nets[0], padded, **options)


class Noisy(TorchDataset[Any]):
    """Samples that a random transform changes."""

    def __init__(self, data: Dataset) -> None:
        self.frames, self.labels = torch.from_numpy(data.frames()), data.labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.frames[index] + torch.rand(6) / 4, int(self.labels[index])


@pytest.mark.parametrize("kind", ["data set", "loader", "own generator"])
def test_streams_resume_bit_for_bit_in_the_middle_of_an_epoch(kind: str, tmp_path: Path) -> None:
    """With noise in the data, dropout in the network, and an order that is drawn."""

    def data() -> Any:
        if kind == "data set":
            return Noisy(stripes())
        own = {"generator": torch.Generator()} if kind == "own generator" else {}
        return DataLoader(Noisy(stripes()), batch_size=8, shuffle=True, **own)

    def made() -> SpikingSequential:
        first, cell, *rest = network().layers
        return SpikingSequential(first, cell, torch.nn.Dropout(0.3), *rest)

    whole, broken = made(), made()
    fit(whole, data(), options=OPTIONS)
    calls = [0]

    def stop(frames: Tensor, generator: torch.Generator) -> Tensor:
        calls[0] += 1
        if calls[0] == 6:
            raise KeyboardInterrupt
        return frames

    options = replace(OPTIONS, augment=stop)
    with pytest.raises(KeyboardInterrupt, match="1 of 2 epochs and 2 of 3 batches"):
        fit(broken, data(), options=options, checkpoint=tmp_path)
    resumed = made()
    fit(resumed, data(), options=options, checkpoint=tmp_path)
    assert all(map(torch.equal, weights(resumed), weights(whole)))
    fresh = made()
    fit(fresh, data(), options=replace(OPTIONS, seed=1))
    assert not torch.equal(weights(fresh)[0], weights(whole)[0])


def test_a_loader_is_shuffled_anew_in_every_epoch() -> None:
    orders: list[list[int]] = []
    data = stripes()

    class Seen(TorchDataset[Any]):
        def __len__(self) -> int:
            return 24

        def __getitem__(self, index: int) -> tuple[Tensor, int]:
            orders[-1].append(index)
            return torch.from_numpy(data.frames()[index]), int(data.labels[index])

    for given in (Seen(), DataLoader(Seen(), batch_size=8, shuffle=True)):
        net = network()
        optimiser = torch.optim.Adam(net.parameters())
        orders.clear()
        orders.append([])
        fit(net, given, options=OPTIONS)
        first, second = orders[0][:24], orders[0][24:]
        assert sorted(first) == sorted(second) == list(range(24))
        assert first != second
        orders.append([])
        assert train_epoch(net, given, optimiser, OPTIONS).loss > 0


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (torch.ones(4, 6), {}, r"a Tensor of shape \(4, 6\), expected .*TensorDataset\(x, y\)"),
        (np.ones((4, 6)), {}, r"a ndarray of shape \(4, 6\).*TensorDataset"),
        ((torch.ones(4, 6), torch.ones(4)), {}, r"a batch is a Tensor of .*TensorDataset"),
        ("digits", {}, "data: found a str, expected a Dataset"),
        ({"x": 1}, {}, "found a dict"),
        (3, {}, "found a int"),
        (DataLoader, {}, "found a type"),
        (network(), {}, "found a SpikingNet"),
        (iter([1]), {}, "which can be read once, for 2 epochs: give a list, a DataLoader"),
        ([], {}, "training set is empty"),
        ([(torch.ones(4, 6),)], {}, r"a batch is 1 parts: expected \(inputs, targets\)"),
        ([{"x": 1}], {}, "a batch is a dict"),
        ([(torch.ones(4, 6), torch.ones(3))], {}, r"shape \(4, 6\) and targets of shape \(3,\)"),
        ([(torch.ones(0, 6), torch.ones(0))], {}, "one at least"),
        ([("x", torch.ones(3))], {}, "list: inputs: found a str, expected a tensor"),
        ([(torch.ones(4), torch.ones(4))], {}, r"inputs have shape \(4,\): expected"),
        ([(torch.ones(4, 6), torch.ones(4))], {}, "targets of type torch.float32 and shape .*long"),
        ([(torch.ones(4, 6), torch.ones(4, 3).long())], {}, r"one-hot .*classes by .argmax\(1\)"),
        ([(torch.ones(4, 6), torch.arange(4))], {}, "targets from 0 to 3, for a network of 3 clas"),
        ([(torch.ones(2, 6), torch.tensor([-100, 1]))], {}, "from -100 to 1.*leave samples with"),
        (
            [(torch.ones(2, 5, 6), torch.ones(2).long())],
            {},
            r"shape \(2, 5, 6\).* answers \(2, 5, 3\).*time_axis=1",
        ),
        (
            [(torch.ones(5, 2, 6), torch.ones(2).long())],
            {"time_axis": 1},
            r"targets of shape \(2,\).*inputs \(T, batch, ...\) take time_axis=0",
        ),
        ([(torch.ones(2, 6), torch.ones(2).long())], {"time_axis": 1}, "a batch, a time and one"),
        ([(torch.ones(2, 6), torch.ones(2).long())], {"time_axis": 2}, "time_axis = 2: expected"),
        (stripes(), {"time_axis": 1}, "stripes knows its axes itself"),
        (
            [(torch.ones(2, 6), torch.ones(2).long(), torch.ones(2).long())],
            {},
            "lengths came, but the inputs are taken for static ones",
        ),
        (
            [(torch.ones(2, 5, 6), torch.ones(2).long(), torch.tensor([0, 6]))],
            {"time_axis": 1},
            r"lengths \[0, 6\]: expected 2 whole numbers from 1 to 5",
        ),
        (
            [(torch.ones(2, 5, 2).byte(), torch.ones(2).long())],
            {"time_axis": 1, "packed": (6,)},
            r"packed frames of shape \(6,\) have 1 bytes, but inputs of shape \(2, 5, 2\)",
        ),
        (replace(stripes(), n_classes=4), {}, "4 classes and the network 3 outputs: give it one"),
        (
            TensorDataset(torch.ones(4, 7), torch.zeros(4).long()),
            {},
            r"the input has shape \(4, 7\)",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_data_that_do_not_fit_are_named(data: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises((UserError, DataError), match=message):
        fit(network(), data, options=OPTIONS, **options)


class Ragged(TorchDataset[Any]):
    """Samples of different lengths."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.ones(index + 1, 6), 0


def test_what_has_no_length_or_cannot_be_collated_says_so() -> None:
    with pytest.raises(DataError, match=r"Ragged: samples .* cannot be put together.*collate_fn"):
        fit(network(), Ragged(), options=OPTIONS, time_axis=1)
    endless = Same(TensorDataset(torch.ones(8, 6), torch.zeros(8).long()))
    loader = DataLoader(endless, batch_size=4)
    with pytest.raises(UserError, match="schedule = 'cosine': it needs the number of batches"):
        fit(network(), loader, options=replace(OPTIONS, schedule="cosine"))
    assert len(fit(network(), loader, options=OPTIONS).epochs) == 2
    with pytest.raises(DataError, match="no batch came"):
        evaluate(network(), (each for each in ()))


def test_memory_is_that_of_the_data_as_they_are() -> None:
    """6,000 samples of 20x2x34x34 spikes are 0.26 GiB as bytes; as floats 1 GiB."""
    program = """
import warnings, resource
import numpy as np
from sc_neurocore.data import Dataset
from sc_neurocore.training import SpikingNet, TrainingOptions, evaluate, fit
inputs = np.zeros((6000, 20, 2 * 34 * 34), np.uint8)
inputs[::7, ::3, ::5] = 1
data = Dataset("events", inputs, np.arange(6000) % 3, 3, 1, 0, kind="spikes")
warm = data.take(np.arange(64))
warnings.simplefilter("ignore")
options = TrainingOptions(epochs=1, batch_size=64)
fit(SpikingNet(2312, 4, 3), warm, warm, options)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
net = SpikingNet(2312, 4, 3)
fit(net, data, warm, options)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) < 150_000  # kilobytes, of data that have 277,440 as bytes
