"""What a design takes of a device."""

from collections.abc import Callable

import pytest

from sc_neurocore.errors import UserError
from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.cost import Budget, blocks, cost, largest_lanes, memories
from sc_neurocore.hdl.geometry import plan

MakeNetwork = Callable[..., IntegerNetwork]

ICE40_BLOCKS = ((256, 16), (512, 8), (1024, 4), (2048, 2))
HX8K = Budget(7680, 32, ICE40_BLOCKS)
UP5K = Budget(5280, 30, ICE40_BLOCKS, multipliers=8, single_port_rams=4)


def test_blocks_are_counted_in_their_best_shape() -> None:
    assert blocks(256, 16, ICE40_BLOCKS) == 1
    assert blocks(257, 16, ICE40_BLOCKS) == 2
    assert blocks(2048, 3, ICE40_BLOCKS) == 2
    assert blocks(1280, 64, ICE40_BLOCKS) == 20


def test_the_weights_memory_is_as_large_as_the_weights(make_network: MakeNetwork) -> None:
    network = make_network([64, 128, 10], weight_bits=6)
    sizes = memories(plan(network, 8))
    assert sizes["weights"] == (16 * 64 + 2 * 128, 8 * 6)
    assert sizes["events"] == (2 * 64, 6 + 5)
    assert sizes["spikes"] == (2 * 4 * 16, 8)


def test_more_of_anything_never_takes_less(make_network: MakeNetwork) -> None:
    network = make_network([64, 128, 10], steps=25)
    cells = [cost(network, HX8K, lanes).logic_cells for lanes in (1, 2, 4, 8, 16, 32)]
    assert cells == sorted(cells)
    assert cost(network, UP5K, 8).logic_cells < cost(network, HX8K, 8).logic_cells
    assert cost(network, UP5K, 8).soft_lanes == 1 and cost(network, HX8K, 8).soft_lanes == 8
    assert cost(network, HX8K, 8, units=2).logic_cells < cost(network, HX8K, 8, units=4).logic_cells


def test_loaded_weights_go_to_the_single_port_rams(make_network: MakeNetwork) -> None:
    network = make_network([784, 128, 10], steps=25, input_bits=8)
    assert "block RAMs of 30" in cost(network, UP5K, 8).excess(UP5K)
    loaded = cost(network, UP5K, 8, "loaded")
    assert (loaded.single_port_rams, loaded.excess(UP5K)) == (4, "")
    assert largest_lanes(network, UP5K, "loaded")[0] == 8


def test_what_does_not_fit_is_refused_with_the_sums(make_network: MakeNetwork) -> None:
    with pytest.raises(UserError, match=r"lanes=1 it takes .* block RAMs of 32"):
        largest_lanes(make_network([784, 128, 10], input_bits=8), HX8K)
