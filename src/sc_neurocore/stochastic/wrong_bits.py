r"""Networks in integers some of whose bits are wrong: memories or wires that fail now and then.

Each bit is inverted by itself, with one probability. No bit is drawn alone: of $n$ ones among $b$
bits, $n - B(n, p) + B(b - n, p)$ are left, where $B$ is binomial, and that is the distribution of
what would be counted. The claim that streams bear wrong bits better than binary numbers do, as all
their bits are worth the same, is as old as the field (Gaines 1969, see `stochastic`); Qian, Li,
Riedel, Bazargan and Lilja, An architecture for fault-tolerant computation with stochastic logic,
IEEE Transactions on Computers 60(1), 2011, measure it for functions of images.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.array_types import Array, Integers
from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork
from sc_neurocore.fixed.synapses import IntegerSynapses
from sc_neurocore.network.layers import Dense, Runner, Weighted
from sc_neurocore.stochastic.integers import StreamSynapses
from sc_neurocore.stochastic.layer import SCDenseLayer, exact_product

_Sums: TypeAlias = Callable[[Array], Integers]
"""From what comes in, (batch, inputs), to the sums, (batch, outputs), without a bias."""


def with_wrong_stream_bits(
    network: IntegerNetwork, length: int, rate: float, seed: int = 0, *, in_sums: bool = False
) -> IntegerNetwork:
    """Return a network of streams in which bits of streams are wrong.

    A weight's stream, and that of a value that comes in and is not 0, has fresh errors wherever it
    is used. Its sign is a wire of its own, and right.

    Args:
        network: What `quantize_streams` returns, of dense layers, its weights of full length.
        length: Bits of a stream, as it was given there.
        rate: The probability of a bit to be wrong, 0 to 1.
        seed: Of the errors: two runs of what is returned draw other ones.
        in_sums: Whether each bit of a sum is wrong at the same rate too, when it is complete.

    Raises:
        UserError: If there are other layers, or the rate is no probability.
    """
    random = _random(rate, seed)

    def sums_of(synapses: IntegerSynapses, layer: IntegerLayer) -> _Sums:
        if synapses.weight_shift or np.abs(synapses.weight).max(initial=0) > length:
            raise UserError(
                f"{network.name}: counts of streams of {length} bits are expected, of full length"
            )
        if isinstance(synapses, StreamSynapses):
            return _stream_products(synapses, length, rate, random)
        if layer.incoming.high > 1 or layer.incoming.low < 0:
            raise UserError(
                f"{network.name}: what comes in to a layer of counts is more than a spike, and "
                f"errors are known of spikes"
            )
        return _stream_spikes(synapses.weight, length, rate, random)

    return _faulty(network, sums_of, rate if in_sums else 0.0, random)


def with_wrong_weight_bits(
    network: IntegerNetwork, rate: float, seed: int = 0, *, in_sums: bool = False
) -> IntegerNetwork:
    """Return a network of binary weights in which bits of weights are wrong.

    Each bit of a weight in two's complement has a fresh error wherever the weight is used.

    Args:
        network: What `fixed.quantize` returns, of dense layers.
        rate: The probability of a bit to be wrong, 0 to 1.
        seed: Of the errors: two runs of what is returned draw other ones.
        in_sums: Whether each bit of a sum is wrong at the same rate too, when it is complete.

    Raises:
        UserError: If there are other layers, or the rate is no probability.
    """
    random = _random(rate, seed)

    def sums_of(synapses: IntegerSynapses, layer: IntegerLayer) -> _Sums:
        bits = synapses.weight_bits
        if layer.incoming.high > 1 or layer.incoming.low < 0:
            return _weighted_values(synapses.weight, bits, rate, random)
        return _weighted_spikes(synapses.weight, bits, rate, random)

    return _faulty(network, sums_of, rate if in_sums else 0.0, random)


@dataclass(frozen=True)
class _FaultySynapses(IntegerSynapses):
    """Synapses with other sums than their own."""

    faulty: _Sums | None = None
    flip: _Sums | None = None

    def runners(self) -> tuple[Runner, Runner]:
        assert self.faulty is not None and self.flip is not None
        faulty, flip, bias = self.faulty, self.flip, self.bias
        return lambda values: values, lambda values: flip(faulty(values) + bias)


def _random(rate: float, seed: int) -> np.random.Generator:
    if not 0 <= rate <= 1:
        raise UserError(f"rate={rate}: expected the probability of a bit to be wrong, 0 to 1")
    return np.random.default_rng(seed)


def _faulty(
    network: IntegerNetwork,
    sums_of: Callable[[IntegerSynapses, IntegerLayer], _Sums],
    rate_of_sums: float,
    random: np.random.Generator,
) -> IntegerNetwork:
    layers = []
    for layer in network.layers:
        weighted = [each for each in layer.synapses if isinstance(each.layer, Weighted)]
        others = [each.layer.kind for each in layer.synapses if each not in weighted]
        is_dense = len(weighted) == 1 and isinstance(weighted[0].layer, Dense)
        if not is_dense or layer.feedback is not None or {*others} - {"flatten"}:
            raise UserError(
                f"{network.name}: layer {', '.join(layer.kinds)}: errors are known of dense layers"
            )
        (synapses,) = weighted
        given: dict[str, Any] = {
            field.name: getattr(synapses, field.name) for field in fields(IntegerSynapses)
        }
        made = _FaultySynapses(
            **given,
            faulty=sums_of(synapses, layer),
            flip=_flipping(layer.accumulator_bits, rate_of_sums, random),
        )
        layers.append(
            replace(layer, synapses=tuple(made if e is synapses else e for e in layer.synapses))
        )
    return replace(network, layers=tuple(layers))


def _left(
    ones: Integers, bits: Integers, rate: float, random: np.random.Generator
) -> NDArray[np.int64]:
    """Return how many ones there are when each bit is wrong at a rate."""
    left: NDArray[np.int64] = ones - random.binomial(ones, rate)
    return left + random.binomial(bits - ones, rate)


def _stream_spikes(
    weight: Integers, length: int, rate: float, random: np.random.Generator
) -> _Sums:
    ones = np.abs(weight)

    def sums(spikes: Array) -> Integers:
        found = np.zeros((len(spikes), len(weight)), dtype=np.int64)
        for sign, counted in ((1, weight >= 0), (-1, weight < 0)):
            bits = length * exact_product(spikes, counted)
            found += sign * _left(exact_product(spikes, ones * counted), bits, rate, random)
        return found

    return sums


def _stream_products(
    synapses: StreamSynapses, length: int, rate: float, random: np.random.Generator
) -> _Sums:
    layer = synapses.streams
    assert layer is not None
    halves = [
        (sign, chosen, SCDenseLayer(_only(layer, chosen), length, layer.sources))
        for sign, chosen in ((1, ~layer.negative), (-1, layer.negative))
    ]
    ones = np.abs(synapses.weight)

    def sums(values: Array) -> Integers:
        shares = np.minimum(np.ldexp(values.astype(np.float64), -synapses.fraction_bits), 1)
        levels = layer.levels(shares)
        found = np.zeros((len(values), layer.n_out), dtype=np.int64)
        for sign, chosen, half in halves:
            both = half.count_levels(levels)[0]
            first = exact_product(levels, chosen) - both  # the value's bit alone is 1
            second = exact_product(levels > 0, ones * chosen) - both  # the weight's alone
            none = length * exact_product(levels > 0, chosen) - both - first - second
            right = 1 - rate
            for bits, chance in (
                (both, right * right),
                (first, right * rate),
                (second, rate * right),
                (none, rate * rate),
            ):
                found += sign * random.binomial(bits, chance)
        return found

    return sums


def _only(layer: SCDenseLayer, chosen: NDArray[np.bool_]) -> Any:
    """Return some of a layer's weights, their signs left out; the others are 0."""
    return replace(
        layer.weights,
        values=np.where(chosen, layer.weights.values, 0.0),
        sign=np.ones(chosen.shape, dtype=np.int8),
        bias=None,
    )


