"""The board tops themselves: their Verilog behind a pseudo-terminal, and the host as it is."""

from __future__ import annotations

import json
import re
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import serial
from numpy.typing import NDArray
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.data import load_split
from sc_neurocore.equation import LIF
from sc_neurocore.errors import BoardError, CheckFailedError
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.host import Host
from sc_neurocore.fpga.protocol import Command, Status, encode_request, find_answers
from sc_neurocore.fpga.simulated import SECONDS_OF_SILENCE, simulated_board
from sc_neurocore.hdl.design import Design, load_design
from sc_neurocore.hdl.memories import weight_image
from sc_neurocore.network import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    load_description,
)
from sc_neurocore.verify.cosimulation import cosimulate

PAGE = Path(__file__).parents[2] / "docs" / "boards.md"
MODEL = Path(__file__).parents[2] / "models" / "digits"
Images = NDArray[np.int64]


@pytest.fixture(scope="module")
def images() -> Images:
    return load_split("digits", seed=0).test.inputs.reshape(-1, 64)[:100].astype(np.int64)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Design:
    """The digits network with its weights in the bitstream, on an iCEBreaker."""
    directory = tmp_path_factory.mktemp("digits")
    return compile_design(load_description(MODEL), directory, board="icebreaker").design


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Design:
    """A small network on a ULX3S: weights that are loaded, four inputs at a time, membranes."""
    directory = tmp_path_factory.mktemp("loaded")
    random = np.random.default_rng(2)
    description = NetworkDescription(
        name="small",
        steps=6,
        readout="membrane",
        input=InputEncoding(shape=(42,), bits=8, fraction_bits=8),
        layers=[
            Dense(weight=random.normal(0, 0.5, (30, 42))),
            Population(neuron=LIF),
            Dense(weight=random.normal(0, 0.5, (7, 30))),
            Population(neuron=LIF),
        ],
    )
    return compile_design(
        description,
        directory,
        lanes=4,
        board="ulx3s",
        weights="loaded",
        ram_style="block",
        inputs_per_beat=4,
    ).design


@pytest.fixture
def port(digits: Design, require_tool: Callable[..., None]) -> Iterator[str]:
    require_tool("verilator", "c++")
    with simulated_board(digits) as name:
        yield name


class BadLine:
    """A serial port that loses, changes and invents bytes, in both directions."""

    def __init__(self, port: str, seed: int, share: float) -> None:
        self._line = serial.Serial(port, 1_000_000, timeout=0.02)
        self._random = np.random.default_rng(seed)
        self._share = share
        self.mishaps = 0

    @property
    def in_waiting(self) -> int:
        return self._line.in_waiting

    def read(self, size: int = 1) -> bytes:
        return self._spoil(self._line.read(size))

    def write(self, data: bytes) -> int:
        self._line.write(self._spoil(data))
        return len(data)

    def reset_input_buffer(self) -> None:
        self._line.reset_input_buffer()

    def close(self) -> None:
        self._line.close()

    def _spoil(self, data: bytes) -> bytes:
        spoiled = bytearray()
        for byte in data:
            if self._random.random() >= self._share:
                spoiled.append(byte)
                continue
            self.mishaps += 1
            kind = self._random.integers(3)
            if kind == 1:
                spoiled.append(byte ^ int(self._random.integers(1, 256)))
            elif kind == 2:
                spoiled.append(byte)
                spoiled += self._random.bytes(int(self._random.integers(1, 12)))
        return bytes(spoiled)


def test_a_hundred_images_come_out_as_the_integers_say(
    port: str, digits: Design, images: Images
) -> None:
    network = digits.network
    expected = network.run(images)
    with Host(port, network_hash=network.content_hash, silence=SECONDS_OF_SILENCE) as host:
        identity = host.identity
        run = host.classify(images)
    assert (identity.inputs, identity.outputs, identity.clock_hz) == (64, 10, 24_000_000)
    assert not identity.weights_are_loaded
    np.testing.assert_array_equal(run.classes, expected.classes)
    np.testing.assert_array_equal(run.spike_counts, expected.spike_counts)


