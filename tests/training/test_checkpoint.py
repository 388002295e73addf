from __future__ import annotations

import contextlib
import json
import os
import random
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from sc_neurocore.errors import DataError, UserError
from sc_neurocore.progress import Progress
from sc_neurocore.training import SpikingNet, TrainingOptions, fit
from sc_neurocore.training.checkpoint import CHECKPOINT_NAME, load_checkpoint, save_checkpoint

SCRIPT = Path(__file__).with_name("interrupted_training.py")
WORKER = runpy.run_path(str(SCRIPT))
OPTIONS = TrainingOptions(epochs=3, batch_size=16, steps=4)


def saved(folder: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    found = load_checkpoint(folder)
    assert found is not None
    return found


def test_what_is_saved_is_loaded_and_the_newest_is_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "checkpoint"
    assert load_checkpoint(folder) is None
    images = torch.rand(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    tensors = {"images": images, "step": torch.tensor(3), "flags": torch.tensor([True])}
    for batch in range(3):
        save_checkpoint(folder, {"batch": batch, "loss": 0.1}, {**tensors, "x": torch.rand(2)})
    (folder / ".state-left-by-a-killed-process").write_bytes(b"half")
    save_checkpoint(folder, {"batch": 3, "loss": 0.1}, tensors)
    content, found = saved(folder)
    assert (content["batch"], content["loss"]) == (3, 0.1)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert sorted(path.name for path in folder.iterdir()) == [CHECKPOINT_NAME, content["tensors"]]


@pytest.mark.parametrize("renames", [0, 1])
def test_a_save_that_stops_half_way_leaves_the_checkpoint_of_before(
    renames: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path, {"batch": 1}, {"x": torch.ones(3)})
    left, replace = [renames], os.replace

    def stop(source: str, target: str) -> None:
        if not left[0]:
            raise OSError(28, "no space left")
        left[0] -= 1
        replace(source, target)

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(OSError, match="no space left"):
        save_checkpoint(tmp_path, {"batch": 2}, {"x": torch.zeros(3)})
    content, tensors = saved(tmp_path)
    assert content["batch"] == 1
    assert torch.equal(tensors["x"], torch.ones(3))


def test_damage_is_named(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, {}, {"x": torch.ones(3)})
    record = json.loads((tmp_path / CHECKPOINT_NAME).read_text())
    state = tmp_path / record["tensors"]
    raw = state.read_bytes()
    state.write_bytes(raw[:-1])
    with pytest.raises(DataError, match=r"state-.*have changed since they were saved; remove"):
        load_checkpoint(tmp_path)
    state.unlink()
    with pytest.raises(DataError, match=r"state-.*cannot be read"):
        load_checkpoint(tmp_path)
    (tmp_path / CHECKPOINT_NAME).write_text(json.dumps({**record, "version": 7}))
    with pytest.raises(DataError, match="version 7: this release reads version 1"):
        load_checkpoint(tmp_path)
    for damage in ("[]", "{", "{}"):
        (tmp_path / CHECKPOINT_NAME).write_text(damage)
        with pytest.raises(DataError, match="not a checkpoint"):
            load_checkpoint(tmp_path)


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    train, validation = WORKER["stripes"](40, 0), WORKER["stripes"](20, 1)

    def again(net: SpikingNet, data: Any = train, **changes: Any) -> None:
        options = TrainingOptions(**{"epochs": 1, "batch_size": 16, "steps": 4} | changes)
        fit(net, data, validation, options, checkpoint=tmp_path)

    again(SpikingNet(9, 8, 3))
    for refused, difference in [
        (lambda: again(SpikingNet(9, 8, 3), epochs=2), "options.epochs is 1 there, 2 here"),
        (lambda: again(SpikingNet(9, 7, 3)), r"parameters.layers.0.bias is \[8\] there, \[7\]"),
        (
            lambda: again(SpikingNet(9, 8, 3), WORKER["stripes"](40, 2)),
            "train.sha256 is '[0-9a-f]+' there",
        ),
        (
            lambda: again(SpikingNet(9, 8, 3), augment=WORKER["dim"]),
            "options.augment is None there, 'dim' here",
        ),
    ]:
        with pytest.raises(UserError, match=difference):
            refused()
    content, tensors = saved(tmp_path)
    save_checkpoint(tmp_path, content, {**tensors, "network/layers.0.bias": torch.ones(9)})
    with pytest.raises(DataError, match=r"(?s)does not fit the network: .*layers.0.bias"):
        again(SpikingNet(9, 8, 3))


def test_ctrl_c_between_epochs_saves_and_says_how_to_resume(tmp_path: Path) -> None:
    train = WORKER["stripes"](40, 0)

    def interrupt(event: Progress) -> None:
        if event.done == 2:
            raise KeyboardInterrupt

    torch.manual_seed(0)
    broken, whole = SpikingNet(9, 8, 3), SpikingNet(9, 8, 3)
    whole.load_state_dict(broken.state_dict())
    with pytest.raises(KeyboardInterrupt, match=r"after 2 of 3 epochs.*saved in .*goes on"):
        fit(broken, train, options=OPTIONS, progress=interrupt, checkpoint=tmp_path)
    resumed, events = SpikingNet(9, 8, 3), list[Progress]()
    history = fit(resumed, train, options=OPTIONS, progress=events.append, checkpoint=tmp_path)
    assert [event.done for event in events] == [2, 3]
    unbroken = fit(whole, train, options=OPTIONS)
    assert [e.loss for e in history.epochs] == [e.loss for e in unbroken.epochs]
    for one, other in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(one, other)


class Server:
    """Starts trainings in processes of their own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, end: tuple[signal.Signals, float] | None = None) -> int:
        """Train; send a signal so many seconds after a new checkpoint; return the exit code."""
        checkpoint = folder / "checkpoint" / CHECKPOINT_NAME
        before = content(checkpoint)
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{folder / 'checkpoint'} {folder / 'result.json'}\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        if end is not None:
            deadline = time.monotonic() + 60
            while content(checkpoint) == before and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(end[1])
            with contextlib.suppress(ProcessLookupError):  # it was faster, and is finished
                os.kill(child, end[0])
        return int(self._process.stdout.readline())

    def close(self) -> str:
        """End, and return what was said."""
        return self._process.communicate()[1]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_killed_or_interrupted_at_any_moment_it_ends_with_the_same_weights(
    server: Server, tmp_path: Path
) -> None:
    whole, broken, stopped = tmp_path / "whole", tmp_path / "broken", tmp_path / "stopped"
    for folder in (whole, broken, stopped):
        folder.mkdir()
    assert server.run(whole) == 0
    wanted = (whole / "result.json").read_text()
    moments = random.Random(0)
    places: list[tuple[int, int]] = []
    for _ in range(4):
        # With a checkpoint every 10 ms it is often killed while it writes one.
        code = server.run(broken, (signal.SIGKILL, moments.uniform(0, 0.15)))
        if code == 0:
            break
        assert code == -signal.SIGKILL
        found, _ = saved(broken / "checkpoint")
        places.append((len(found["epochs"]), found["batch"]))
    assert server.run(broken) == 0
    assert len(places) >= 2 and any(batch for _, batch in places), "it was killed too late"
    assert places == sorted(set(places))
    assert (broken / "result.json").read_text() == wanted

    (whole / "result.json").unlink()
    assert server.run(whole) == 0  # a finished one only takes the weights that were kept
    assert (whole / "result.json").read_text() == wanted

    assert server.run(stopped, (signal.SIGINT, 0.02)) == 130
    assert server.run(stopped) == 0
    assert (stopped / "result.json").read_text() == wanted
    assert f"saved in {stopped / 'checkpoint'}" in server.close()


def content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
