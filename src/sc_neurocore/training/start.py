"""Where a run starts from that is not new: the network of another run, to be trained further."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sc_neurocore.data.catalogue import split_from_metadata
from sc_neurocore.data.dataset import Split
from sc_neurocore.equation.surrogate import SURROGATES
from sc_neurocore.errors import UserError
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.progress import ProgressCallback, ignore_progress
from sc_neurocore.training.integer_aware import integer_aware
from sc_neurocore.training.networks import SpikingSequential
from sc_neurocore.training.options import READOUTS, RunOptions
from sc_neurocore.training.sc_aware import StreamSources, stream_aware


@dataclass(frozen=True)
class Start:
    """A trained network, and what it is to be fitted to.

    Its layers, data, split, steps and encoder stay; delays are whole steps and held.

    Attributes:
        description: The network; its metadata name the data and the split.
        weight_bits: Bits of a weight that it learns to do with, or None.
        stream_length: Bits of a stream that it learns to do with, or None.
        source: The name of the streams' source.
        sources: The source, as `stochastic.make_sources` makes it.
    """

    description: NetworkDescription
    weight_bits: int | None = None
    stream_length: int | None = None
    source: str | None = None
    sources: StreamSources | None = None

    def __post_init__(self) -> None:
        given: Any = self.description
        if not isinstance(given, NetworkDescription):
            raise UserError(
                f"description: found a {type(given).__name__}, expected a NetworkDescription: "
                f"load_description(folder) reads that of a run"
            )
        if self.weight_bits is not None and self.stream_length is not None:
            raise UserError(
                "weight_bits and stream_length: a weight is an integer or a stream; fit the "
                "network to one of them"
            )
        if self.stream_length is not None and self.sources is None:
            raise UserError("stream_length without sources: give those of the inference")

    def asked(self) -> dict[str, Any]:
        """Return plain values that tell this start from others."""
        values = {
            "network": self.description.content_hash,
            "weight_bits": self.weight_bits,
            "stream_length": self.stream_length,
            "source": self.source,
        }
        return {name: value for name, value in values.items() if value is not None}

    def fitted(self, options: RunOptions, loss: str | None = None) -> RunOptions:
        """Return options with what the network decides.

        Args:
            options: How to train.
            loss: What the user asks to minimise; None takes what fits the readout.

        Raises:
            UserError: If the loss has another readout.
        """
        readout = self.description.readout
        usual = {"membrane": "membrane", "first-to-1": "first-spike"}.get(readout, "spike-count")
        loss = usual if loss is None else loss
        if READOUTS.get(loss) != READOUTS[usual]:
            raise UserError(
                f"loss = {loss!r}: {self.description.name} is read out by {readout!r}, with which "
                f"goes {usual!r}"
            )
        encoder = self.description.metadata.get("encoder", "direct")
        training = replace(options.training, steps=self.description.steps, encoder=str(encoder))
        return replace(options, training=training, loss=loss)

    def parts(self, progress: ProgressCallback = ignore_progress) -> Split:
        """Return the data that it was trained on, in the shape that it takes."""
        parts = split_from_metadata(self.description.metadata, progress)
        return parts.shaped(self.description.input.shape)

    def network(self, options: RunOptions) -> SpikingSequential:
        """Return the network, to be trained."""
        if options.surrogate not in SURROGATES:
            raise UserError(f"no surrogate {options.surrogate!r}; known: {', '.join(SURROGATES)}")
        return SpikingSequential.from_description(
            self.description, surrogate=SURROGATES[options.surrogate], learn=options.learn
        ).rounded()

    @contextmanager
    def fitting(self, net: SpikingSequential) -> Iterator[None]:
        """Let the network compute with few bits, or with streams, inside."""
        if self.weight_bits is not None:
            with integer_aware(net, self.weight_bits):
                yield
        elif self.stream_length is not None:
            assert self.sources is not None
            with stream_aware(net, self.stream_length, self.sources):
                yield
        else:
            yield

    def describe(self, net: SpikingSequential, **measured: str | int | float) -> NetworkDescription:
        """Return the description of what became of the network."""
        before = self.description
        fitted: dict[str, Any] = {
            name: value for name, value in self.asked().items() if name != "network"
        }
        return net.to_description(
            before.name,
            before.input,
            before.steps,
            before.readout,
            {**before.metadata, "trained_from": before.content_hash, **fitted, **measured},
        )