def _planes(weight: Integers, bits: int) -> list[tuple[int, Integers]]:
    """Return the bits of weights in two's complement, and what each is worth."""
    worth = [1 << place for place in range(bits - 1)] + [-(1 << (bits - 1))]
    return [(value, (weight >> place) & 1) for place, value in enumerate(worth)]


def _weighted_spikes(
    weight: Integers, bits: int, rate: float, random: np.random.Generator
) -> _Sums:
    planes = _planes(weight, bits)

    def sums(spikes: Array) -> Integers:
        found = np.zeros((len(spikes), len(weight)), dtype=np.int64)
        read = np.broadcast_to(spikes.sum(axis=1, dtype=np.int64)[:, np.newaxis], found.shape)
        for worth, plane in planes:
            found += worth * _left(exact_product(spikes, plane), read, rate, random)
        return found

    return sums


def _weighted_values(
    weight: Integers, bits: int, rate: float, random: np.random.Generator
) -> _Sums:
    """Of values the wrong bits are drawn one by one: they are few."""
    change = np.stack([worth * (1 - 2 * plane) for worth, plane in _planes(weight, bits)])

    def sums(values: Array) -> Integers:
        found = exact_product(values, weight)
        for row, frame in zip(found, values, strict=True):
            count = random.binomial(change.size, rate)
            drawn = np.unique(random.integers(change.size, size=count))
            _, outputs, inputs = np.unravel_index(drawn, change.shape)
            wrong = change.reshape(-1)[drawn] * frame[inputs].astype(np.int64)
            row += np.bincount(outputs, wrong, len(row)).astype(np.int64)
        return found

    return sums


def _flipping(bits: int, rate: float, random: np.random.Generator) -> _Sums:
    """Return what inverts bits of sums in two's complement."""

    def flip(sums: Array) -> Integers:
        if not rate:
            return sums
        wrong = random.random((*sums.shape, bits)) < rate
        mask = (wrong.astype(np.int64) << np.arange(bits)).sum(axis=-1)
        whole = (sums ^ mask) & ((1 << bits) - 1)
        found: Integers = whole - ((whole >> (bits - 1)) << bits)
        return found

    return flip
