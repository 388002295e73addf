"""Descriptions that cannot be made or read, and records of what is not there.

Each has a message of our own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.training.mistakes import WARNINGS, Call, check_answer, ds, enc, net, x
from torch import nn

from sc_neurocore.kernels.workload import measure_workload
from sc_neurocore.network import InputEncoding
from sc_neurocore.training import (
    LIFCell,
    Normalize,
    Residual,
    SpikingNet,
    SpikingSequential,
    activity_report,
    record,
)

pytestmark = WARNINGS


def spoilt(value: float) -> Any:
    made = net()
    made.layers[0].weight.data.fill_(value)
    return made


CALLS: dict[str, Call] = {
    "to_description none": lambda: net().to_description("a", (6,), 5),
    "to_description wrong shape": lambda: net().to_description(
        "a", InputEncoding(shape=(7,), bits=4, fraction_bits=4), 5
    ),
    "to_description name": lambda: net().to_description("my net!", enc, 5),
    "to_description steps float": lambda: net().to_description("a", enc, 2.5),
    "from_description path": lambda: SpikingSequential.from_description("models/digits"),
    "record unknown": lambda: record(net(), states=("u",)).__enter__(),
    "activity no steps": lambda: activity_report(net(), ds()),
    "activity net None": lambda: activity_report(None, x, 3),
    "activity np": lambda: activity_report(net(), x.numpy(), 3),
    "activity batch 0": lambda: activity_report(net(), x, 3, batch_size=0),
    "record twice layers str": lambda: record(net(), layers="layers.9").__enter__(),
    "record not net": lambda: record(3).__enter__(),
    "to_sc_weights enc": lambda: net().to_sc_weights("signed"),
    "export relu": lambda: SpikingSequential(nn.Linear(6, 5), nn.ReLU(), LIFCell()).to_description(
        "a", enc, 3
    ),
    "export bn first": lambda: SpikingSequential(
        nn.BatchNorm1d(6), LIFCell(), nn.Linear(6, 5), LIFCell()
    ).to_description("a", enc, 3),
    "export lazy": lambda: SpikingSequential(nn.LazyLinear(5), LIFCell()).to_description(
        "a", enc, 3
    ),
    "export nan": lambda: spoilt(float("nan")).to_description("a", enc, 3),
    "export readout": lambda: net().to_description("a", enc, 3, readout="votes"),
    "export metadata obj": lambda: net().to_description("a", enc, 3, metadata={"x": object()}),
    "export steps none": lambda: net().to_description("a", enc, None),
    "sc weights inf": lambda: spoilt(float("inf")).to_sc_weights(),
    "from_description option": lambda: SpikingSequential.from_description(
        net().to_description("a", enc, 3), tau=3
    ),
    "from_description dtype": lambda: SpikingSequential.from_description(
        net().to_description("a", enc, 3), "float64"
    ),
    "record state typo": lambda: record(LIFCell(), states=("u",)).__enter__(),
    "record join": lambda: record(net(), join="steps").__enter__(),
    "activity report dataset width": lambda: activity_report(SpikingNet(7, 5, 3), ds(), 3),
    "record states int": lambda: record(net(), states=3).__enter__(),
    "record layers int": lambda: record(net(), layers=3).__enter__(),
    "residual of currents": lambda: SpikingSequential(
        nn.Linear(6, 5), LIFCell(), Residual(nn.Linear(5, 5)), LIFCell()
    ).to_description("a", enc, 3),
    "and-not of counts": lambda: SpikingSequential(
        nn.Linear(6, 5),
        LIFCell(),
        Residual(nn.Linear(5, 5), LIFCell()),
        Residual(nn.Linear(5, 5), LIFCell(), how="and-not"),
        nn.Linear(5, 3),
        LIFCell(),
    ).to_description("a", enc, 3),
    "normalize padded": lambda: SpikingSequential(
        Normalize(0.5), nn.Conv2d(1, 2, 3, padding=1), LIFCell()
    ).to_description("a", InputEncoding(shape=(1, 4, 4), bits=4, fraction_bits=4), 2),
    "workload float": lambda: measure_workload(net().to_description("a", enc, 3), x.numpy()),
    "workload net": lambda: measure_workload(net(), x.numpy()),
    "workload none": lambda: measure_workload(
        net().to_description("a", enc, 3), np.zeros((0, 6), np.uint8)
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_mistake_is_answered_in_our_own_words(name: str) -> None:
    check_answer(CALLS[name])
