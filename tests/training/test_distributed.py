from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sc_neurocore.errors import UserError
from sc_neurocore.training.checkpoint import load_checkpoint
from sc_neurocore.training.distributed import ALONE, Group, current_group, joined

SCRIPT = Path(__file__).with_name("interrupted_training.py")


@given(size=st.integers(1, 9), number=st.integers(0, 40))
def test_the_parts_are_all_of_it_and_as_even_as_can_be(size: int, number: int) -> None:
    parts = [range(number)[Group(rank, size).part(number)] for rank in range(size)]
    assert [index for part in parts for index in part] == list(range(number))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_alone_every_message_arrives_as_it_is() -> None:
    values, net = torch.tensor([1.0, 2.0]), torch.nn.Linear(1, 1)
    assert current_group() == ALONE
    assert ALONE.is_first
    assert ALONE.added(values) is values
    assert ALONE.any(True, False, device=torch.device("cpu")) == (True, False)
    assert ALONE.gathered("x") == ["x"]
    assert ALONE.from_first("x") == "x"
    assert ALONE.wrapped(net, torch.device("cpu")) is net
    with joined("cpu") as device:
        assert device == torch.device("cpu")
        assert current_group() == ALONE


def test_a_device_that_is_not_here_is_named() -> None:
    with pytest.raises(UserError, match=r"device 'abacus': .*; PyTorch sees cpu"), joined("abacus"):
        pass


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


def start(folder: Path, *launcher: str, kind: str = "plain") -> subprocess.Popen[str]:
    """Train without BatchNorm and dropout, which know only the part of their process."""
    folder.mkdir(exist_ok=True)
    files = (str(folder / "checkpoint"), str(folder / "result.json"))
    return subprocess.Popen(
        [sys.executable, *launcher, str(SCRIPT), *files, kind],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def finish(process: subprocess.Popen[str], folder: Path) -> dict[str, Any]:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    content: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return content


@pytest.mark.soak
def test_two_processes_killed_and_resumed_train_as_one_does(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    alone = finish(start(one), one)
    killed = start(two, *TORCHRUN)
    try:
        while load_checkpoint(two / "checkpoint") is None:
            assert killed.poll() is None
            time.sleep(0.01)
    finally:
        killed.kill()
        for path in two.glob("process-*"):
            os.kill(int(path.read_text()), signal.SIGKILL)
        killed.communicate()
    found = load_checkpoint(two / "checkpoint")
    assert found and len(found[0]["epochs"]) < 6
    together = finish(start(two, *TORCHRUN), two)
    assert len(together["epochs"]) == len(alone["epochs"]) == 6
    check_alike(together, alone)


def test_two_processes_learn_a_stream_in_parts_of_its_time_as_one_does(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    both = start(two, *TORCHRUN, kind="streamed")
    alone = finish(start(one, kind="streamed"), one)
    check_alike(finish(both, two), alone)


def check_alike(together: dict[str, Any], alone: dict[str, Any]) -> None:
    for ours, theirs in zip(together["epochs"], alone["epochs"], strict=True):
        assert ours[:2] == pytest.approx(theirs[:2], rel=1e-4)  # loss, largest gradient
        assert ours[2] == pytest.approx(theirs[2], abs=1 / 60)  # validation accuracy
