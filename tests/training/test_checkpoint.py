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
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sc_neurocore.equation import SURROGATES
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.progress import Progress
from sc_neurocore.training import (
    CrossEntropy,
    IFCell,
    RatePenalty,
    SpikingNet,
    SpikingSequential,
    TrainingOptions,
    fit,
)
from sc_neurocore.training.checkpoint import CHECKPOINT_NAME, load_checkpoint, save_checkpoint

# Networks that learn for a few steps only have not woken up yet, and are told so.
pytestmark = pytest.mark.filterwarnings("ignore::sc_neurocore.training.health.TrainingWarning")

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
    (folder / ".state-0123456789abcdef.safetensors-k3_x9z1a").write_bytes(b"half")
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
    with pytest.raises(DataError, match="version 7: this release reads version 2"):
        load_checkpoint(tmp_path)
    for damage in ("[]", "{", "{}"):
        (tmp_path / CHECKPOINT_NAME).write_text(damage)
        with pytest.raises(DataError, match="not a checkpoint"):
            load_checkpoint(tmp_path)


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    train, validation = WORKER["stripes"](40, 0), WORKER["stripes"](20, 1)

    def again(net: nn.Module, data: Any = train, **changes: Any) -> None:
        names = ("loss", "readout", "penalties")
        objective = {name: changes.pop(name) for name in names if name in changes}
        options = TrainingOptions(**{"epochs": 1, "batch_size": 16, "steps": 4} | changes)
        fit(net, data, validation, options, checkpoint=tmp_path, **objective)

    def net(*modules: nn.Module, **options: Any) -> SpikingSequential:
        made = SpikingNet(9, 8, 3, **options)
        return SpikingSequential(*modules, *made.layers) if modules else made

    again(net(), epochs=2)
    steeper = SURROGATES["atan_surrogate"](3.0)
    refused: list[tuple[SpikingSequential, dict[str, Any], str]] = [
        (net(), {"epochs": 1}, "options.epochs is 2 there, 1 here"),
        (SpikingNet(9, 7, 3), {}, r"network.layers.0 is .*out_features=8.* there, .*=7"),
        (net(), {"data": WORKER["stripes"](40, 2)}, "train.sha256 is '[0-9a-f]+' there"),
        (net(), {"augment": WORKER["dim"]}, "options.augment is None there, 'dim' here"),
        (net(), {"loss": "membrane"}, "objective.loss.of is 'spike-count' there, 'membrane' here"),
        (net(), {"loss": CrossEntropy(weight=(1, 2, 1))}, "objective.loss.weight is None there"),
        (net(), {"readout": "membrane"}, "objective.readout.kind is 'spike-count' there"),
        (net(), {"penalties": RatePenalty(0.1)}, r"objective.penalties is \[\] there"),
        (net(beta=0.8), {}, r"network.layers.1 is .*beta=0.9.* there, .*beta=0.8"),
        (net(threshold=0.5), {}, r"threshold=1.0.* there, .*threshold=0.5"),
        (net(reset="zero"), {}, r"network.layers.1 is .*v = v - threshold.* there, .*v = 0"),
        (net(surrogate="triangular"), {}, "network.layers.1 is .*surrogate"),
        (net(surrogate=steeper), {}, r"alpha = 2.0.* there, .*alpha = 3.0"),
        (net(detach_reset=False), {}, "detach_reset=True.* there, .*detach_reset=False"),
        (net(cell=IFCell), {}, "network.layers.1 is .*neuron LIF.* there, .*neuron IF"),
        (net(learn="beta"), {}, "learns ; .* there, .*learns beta"),
        (net(nn.Dropout(0.1)), {}, "network.layers.0 is"),
    ]
    for other, changes, difference in refused:
        with pytest.raises(UserError, match=difference):
            again(other, **{"epochs": 2, **changes})
    frozen = net()
    frozen.layers[0].weight.requires_grad_(False)
    with pytest.raises(UserError, match="trained is "):
        again(frozen, epochs=2)
    content, tensors = saved(tmp_path)
    save_checkpoint(tmp_path, content, {**tensors, "network/layers.0.bias": torch.ones(9)})
    with pytest.raises(DataError, match=r"(?s)does not fit the network: .*layers.0.bias"):
        again(SpikingNet(9, 8, 3), epochs=2)


def test_dropout_that_differs_is_another_network(tmp_path: Path) -> None:
    train = WORKER["stripes"](40, 0)
    for share, error in ((0.1, None), (0.1, None), (0.2, "p=0.1.* there, .*p=0.2")):
        net = SpikingSequential(nn.Dropout(share), *SpikingNet(9, 8, 3).layers)
        if error is None:
            fit(net, train, options=OPTIONS, checkpoint=tmp_path)
        else:
            with pytest.raises(UserError, match=error):
                fit(net, train, options=OPTIONS, checkpoint=tmp_path)


def test_a_finished_training_is_prolonged_as_if_it_had_been_longer(tmp_path: Path) -> None:
    train, validation = WORKER["stripes"](40, 0), WORKER["stripes"](20, 1)
    long = replace(OPTIONS, epochs=4, average=0.9)
    torch.manual_seed(0)
    whole, parts = SpikingNet(9, 8, 3), SpikingNet(9, 8, 3)
    parts.load_state_dict(whole.state_dict())
    fit(whole, train, validation, long)
    for epochs in (1, 3, 4):
        history = fit(parts, train, validation, replace(long, epochs=epochs), checkpoint=tmp_path)
        assert len(history.epochs) == epochs
    assert all(map(torch.equal, parts.parameters(), whole.parameters()))
    other = replace(long, schedule="cosine")
    fit(parts, train, validation, other, checkpoint=tmp_path / "cosine")
    with pytest.raises(UserError, match=r"options.epochs is 4 there, 5 here"):
        longer = replace(other, epochs=5)
        fit(parts, train, validation, longer, checkpoint=tmp_path / "cosine")


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
