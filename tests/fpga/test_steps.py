"""Boards whose networks take a frame per step: events and frames, over good lines and bad ones."""

from __future__ import annotations

import importlib.util
import json
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import serial
from numpy.typing import NDArray
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.equation import LIF
from sc_neurocore.errors import BoardError, DataError
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.host import Host
from sc_neurocore.fpga.protocol import (
    END_OF_STEP,
    Command,
    Status,
    encode_request,
    find_answers,
    read_progress,
)
from sc_neurocore.fpga.simulated import SECONDS_OF_SILENCE, simulated_board
from sc_neurocore.fpga.sources import sources_of
from sc_neurocore.hdl.design import Design
from sc_neurocore.network import (
    DelayDense,
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
)

HARNESS = Path(__file__).parents[2] / "src" / "sc_neurocore" / "fpga" / "harness"
STEPS, INPUTS = 9, 20
Frames = NDArray[np.int64]


def _bad_line() -> Any:
    """The line of test_simulated.py that loses, changes and invents bytes."""
    spec = importlib.util.spec_from_file_location(
        "test_simulated", Path(__file__).with_name("test_simulated.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.BadLine


def design(folder: Path, bits: int, readout: str, board: str, **options: Any) -> Design:
    """A network with delays and recurrent neurons, on a board."""
    random = np.random.default_rng(3)
    kind = "spikes" if bits == 1 else "sequence"
    description = NetworkDescription(
        name="net",
        input=InputEncoding(kind=kind, shape=(INPUTS,), bits=bits, fraction_bits=0),
        steps=STEPS,
        readout=readout,
        layers=[
            DelayDense(
                weight=random.normal(0.1, 0.3, (12, INPUTS)),
                delays=random.integers(0, 4, (12, INPUTS)),
            ),
            Recurrent(neuron=LIF, weight=random.normal(0, 0.2, (12, 12))),
            Dense(weight=random.normal(0.1, 0.4, (5, 12))),
            Population(neuron=LIF),
        ],
    )
    return compile_design(description, folder, board=board, lanes=4, **options).design


def samples(bits: int, count: int = 30) -> Frames:
    """Samples (count, STEPS, INPUTS), some with few events and some with many."""
    random = np.random.default_rng(7)
    values = random.integers(0, 1 << bits, (count, STEPS, INPUTS))
    values *= random.random(values.shape) < random.random((count, 1, 1))
    values[0], values[1] = 0, (1 << bits) - 1
    return values


@pytest.fixture(scope="module")
def spiking(tmp_path_factory: pytest.TempPathFactory) -> Design:
    return design(tmp_path_factory.mktemp("spiking"), 1, "spike-count", "ulx3s")


@pytest.fixture(scope="module")
def early(tmp_path_factory: pytest.TempPathFactory) -> Design:
    return design(tmp_path_factory.mktemp("early"), 1, "first-to-2", "ulx3s")


@pytest.mark.parametrize("bits", [1, 3])
def test_verilator_and_icarus_have_nothing_to_say_of_the_top(
    bits: int,
    tmp_path: Path,
    require_tool: Callable[..., None],
    lint_clean: Callable[..., None],
) -> None:
    require_tool("verilator", "iverilog")
    read = sources_of(design(tmp_path, bits, "first-to-2", "ulx3s", inputs_per_beat=2))
    names = [*read.verilog, str(HARNESS / "primitives.v")]
    lint_clean(tmp_path / "rtl", read.top, names, "-Wno-timescale")


@pytest.mark.parametrize(
    ("bits", "readout", "board", "options"),
    [
        (1, "spike-count", "ulx3s", {}),
        (3, "membrane", "icebreaker", {"inputs_per_beat": 4}),
        (8, "spike-count", "arty-a7", {"inputs_per_beat": 8}),
    ],
)
def test_every_answer_is_that_of_the_integers(
    bits: int,
    readout: str,
    board: str,
    options: dict[str, int],
    tmp_path: Path,
    require_tool: Callable[..., None],
) -> None:
    require_tool("verilator", "c++")
    made = design(tmp_path, bits, readout, board, **options)
    frames = samples(bits)
    expected = made.network.run(np.moveaxis(frames, 1, 0))
    wanted = expected.membrane if readout == "membrane" else expected.spike_counts
    assert len(np.unique(expected.classes)) > 1
    with simulated_board(made) as port, Host(port, silence=SECONDS_OF_SILENCE) as host:
        assert (host.identity.steps, host.identity.input_bits) == (STEPS, bits)
        run = host.classify(frames)
    np.testing.assert_array_equal(run.classes, expected.classes)
    np.testing.assert_array_equal(run.spike_counts, wanted)
    assert (run.steps == STEPS).all()


def test_a_bad_line_costs_time_and_nothing_else(
    spiking: Design, require_tool: Callable[..., None]
) -> None:
    require_tool("verilator", "c++")
    frames = samples(1)
    expected = spiking.network.run(np.moveaxis(frames, 1, 0))
    with simulated_board(spiking) as port:
        line = _bad_line()(port, seed=5, share=0.002)
        with Host(line, timeout=0.3, silence=SECONDS_OF_SILENCE, attempts=20) as host:
            run = host.classify(frames)
            assert host.retries > 5
    assert line.mishaps > 10
    np.testing.assert_array_equal(run.classes, expected.classes)
    np.testing.assert_array_equal(run.spike_counts, expected.spike_counts)


def test_answers_come_early_and_a_stream_has_one_for_each_window(
    early: Design, require_tool: Callable[..., None]
) -> None:
    require_tool("verilator", "c++")
    frames = samples(1)
    expected = early.network.run(np.moveaxis(frames, 1, 0))
    assert 1 < expected.steps.min() < STEPS
    assert expected.steps.max() == STEPS
    with simulated_board(early) as port, Host(port, silence=SECONDS_OF_SILENCE) as host:
        run = host.classify(frames)
        given: list[int] = []

        def endless() -> Any:
            for number, frame in enumerate(frames.reshape(-1, INPUTS)):
                given.append(number)
                yield frame

        windows = []
        for window in host.stream(endless()):
            windows.append(window)
            # The answer is there before the next frame is asked for.
            assert given[-1] == window.first + window.steps - 1
            if len(windows) == 12:
                break
    for found in (run.steps, run.classes, run.spike_counts):
        assert len(found) == len(frames)
    np.testing.assert_array_equal(run.steps, expected.steps)
    np.testing.assert_array_equal(run.classes, expected.classes)
    np.testing.assert_array_equal(run.spike_counts, expected.spike_counts)
    assert [each.first for each in windows] == [STEPS * number for number in range(12)]
    assert [each.steps for each in windows] == expected.steps[:12].tolist()
    assert [each.result.predicted for each in windows] == expected.classes[:12].tolist()


def test_the_board_says_what_was_wrong_and_goes_on(
    spiking: Design, require_tool: Callable[..., None]
) -> None:
    require_tool("verilator", "c++")
    with simulated_board(spiking) as port:
        line = serial.Serial(port, 1_000_000, timeout=0.02)
        tag = 0

        def ask(command: int, payload: bytes = b"") -> tuple[int, bytes]:
            nonlocal tag
            tag = (tag + 1) % 256
            line.reset_input_buffer()
            line.write(encode_request(command, tag, payload))
            heard, ends = b"", time.monotonic() + 2
            while time.monotonic() < ends:
                heard += line.read(100)
                for answer in find_answers(heard):
                    return answer.status, answer.payload
            raise AssertionError("no answer")

        def events(step: int, *inputs: int) -> bytes:
            return struct.pack(f"<{1 + len(inputs)}H", step, *inputs)

        def reached(command: int, payload: bytes) -> tuple[int, bool]:
            status, answer = ask(command, payload)
            assert status == Status.DONE
            progress = read_progress(answer)
            return progress.steps, progress.is_done

        end = END_OF_STEP
        assert ask(Command.READ)[0] == Status.NO_RESULT
        for command in (Command.LOAD_SAMPLE, Command.CLASSIFY):
            assert ask(command, bytes(INPUTS))[0] == Status.UNKNOWN
        assert ask(Command.RUN)[0] == Status.UNKNOWN
        assert ask(Command.EVENTS, events(3, end))[0] == Status.OUT_OF_ORDER
        for wrong in (events(0), events(0, end) + b"\0", bytes(INPUTS + 1)):
            command = Command.FRAME if wrong[-1:] == b"\0" and len(wrong) > 9 else Command.EVENTS
            assert ask(command, wrong)[0] == Status.WRONG_LENGTH
        for wrong in (
            events(0, INPUTS, end),  # no such input
            events(0, 4, 4, end),  # two spikes where one bit is
            events(0, 4, end, 5),  # the last step does not end
        ):
            assert ask(Command.EVENTS, wrong)[0] == Status.BAD_EVENT
            assert ask(Command.EVENTS, events(1, end))[0] == Status.OUT_OF_ORDER
        frame = np.zeros(INPUTS, np.uint8)
        frame[[3, 7]] = 1
        assert reached(Command.FRAME, events(0) + frame.tobytes()) == (1, False)
        assert reached(Command.EVENTS, events(1, 7, 3, end, end)) == (3, False)
        assert reached(Command.EVENTS, events(1, 7, 3, end, end)) == (3, False)  # sent again
        assert ask(Command.EVENTS, events(2, end))[0] == Status.OUT_OF_ORDER
        assert ask(Command.READ)[0] == Status.NO_RESULT
        assert reached(Command.EVENTS, events(3, *([end] * 9))) == (STEPS, True)  # three too many
        assert reached(Command.EVENTS, events(STEPS, end)) == (STEPS, True)
        status, answer = ask(Command.READ)
        expected = np.zeros((STEPS, 1, INPUTS), np.int64)
        expected[:2, 0, [3, 7]] = 1
        run = spiking.network.run(expected)
        assert status == Status.DONE
        assert struct.unpack("<5i", answer[6:]) == tuple(run.spike_counts[0])
        # A new sample may begin in the midst of another.
        assert reached(Command.EVENTS, events(0, 1, end)) == (1, False)
        assert reached(Command.FRAME, events(0) + frame.tobytes()) == (1, False)
        assert reached(Command.EVENTS, events(1, 3, 7, end, *([end] * 7))) == (STEPS, True)
        assert ask(Command.READ)[1][6:] == answer[6:]
        line.close()


def test_samples_that_do_not_fit_are_refused(
    spiking: Design, require_tool: Callable[..., None]
) -> None:
    require_tool("verilator", "c++")
    with simulated_board(spiking) as port, Host(port, silence=SECONDS_OF_SILENCE) as host:
        for wrong in (np.zeros((2, INPUTS), int), np.zeros((2, STEPS + 1, INPUTS), int)):
            with pytest.raises(DataError, match=rf"expected \(batch, {STEPS}, {INPUTS}\) integers"):
                host.classify(wrong)
        with pytest.raises(DataError, match=r"from 0 to 2: expected 0 to 1 \(1 bits\)"):
            host.classify(np.arange(STEPS * INPUTS).reshape(1, STEPS, INPUTS) % 3)
        with pytest.raises(BoardError, match="refuses LOAD_SAMPLE: it does not know this request"):
            host.load_sample(np.zeros(INPUTS, int))


def test_the_command_line_runs_a_file(
    early: Design, tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool("verilator", "c++")
    path = tmp_path / "events.npz"
    frames = samples(1, 12)
    labels = early.network.run(np.moveaxis(frames, 1, 0)).classes
    np.savez(path, events=np.argwhere(frames), labels=labels)
    command = ["run", str(early.home), "--port", "simulated", "--data", str(path), "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.stdout
    content = json.loads(result.stdout)
    assert (content["samples"], content["accuracy"]) == (12, 1)
    assert content["class_mismatches"] == content["count_mismatches"] == 0
    assert 1 < content["steps_per_sample"] < STEPS
