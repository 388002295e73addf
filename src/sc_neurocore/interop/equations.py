"""The equations of NIR's neurons, in the forms that frameworks give them.

NIR says that a neuron fires above its threshold and is set to v_reset. What frameworks do besides,
their files do not say. A form is chosen by what it does, never by who does it; `conventions` knows
which framework means which.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias, get_args

from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.parser import parse_neuron
from sc_neurocore.equation.text import format_number

Reset: TypeAlias = Literal[
    "value", "subtract", "none", "delayed-subtract", "delayed-zero", "subtract-unless-above"
]
Fires: TypeAlias = Literal["above", "at"]

MAXIMUM_SPIKES = 16
"""Of a neuron in one step."""

_BODIES: Mapping[str, str] = {
    "I": """
        parameter gain = 1
        update v = {v} + gain*I{less}
        """,
    "LI": """
        parameter decay = 0.9 in (-1, 1)
        parameter gain = 1
        parameter leak = 0
        update v = decay*{v} + gain*I + leak{less}
        """,
    "CubaLI": """
        state i = 0
        parameter synapse_decay = 0.9 in (-1, 1)
        parameter synapse_gain = 1
        parameter decay = 0.9 in (-1, 1)
        parameter gain = 1
        parameter leak = 0
        update i = synapse_decay*i + synapse_gain*I
        update v = decay*{v} + gain*i + leak{less}
        """,
    "Readout": """
        update v = I
        """,
}
SILENT = {"IF": "I", "LIF": "LI", "CubaLIF": "CubaLI", "Threshold": "Readout"}
"""The neuron that is the same but for its spikes."""
_NO_SPIKE = """
        spike v > v
        """
_RESETS: Mapping[Reset, str] = {
    "value": """
        parameter v_reset = 0
        reset v = v_reset
        """,
    "subtract": """
        reset v = v - v_threshold
        """,
    "subtract-unless-above": """
        after v = v + v_threshold*(was_above - s)
        """,
}


@dataclass(frozen=True)
class Firing:
    """When neurons fire, and what becomes of them then.

    Attributes:
        reset: What becomes of the membrane where it fired. "value" sets it to v_reset, NIR's
            definition; "subtract" takes v_threshold off; "none" leaves it. "delayed-subtract" takes
            v_threshold off in the step after, "delayed-zero" takes the membrane's past away there;
            "subtract-unless-above" takes v_threshold off at once, and once more in each step in
            which the membrane is still above after that.
        fires: "above" the threshold, NIR's definition, or "at" it too.
        has_floor: Whether the membrane is kept from falling below a parameter, `v_floor`.
        spikes: How often a neuron fires in one step, at most; it then loses as many thresholds.
        forgets_input: Whether "delayed-zero" takes away what comes in with it.
    """

    reset: Reset = "value"
    fires: Fires = "above"
    has_floor: bool = False
    spikes: int = 1
    forgets_input: bool = False

    @property
    def suffix(self) -> str:
        """What tells the neuron's name from that of another form."""
        parts = [] if self.reset in ("value", "subtract") else [self.reset.replace("-", "_")]
        parts += ["at"] * (self.fires == "at") + ["floor"] * self.has_floor
        parts += [f"up_to_{self.spikes}"] * (self.spikes > 1)
        parts += ["forgetting"] * self.forgets_input
        return "".join(f"_{part}" for part in parts)

    @property
    def line(self) -> str:
        """What it does otherwise than NIR says."""
        parts = [] if self.reset == "value" else [f"resets by {self.reset}"]
        parts += ["fires at its threshold too"] * (self.fires == "at")
        parts += ["does not fall below a floor"] * self.has_floor
        parts += [f"is one of {self.spikes} that are one neuron"] * (self.spikes > 1)
        return "it " + " and ".join(parts)


NIR_FIRING = Firing()


