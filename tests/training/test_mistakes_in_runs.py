"""Runs, sweeps and further trainings that are asked for the wrong way.

Each has a message of our own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from tests.training.mistakes import WARNINGS, Call, check_answer, ds, enc, net
from torch import nn

from sc_neurocore.data import load_split
from sc_neurocore.equation import LIF
from sc_neurocore.stochastic import make_sources
from sc_neurocore.training import (
    CrossEntropy,
    RunOptions,
    TrainingOptions,
    run_sweep,
    train,
    train_run,
)
from sc_neurocore.training.integer_aware import integer_aware
from sc_neurocore.training.sc_aware import stream_aware
from sc_neurocore.training.start import Start

pytestmark = WARNINGS


def fresh() -> str:
    return f"{tempfile.mkdtemp()}/run"


CALLS: dict[str, Call] = {
    "RunOptions neuron": lambda: train_run("digits", Path(fresh()), RunOptions(neuron="LIFF")),
    "train_run dataset obj": lambda: train_run(ds(), Path(fresh())),
    "RunOptions hidden 0": lambda: train_run("digits", Path(fresh()), RunOptions(n_hidden=0)),
    "RunOptions dropout str": lambda: RunOptions(dropout="x"),
    "RunOptions training dict": lambda: RunOptions(training={"epochs": 1}),
    "RunOptions device": lambda: train_run("digits", Path(fresh()), RunOptions(device="gpu")),
    "RunOptions channels int": lambda: train_run(
        "digits", Path(fresh()), RunOptions(net="conv", channels=8)
    ),
    "train dataset": lambda: train(ds()),
    "run options surrogate": lambda: train_run(
        "digits", Path(fresh()), RunOptions(surrogate="relu")
    ),
    "run options split": lambda: train_run("digits", Path(fresh()), RunOptions(split="official")),
    "run options frac": lambda: train_run("digits", Path(fresh()), RunOptions(test_fraction=0)),
    "run options frac str": lambda: train_run(
        "digits", Path(fresh()), RunOptions(test_fraction="a")
    ),
    "run options delay": lambda: RunOptions(max_delay=2.5),
    "run options net": lambda: RunOptions(net="rnn"),
    "run options learn int": lambda: train_run("digits", Path(fresh()), RunOptions(learn=3)),
    "run options neuron obj": lambda: train_run("digits", Path(fresh()), RunOptions(neuron=LIF)),
    "run options channels": lambda: train_run(
        "digits", Path(fresh()), RunOptions(net="conv", channels=(0,))
    ),
    "run opts dict": lambda: train_run("digits", Path(fresh()), {"n_hidden": 3}),
    "run loss": lambda: RunOptions(loss="mse"),
    "run loss object": lambda: RunOptions(loss=CrossEntropy()),
    "run data": lambda: RunOptions(data="root"),
    "run data unknown": lambda: train_run("digits", Path(fresh()), RunOptions(data={"bands": 3})),
    "run data type": lambda: train_run(
        "spoken-digits", Path(fresh()), RunOptions(data={"bands": "many"})
    ),
    "events nowhere": lambda: train_run(
        "shd", Path(fresh()), RunOptions(data={"root": "/nonexistent"})
    ),
    "events root path": lambda: load_split("shd", root=Path("/nonexistent")),
    "sweep grid": lambda: run_sweep("digits", Path(fresh()), RunOptions(), {"hidden": [1]}),
    "sweep grid list": lambda: run_sweep("digits", Path(fresh()), RunOptions(), [1]),
    "sweep grid value": lambda: run_sweep("digits", Path(fresh()), RunOptions(), {"seed": 3}),
    "sweep options": lambda: run_sweep("digits", Path(fresh()), TrainingOptions(), {"seed": [1]}),
    "sweep jobs": lambda: run_sweep(
        "digits", Path(fresh()), RunOptions(), {"seed": [1]}, jobs="all"
    ),
    "sweep backend": lambda: run_sweep(
        "digits", Path(fresh()), RunOptions(), {"seed": [1]}, backend="multiprocessing"
    ),
    "sweep dataset": lambda: run_sweep("digit", Path(fresh()), RunOptions(), {"seed": [1]}),
    "start both": lambda: Start(net().to_description("a", enc, 3), 4, 16),
    "start no sources": lambda: Start(net().to_description("a", enc, 3), None, 16),
    "start network": lambda: Start(net(), 4),
    "start no data": lambda: train_run(
        "digits", Path(fresh()), RunOptions(), start=Start(net().to_description("a", enc, 3), 4)
    ),
    "weight bits str": lambda: integer_aware(net(), "4").__enter__(),
    "weight bits net": lambda: integer_aware(nn.Linear(3, 3), 4).__enter__(),
    "stream net": lambda: stream_aware(nn.Linear(3, 3), 16, make_sources("sobol")).__enter__(),
    "stream source name": lambda: stream_aware(net(), 16, "sobol").__enter__(),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_mistake_is_answered_in_our_own_words(name: str) -> None:
    check_answer(CALLS[name])