def test_a_bad_line_costs_time_and_nothing_else(port: str, digits: Design, images: Images) -> None:
    network = digits.network
    expected = network.run(images)
    line = BadLine(port, seed=5, share=0.0015)
    with Host(line, timeout=0.3, silence=SECONDS_OF_SILENCE, attempts=20) as host:
        run = host.classify(images)
        assert host.retries > 5
    assert line.mishaps > 10
    np.testing.assert_array_equal(run.classes, expected.classes)
    np.testing.assert_array_equal(run.spike_counts, expected.spike_counts)


def test_the_board_survives_garbage_and_says_what_was_wrong(port: str, images: Images) -> None:
    random = np.random.default_rng(0)
    line = serial.Serial(port, 1_000_000, timeout=0.02)

    def ask(data: bytes) -> int | None:
        line.reset_input_buffer()
        line.write(data)
        heard = b""
        ends = time.monotonic() + 2
        while time.monotonic() < ends:
            heard += line.read(100)
            answers = find_answers(heard)
            if answers:
                return answers[0].status
        return None

    image = images[0].astype(np.uint8).tobytes()
    for size in (1, 10, 100, 2000):
        line.write(random.bytes(size) + b"\xa5\x03\x07\x40")
        time.sleep(2 * SECONDS_OF_SILENCE)
        damaged = bytearray(encode_request(Command.LOAD_SAMPLE, 1, image))
        damaged[20] ^= 1
        assert ask(bytes(damaged)) == Status.DAMAGED
        # What was damaged is no sample, whatever was there before.
        assert ask(encode_request(Command.RUN, 2)) == Status.NO_SAMPLE
        assert ask(encode_request(Command.LOAD_SAMPLE, 3, image[:-1])) == Status.WRONG_LENGTH
        assert ask(encode_request(Command.RUN, 4, b"x")) == Status.WRONG_LENGTH
        assert ask(encode_request(Command.LOAD_WEIGHTS, 5, bytes(8))) == Status.UNKNOWN
        assert ask(encode_request(99, 6)) == Status.UNKNOWN
        assert ask(encode_request(Command.LOAD_SAMPLE, 7, image)) == Status.DONE
        assert ask(encode_request(Command.RUN, 8)) == Status.DONE
    line.close()


def test_load_run_and_read_are_classify(port: str, images: Images) -> None:
    with Host(port, silence=SECONDS_OF_SILENCE) as host:
        with pytest.raises(BoardError, match="refuses READ: there is no result yet"):
            host.read()
        with pytest.raises(BoardError, match="refuses RUN: no sample is loaded"):
            host.run()
        whole = host.classify(images[:2])
        host.load_sample(images[0])
        condition = host.condition()
        assert condition.has_sample and condition.has_result and condition.has_weights
        assert condition.weights_checksum == host.identity.weights_checksum
        # The result of the image before is there until the next run.
        assert host.read().predicted == whole.classes[1]
        result = host.run()
        assert (result.predicted, result.spike_counts) == (
            whole.classes[0],
            tuple(whole.spike_counts[0]),
        )
        assert host.read() == host.run() == result
    with (
        pytest.raises(CheckFailedError, match="holds network"),
        Host(port, network_hash="0" * 64, silence=SECONDS_OF_SILENCE),
    ):
        pass


