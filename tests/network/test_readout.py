"""The readout "first-to-N": the same end of a sample in floats and in integers."""

import numpy as np
import pytest

from sc_neurocore.equation import LIF
from sc_neurocore.errors import DescriptionError
from sc_neurocore.fixed import quantize
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    spikes_that_suffice,
)


def network(readout: str) -> NetworkDescription:
    weight = np.random.default_rng(0).normal(0, 0.6, (4, 6))
    return NetworkDescription(
        name="net",
        input=InputEncoding(kind="sequence", shape=(6,), bits=4, fraction_bits=3),
        steps=9,
        layers=(Dense(weight=weight), Population(neuron=LIF)),
        readout=readout,
    )


@pytest.mark.parametrize("count", [1, 2, 3, 50])
@pytest.mark.parametrize("record", [False, True])
def test_a_sample_ends_with_the_step_in_which_a_neuron_has_enough(count: int, record: bool) -> None:
    inputs = np.random.default_rng(1).integers(0, 16, (9, 20, 6)) * (np.arange(20) > 0)[:, None]
    description = network(f"first-to-{count}")
    for whole, early in (
        (run_float(network("spike-count"), inputs, record=True),
         run_float(description, inputs, record=record)),
        (quantize(network("spike-count")).run(inputs, record=True),
         quantize(description).run(inputs, record=record)),
    ):  # fmt: skip
        after = np.cumsum(whole.spikes[0], axis=0)  # (steps, samples, outputs)
        for sample in range(20):
            reached = np.flatnonzero((after[:, sample] >= count).any(axis=1))
            end = reached[0] if len(reached) else 8
            assert early.steps[sample] == end + 1
            np.testing.assert_array_equal(early.spike_counts[sample], after[end, sample])
            assert early.classes[sample] == np.argmax(after[end, sample])
            membrane = whole.states[0]["v"][: end + 1, sample].sum(axis=0)
            np.testing.assert_allclose(early.membrane[sample], membrane, atol=1e-9)
    assert (whole.steps == 9).all()


def test_the_number_is_read_from_the_name() -> None:
    assert spikes_that_suffice("first-to-12") == 12
    assert spikes_that_suffice("spike-count") is None
    for wrong in ("first-to-0", "first-to-", "most", "first-to-1.5"):
        with pytest.raises((ValueError, DescriptionError), match="readout"):
            network(wrong)
