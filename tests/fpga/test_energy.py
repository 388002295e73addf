"""Counting work, against networks small enough to count it by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sc_neurocore.equation import CATALOGUE
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.fpga.energy import Activity, count_activity, estimate_energy
from sc_neurocore.hdl.planning import plan
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population


def relay(steps: int) -> IntegerNetwork:
    """Two inputs, three neurons that fire at every step if input 0 is full, one that hears them."""
    hidden = np.array([[1.0, 0.0]] * 3)
    layers = [
        Dense(weight=hidden),
        Population(neuron=CATALOGUE["IF"]),
        Dense(weight=np.full((1, 3), 0.25)),
        Population(neuron=CATALOGUE["IF"]),
    ]
    encoding = InputEncoding(shape=(2,), bits=5, fraction_bits=4)
    return quantize(NetworkDescription(name="relay", input=encoding, steps=steps, layers=layers))


def test_events_spikes_and_sums_are_those_counted_by_hand() -> None:
    network = relay(steps=4)
    geometry = plan(network, 1)
    # 16 / 16 = 1 is the threshold: three neurons fire at each of 4 steps; 3/4 per step reach the
    # last one, which therefore fires at steps 2, 3 and 4.
    found = count_activity(network, geometry, np.array([[16, 0]]))
    assert (found.events, found.spikes) == (1, 3 * 4 + 3)
    assert found.products == 1 * 3
    assert found.accumulations == 1 * 3 + 12 * 1
    assert found.updates == 4 * (3 + 1)

    silent = count_activity(network, geometry, np.array([[0, 0]]))
    assert (silent.events, silent.spikes, silent.accumulations) == (0, 0, 0)
    assert 0 < silent.addition_bits < found.addition_bits  # neurons are updated all the same

    both = count_activity(network, geometry, np.array([[16, 0], [0, 0]]))
    for name in ("events", "spikes", "memory_bits", "product_bits", "addition_bits"):
        mean = (getattr(found, name) + getattr(silent, name)) / 2
        assert getattr(both, name) == pytest.approx(mean)


def test_slices_do_not_change_the_count(
    make_network: Callable[..., IntegerNetwork], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make_network([6, 5, 3])
    inputs = np.random.default_rng(0).integers(0, 32, (7, 6))
    whole = count_activity(network, plan(network, 2), inputs)
    monkeypatch.setattr("sc_neurocore.fpga.energy._SLICE", 3)
    assert count_activity(network, plan(network, 2), inputs) == whole


def test_published_energies_come_out_of_the_operations_they_were_published_for() -> None:
    def energy(**bits: float) -> float:
        zero = {"addition_bits": 0.0, "product_bits": 0.0, "memory_bits": 0.0}
        activity = Activity(1, 0, 0, 0, 0, 0, **(zero | bits))
        return estimate_energy(activity).operations_nj * 1000

    assert energy(addition_bits=32) == pytest.approx(0.1)
    assert energy(product_bits=32 * 32) == pytest.approx(3.1)
    # Horowitz' 8-bit figures are rounded: 0.03 and 0.2 pJ.
    assert energy(addition_bits=8) == pytest.approx(0.03, abs=0.01)
    assert energy(product_bits=8 * 8) == pytest.approx(0.2, abs=0.01)
    assert energy(memory_bits=64) == pytest.approx(10)


def test_power_is_energy_times_rate_and_says_that_it_is_an_estimate() -> None:
    activity = Activity(1, 0, 0, 0, 0, 0, 1e6, 0, 0)
    found = estimate_energy(activity, cycles=1000, frequency_mhz=50)
    assert found.samples_per_second == 50_000
    assert found.fpga_nj == 14 * found.operations_nj
    assert found.dynamic_mw == pytest.approx(found.fpga_nj * 1e-9 * 50_000 * 1e3)
    assert estimate_energy(activity).dynamic_mw is None
    assert found.as_dict()["basis"].startswith("estimate")


def test_no_images_are_refused() -> None:
    network = relay(2)
    with pytest.raises(UserError, match="not empty"):
        count_activity(network, plan(network, 1), np.zeros((0, 2), dtype=int))