def test_weights_are_loaded_over_a_bad_line(
    loaded: Design, require_tool: Callable[..., None]
) -> None:
    require_tool("verilator", "c++", "iverilog")
    network = loaded.network
    image = weight_image(network, loaded.accelerator.geometry)
    images = np.random.default_rng(3).integers(0, 256, (60, 42))
    images[0], images[1] = 0, 255
    expected = network.run(images)
    with simulated_board(loaded) as port:
        line = BadLine(port, seed=7, share=0.002)
        with Host(line, timeout=0.3, silence=SECONDS_OF_SILENCE, attempts=20) as host:
            assert host.identity.weights_are_loaded
            with pytest.raises(BoardError, match="its weights are not loaded"):
                host.classify(images[:1])
            host.load_weights(image)
            assert line.mishaps > 0
        with Host(port, silence=SECONDS_OF_SILENCE) as host:
            run = host.classify(images)
            np.testing.assert_array_equal(run.classes, expected.classes)
            np.testing.assert_array_equal(run.spike_counts, expected.membrane)
            assert expected.membrane.min() < 0
            # One value per clock: from the first four to the last, and two beyond the end.
            cosimulation = cosimulate(loaded.accelerator, network, images, "icarus")
            assert run.clocks.mean() == pytest.approx(41 + cosimulation.latency_cycles)
            # A wrong bit is found out, and the network does not run on it.
            wrong = bytearray(image[:-4])
            wrong[1000] ^= 4
            with pytest.raises(CheckFailedError, match="the weights have arrived with checksum"):
                host.load_weights(bytes(wrong) + zlib.crc32(wrong).to_bytes(4, "little"))
            assert not host.condition().has_weights
            host.load_weights(image)
            assert host.classify(images[:1]).classes == expected.classes[:1]


def test_the_page_runs(port: str, digits: Design) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block.count('"/dev/ttyUSB1"') == block.count('"runs/board"') == 1
    block = block.replace("/dev/ttyUSB1", port).replace("runs/board", str(digits.home))
    exec(compile(block, str(PAGE), "exec"), {})


def test_the_command_line_runs_a_board(digits: Design, require_tool: Callable[..., None]) -> None:
    require_tool("verilator", "c++")
    arguments = ["run", str(digits.home), "--port", "simulated", "--samples", "50", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    content = json.loads(result.stdout)
    assert (content["samples"], content["simulated"]) == (50, True)
    assert content["class_mismatches"] == content["count_mismatches"] == 0
    assert content["accuracy"] == content["integer_accuracy"] > 0.9
    clocks, time_ = content["clocks_per_sample"], content["microseconds_per_sample"]
    assert time_ == pytest.approx(clocks / 24, abs=0.01)
    missing = CliRunner().invoke(app, ["run", str(digits.home), "--port", "/dev/no-such", "--json"])
    assert missing.exit_code == 2
    assert "port /dev/no-such" in json.loads(missing.stdout)["error"]


@pytest.mark.soak
@pytest.mark.parametrize("board", ["icebreaker", "ulx3s"])
def test_a_hundred_mnist_images_through_a_bad_line(
    board: str, shared_data: Path, tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    """The network of the model card; the iCEBreaker's memories must be loaded over the line too."""
    require_tool("verilator", "c++")
    model = MODEL.with_name("mnist-784-128-10")
    arguments = ["compile", str(model), "--out", str(tmp_path), "--board", board, "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.stdout
    design = load_design(tmp_path)
    network = design.network
    images = load_split("mnist").test.inputs.reshape(-1, 784)[:100].astype(np.int64)
    expected = network.run(images)
    with simulated_board(design) as port:
        line = BadLine(port, seed=11, share=2e-5)
        with Host(line, timeout=0.5, silence=SECONDS_OF_SILENCE, attempts=20) as host:
            assert host.identity.weights_are_loaded == (board == "icebreaker")
            if host.identity.weights_are_loaded:
                host.load_weights(weight_image(network, design.accelerator.geometry))
            run = host.classify(images)
    assert line.mishaps > 0
    np.testing.assert_array_equal(run.classes, expected.classes)
    np.testing.assert_array_equal(run.spike_counts, expected.spike_counts)
    labels = load_split("mnist").test.labels[:100]
    assert (run.classes == labels).mean() > 0.95
