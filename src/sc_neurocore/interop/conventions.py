"""What frameworks mean by the files that their exporters write.

Each entry was read in the framework's source and is held against its own runs
(`tests/interop/test_frameworks.py`); docs/nir.md has the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.equation.ode import METHODS, Method
from sc_neurocore.errors import UserError
from sc_neurocore.interop.equations import MAXIMUM_SPIKES, NIR_FIRING, Fires, Firing, Reset

Gain: TypeAlias = Literal["file", "one"]
Framework: TypeAlias = Literal["snntorch", "norse", "sinabs", "spikingjelly", "rockpool"]


@dataclass(frozen=True)
class Convention:
    """How a file is read.

    Attributes:
        method: From a differential equation to a step.
        firing: When neurons fire, and what becomes of them then.
        floor: The membrane does not fall below it; None for none.
        gain: Whether inputs are multiplied by what the file says, or by 1.
        framework: Whose exporter wrote it, where that says more than the other fields.
        dt: The time step that the exporter writes with, unless it is told another.
        starts_at_reset: Whether the membrane starts at v_reset.
    """

    method: Method = "euler"
    firing: Firing = NIR_FIRING
    floor: float | None = None
    gain: Gain = "file"
    framework: Framework | None = None
    dt: float | None = None
    starts_at_reset: bool = False

    def adjusted(self, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a neuron's coefficients as the framework computes with them."""
        result = dict(values)
        ones = np.ones_like(np.asarray(values["gain"], np.float64)) if "gain" in values else None
        has_synapse = "synapse_gain" in values
        if ones is None:
            return result
        if self.gain == "one" or (self.framework == "norse" and kind in ("I", "IF")):
            result["gain"] = ones
        if has_synapse and (self.gain == "one" or self.framework == "norse"):
            result["synapse_gain"] = np.ones_like(np.asarray(values["synapse_gain"], np.float64))
        if self.framework == "rockpool":  # it multiplies by the decay what came in before it
            result["gain"] = values["decay"] if kind == "LI" else ones
            if has_synapse:
                result["synapse_gain"] = values["synapse_decay"]
        return result


CONVENTIONS: Mapping[Framework, Convention] = {
    "snntorch": Convention(firing=Firing("delayed-subtract"), framework="snntorch", dt=1e-4),
    "norse": Convention(framework="norse"),
    "sinabs": Convention(
        method="exponential-euler", firing=Firing("subtract", "at"), framework="sinabs", dt=1.0
    ),
    "spikingjelly": Convention(
        firing=Firing("value", "at"), framework="spikingjelly", dt=1e-4, starts_at_reset=True
    ),
    "rockpool": Convention(
        method="exponential-euler", firing=Firing("subtract", "at"), framework="rockpool"
    ),
}
_SEVERAL = {
    "sinabs": "MultiSpike, its default, fires as often as the threshold fits into the membrane; "
    "with SingleSpike, once",
    "rockpool": "max_spikes_per_dt, 65536 by default, says how often at most",
}


def convention(
    framework: Framework | None = None,
    method: Method | None = None,
    reset: Reset | None = None,
    fires: Fires | None = None,
    floor: float | None = None,
    gain: Gain | None = None,
    spikes: int | None = None,
) -> Convention:
    """Return how a file is read: as NIR says, or a framework, but for what is said otherwise.

    Raises:
        UserError: For a name that is not known, or choices that do not go together.
    """
    for name, value, known in (
        ("framework", framework, get_args(Framework)),
        ("method", method, METHODS),
        ("reset", reset, get_args(Reset)),
        ("fires", fires, get_args(Fires)),
        ("gain", gain, get_args(Gain)),
    ):
        if value not in (None, *known):
            raise UserError(f"{name}={value!r}: expected one of {', '.join(known)}")
    found = CONVENTIONS[framework] if framework else Convention()
    if spikes is None and framework in _SEVERAL:
        raise UserError(
            f"framework={framework!r}: say how often a neuron fires in one step, at most: "
            f"{_SEVERAL[framework]}. spikes=1, or more (--spikes 1): each one more is one more "
            f"neuron in hardware"
        )
    firing = found.firing
    changes: dict[str, Any] = {"reset": reset, "fires": fires, "spikes": spikes}
    changes = {name: value for name, value in changes.items() if value is not None}
    changes["has_floor"] = floor is not None
    firing = replace(firing, **changes)
    if not isinstance(firing.spikes, int) or not 1 <= firing.spikes <= MAXIMUM_SPIKES:
        raise UserError(f"spikes={spikes!r}: expected 1 to {MAXIMUM_SPIKES} in one step, at most")
    if firing.spikes > 1 and firing.reset != "subtract":
        raise UserError(
            f"spikes={spikes} with reset={firing.reset!r}: expected reset='subtract': a neuron "
            f"that fires several times loses its threshold as often"
        )
    if firing.reset in ("delayed-subtract", "delayed-zero", "subtract-unless-above") and (
        firing.fires != "above" or firing.has_floor
    ):
        raise UserError(f"reset={firing.reset!r}: expected fires='above' and no floor with it")
    if floor is not None and not np.isfinite(floor):
        raise UserError(f"floor={floor}: expected a number, such as -1")
    return replace(
        found,
        firing=firing,
        floor=floor,
        method=method or found.method,
        gain=gain or found.gain,
    )


def simple(values: NDArray[np.float64], slack: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the simplest numbers within a slack: 0.5 for what is 0.49999998 for want of digits.

    Simple is what has ten binary digits behind the point, or four decimal ones in all; other
    numbers stay.
    """
    binary = np.ldexp(np.rint(np.ldexp(values, 10)), -10)
    with np.errstate(divide="ignore"):
        exponent = np.where(values == 0, 0, np.floor(np.log10(np.abs(values))))
    # Divided and multiplied by whole powers of ten, which floats hold, so that 0.9 is 0.9.
    up, down = 10.0 ** np.maximum(3 - exponent, 0), 10.0 ** np.maximum(exponent - 3, 0)
    with np.errstate(all="ignore"):
        decimal = np.rint(values * up / down) / up * down
    result = np.where(np.abs(decimal - values) <= slack, decimal, values)
    return np.where(np.abs(binary - values) <= slack, binary, result)
