"""The convolutional networks that fpga_conv.py measures, each with what goes through it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sc_neurocore.cli.stages import test_part
from sc_neurocore.data.events import frames_of
from sc_neurocore.data.files import DATA_VARIABLE
from sc_neurocore.equation import LIF
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.interop import read_nir
from sc_neurocore.network import (
    AveragePool2d,
    Conv2d,
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
)
from sc_neurocore.network.storage import load_description
from sc_neurocore.verify.cosimulation import extreme_inputs

MODELS = Path(__file__).parents[1] / "models"
SINABS, KEYWORDS = "cnn_sinabs", "keywords-separable"
# Of a recording of 311 ms.
MILLISECONDS, STEPS = 5.0, 62
STREAMS = 50
SENSOR = (34, 34)


@dataclass(frozen=True)
class Row:
    """A network on a device, and what is chosen of the engine.

    Attributes:
        network: A folder of models/, or one of the two networks below.
        device: The device.
        lanes: Lanes.
        options: As `compile_design` takes them.
        clock_mhz: The clock to aim at.
    """

    network: str
    device: str
    lanes: int
    options: dict[str, Any]
    clock_mhz: float

    def __str__(self) -> str:
        return f"{self.network}:{self.device}:{self.lanes}:{self.options.get('units', 1)}"


def rows() -> Iterator[Row]:
    """Yield all rows: every convolutional network of models/, and the two below."""
    for folder in sorted(MODELS.glob("mnist-conv*")):
        for device, lanes in (("ecp5-85k", 64), ("ecp5-85k", 32), ("xc7a100t", 64)):
            yield Row(folder.name, device, lanes, {"units": 16, "pipeline": 1}, 64.0)
    events = {"units": 4, "pipeline": 1, "inputs_per_beat": 2}
    yield Row(SINABS, "ecp5-45k", 16, events, 64.0)
    yield Row(KEYWORDS, "up5k", 8, {"pipeline": 1}, 24.0)


def describe(network: str) -> NetworkDescription:
    """Return a network of a row."""
    if network == SINABS:
        return read_nir(_data() / "nir" / "cnn_sinabs.nir", dt=1, steps=STEPS)
    return separable() if network == KEYWORDS else load_description(MODELS / network)


def samples_of(
    description: NetworkDescription, network: IntegerNetwork, most: int
) -> tuple[Any, Any, str]:
    """Return what goes through a network.

    Args:
        description: The network.
        network: The same in integers.
        most: Samples at most.

    Returns:
        Inputs as `cosimulate` takes them, classes or None, and what they are.
    """
    if description.name.startswith(SINABS):
        frames = np.stack([recording(), *streams(STREAMS)], axis=1)[:, :most]
        said = f"an N-MNIST recording, {STREAMS} generated event streams"
        return frames.reshape(*frames.shape[:2], -1).astype(np.int64), None, said
    if description.metadata.get("dataset") is None:
        return extreme_inputs(network, min(most, 50)), None, "blank, saturated and random inputs"
    data = test_part(description, None)
    inputs = data.inputs[:most].reshape(min(most, len(data)), -1).astype(np.int64)
    return inputs, data.labels[:most], f"{data.name}, test part"


def recording() -> np.ndarray[Any, Any]:
    """Return the real recording, (steps, 2, 34, 34): whether there was an event."""
    raw = np.frombuffer((_data() / "events" / "nmnist_sample.bin").read_bytes(), np.uint8)
    fields = raw.reshape(-1, 5).astype(np.int64)
    events = np.zeros(len(fields), dtype=[(name, np.int64) for name in "xypt"])
    events["x"], events["y"], events["p"] = fields[:, 0], fields[:, 1], fields[:, 2] >> 7
    events["t"] = (fields[:, 2] & 0x7F) << 16 | fields[:, 3] << 8 | fields[:, 4]
    return frames_of(events, (STEPS, 2, *SENSOR), SENSOR, 1000 * MILLISECONDS, most=1)


def streams(count: int) -> Iterator[np.ndarray[Any, Any]]:
    """Yield event streams, (steps, 2, 34, 34): a spot that wanders over noise, of any density."""
    random = np.random.default_rng(0)
    rows_, columns = np.mgrid[: SENSOR[0], : SENSOR[1]]
    for _ in range(count):
        noise, density = 10.0 ** random.uniform(-4, -1.5), 10.0 ** random.uniform(-2, -0.2)
        size = random.uniform(2, 12)
        path = SENSOR[0] / 2 + np.cumsum(random.normal(0, 1.5, (STEPS, 2)), axis=0)
        near = [np.hypot(rows_ - y, columns - x) < size for y, x in path]
        chance = noise + density * np.stack(near)[:, np.newaxis]
        yield (random.random((STEPS, 2, *SENSOR)) < chance).astype(np.uint8)


def separable() -> NetworkDescription:
    """Return a network of the size that keyword spotting takes; its weights are random.

    A convolution over time and frequency, four blocks of a depthwise and a pointwise one, average
    pooling, a linear layer (after Zhang, Suda, Lai and Chandra, arXiv 1711.07128, DS-CNN of the
    small size): 22,000 weights. Layers are scaled so that some neurons of each fire.
    """
    random = np.random.default_rng(0)

    def weight(*shape: int, gain: float) -> Any:
        return random.normal(0.1, gain, shape) / np.sqrt(np.prod(shape[1:]))

    channels, classes = 64, 12
    layers: list[Any] = [
        Conv2d(weight=weight(channels, 1, 10, 4, gain=1.5), stride=(2, 2)),
        Population(neuron=LIF),
    ]
    for _ in range(4):
        depthwise = weight(channels, 1, 3, 3, gain=3.0)
        layers += [
            Conv2d(weight=depthwise, padding=(1, 1), groups=channels),
            Population(neuron=LIF),
            Conv2d(weight=weight(channels, channels, 1, 1, gain=3.0)),
            Population(neuron=LIF),
        ]
    layers += [
        AveragePool2d(size=(12, 4)),
        Flatten(),
        Dense(weight=weight(classes, channels, gain=6.0)),
        Population(neuron=LIF),
    ]
    return NetworkDescription(
        name="keywords",
        input=InputEncoding(shape=(1, 32, 10), bits=4, fraction_bits=3),
        steps=8,
        layers=tuple(layers),
    )


def _data() -> Path:
    if DATA_VARIABLE not in os.environ:
        raise SystemExit(f"set {DATA_VARIABLE} to a folder with nir/ and events/")
    return Path(os.environ[DATA_VARIABLE])