@cache
def equation(
    kind: str, reset: Reset = "value", initial: float = 0.0, firing: Firing | None = None
) -> Neuron:
    """Return the equation of one of NIR's neurons.

    Args:
        kind: The primitive, such as "LIF"; "Readout" hands on its input as its membrane.
        reset: What becomes of the membrane where it fired, if that is all that is to be said.
        initial: The membrane before the first step.
        firing: All of it.
    """
    firing = firing or Firing(reset)
    silent = SILENT.get(kind, kind)
    if kind not in SILENT:
        body = _BODIES[silent].format(v="v", less="")
        return parse_neuron(f"{_head(kind, initial)}{body}{_NO_SPIKE}")
    sign = {"above": ">", "at": ">="}[firing.fires]
    if kind == "Threshold":
        suffix = "_at" * (firing.fires == "at")
        return parse_neuron(
            f"{_head(kind + suffix, initial)}{_BODIES[silent]}"
            f"parameter v_threshold = 1\nspike v {sign} v_threshold\n"
        )
    name = kind + firing.suffix
    if initial and firing != NIR_FIRING:  # one name for one equation
        name += "_from_" + re.sub(r"\W", "_", format_number(initial).replace("-", "minus_"))
    text = _head(name, initial) + _body(silent, firing)
    text += "parameter v_threshold = 1\n"
    if firing.spikes > 1:
        text += "parameter v_fire = 1\n"
    if firing.has_floor:
        text += "parameter v_floor = -1\n"
    text += f"spike v {sign} {'v_fire' if firing.spikes > 1 else 'v_threshold'}\n"
    if firing.spikes > 1:
        multiples = ["v_threshold", *(f"{n}*v_threshold" for n in range(2, firing.spikes + 1))]
        lost = " - ".join(f"select(v {sign} {each}, v_threshold, 0)" for each in multiples)
        text += f"after v = v - {lost}\n"
    else:
        text += _RESETS.get(firing.reset, "")
    if firing.has_floor:
        text += "after v = max(v, v_floor)\n"
    return parse_neuron(text)


def recognised(neuron: Neuron) -> tuple[str, Firing] | None:
    """Return the primitive and the firing of a neuron that `equation` made; None for another."""
    found = re.fullmatch(r"NIR_(IF|LIF|CubaLIF)(_.*)?", neuron.name)
    if found is None:
        return None
    several = re.search(r"_up_to_([0-9]{1,2})", neuron.name)
    for reset, fires, has_floor, forgets in itertools.product(
        get_args(Reset), get_args(Fires), (False, True), (False, True)
    ):
        firing = Firing(reset, fires, has_floor, int(several[1]) if several else 1, forgets)
        name = f"NIR_{found[1]}{firing.suffix}"
        if neuron.name != name and not neuron.name.startswith(f"{name}_from_"):
            continue
        if equation(found[1], initial=neuron.states["v"], firing=firing) == neuron:
            return found[1], firing
    return None


def _head(name: str, initial: float) -> str:
    return f"neuron NIR_{name}\nstate v = {format_number(initial)}\n"


def _body(silent: str, firing: Firing) -> str:
    """Return the update of a neuron that fires, with the part of its reset that comes late."""
    body = _BODIES[silent]
    if firing.reset == "delayed-subtract":
        return body.format(v="v", less=" - select(v > v_threshold, v_threshold, 0)")
    if firing.reset == "subtract-unless-above":
        before, update = body.rsplit("        update v", 1)
        was_above = "        update local was_above = select(v > v_threshold, 1, 0)\n"
        body = f"{before}{was_above}        update v{update}"
        return body.format(v="v", less=" - v_threshold*was_above")
    if firing.reset == "delayed-zero" and firing.forgets_input:
        head, sum_ = body.format(v="v", less="").rsplit("update v = ", 1)
        return f"{head}update v = select(v > v_threshold, 0, {sum_.strip()})\n"
    v = "select(v > v_threshold, 0, v)" if firing.reset == "delayed-zero" else "v"
    return body.format(v=v, less="")
