"""What `compile --arithmetic` chooses: integers, or streams whose counts are the weights."""

from __future__ import annotations

from collections.abc import Mapping

from sc_neurocore.cli.comparing import USUAL_FORMAT
from sc_neurocore.errors import UserError
from sc_neurocore.fixed.qformat import ADDERS
from sc_neurocore.fixed.trials import is_auto
from sc_neurocore.hdl.geometry import DEFAULT_OPTIONS
from sc_neurocore.hdl.manifest import Manifest, StreamChoices

ARITHMETICS = ("integer", "stochastic")


def chosen_streams(
    arithmetic: str, given: Mapping[str, int | str | None], stream_bits: int | None
) -> StreamChoices | None:
    """Return what streams there are, if the arithmetic is stochastic.

    Args:
        arithmetic: One of `ARITHMETICS`.
        given: What was said of streams, by the fields of `StreamChoices`; None: nothing.
        stream_bits: What was said of the bits that are taken in a clock, or None.

    Raises:
        UserError: If there is no such arithmetic, or something is said of streams
            where there are none.
    """
    if arithmetic not in ARITHMETICS:
        raise UserError(f"--arithmetic {arithmetic}: expected one of {', '.join(ARITHMETICS)}")
    said = {name: value for name, value in given.items() if value is not None}
    if arithmetic == "integer":
        named = [f"--{name}" for name in said] + ["--stream-bits"] * (stream_bits is not None)
        if named:
            names = ", ".join(named)
            raise UserError(f"{names}: for streams; give --arithmetic stochastic too")
        return None
    return StreamChoices.model_validate(said)


def bits_in_a_clock(streams: StreamChoices | None, said: int | None) -> int:
    """Return how many bits of streams a lane takes in a clock: as usual, or half of short ones."""
    if said is not None:
        return said
    usual = DEFAULT_OPTIONS["stream_bits"]
    return usual if streams is None else min(usual, max(2, streams.length // 2))


def format_beside_streams(format: str | None) -> str:
    """Return the format of neurons behind streams: without multipliers, unless one is named.

    Raises:
        UserError: If a format is to be found.
    """
    if format is None:
        return f"{USUAL_FORMAT}:{ADDERS}"
    if is_auto(format):
        raise UserError(
            f"--format {format} with --arithmetic stochastic: formats are found for integer "
            f"weights; name one, such as {USUAL_FORMAT}"
        )
    return format


def arithmetic_rows(manifest: Manifest) -> list[tuple[str, str]]:
    """Return what `compile` says of the arithmetic, where it is not integers."""
    streams = manifest.choices.streams
    if streams is None:
        return []
    seed = "" if streams.seed is None else f", seed {streams.seed}"
    return [
        (
            "arithmetic",
            f"stochastic: streams of {streams.length} bits, {streams.source}{seed}, "
            f"{streams.sharing}, {streams.encoding}",
        )
    ]
