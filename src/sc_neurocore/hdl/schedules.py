"""Choosing the order of work: which of the two engines computes a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl import geometry
from sc_neurocore.hdl.accelerator import Accelerator, Schedule, generate
from sc_neurocore.hdl.step_geometry import plan_steps
from sc_neurocore.hdl.step_outer import generate_steps

AUTO = "auto"


def choose_schedule(network: IntegerNetwork, lanes: int, schedule: str = AUTO) -> Schedule:
    """Return the order of work; `auto` is group-stationary where that engine can.

    Raises:
        UserError: If no engine, or not the one asked for, has what the network needs; or if there
            is no such schedule.
    """
    if schedule == AUTO:
        try:
            geometry.plan(network, lanes)
            return "group-stationary"
        except UserError:
            plan_steps(network, lanes)  # if it cannot either, its reason is the one that counts
            return "step-outer"
    if schedule == "group-stationary":
        geometry.plan(network, lanes)
        return "group-stationary"
    if schedule == "step-outer":
        plan_steps(network, lanes)
        return "step-outer"
    raise UserError(f"schedule {schedule!r}: expected {AUTO}, {', '.join(get_args(Schedule))}")


def generate_scheduled(
    network: IntegerNetwork,
    directory: Path,
    lanes: int = 8,
    schedule: str = AUTO,
    **options: Any,
) -> Accelerator:
    """Write an accelerator with the order of work that fits.

    Args:
        network: The network.
        directory: Where design.json and rtl/ go; made if needed.
        lanes: Neurons whose sums are formed at the same time: a power of two, 1 to 64.
        schedule: auto, group-stationary or step-outer.
        **options: What `hdl.accelerator.generate` takes beyond that; group-stationary only.

    Raises:
        UserError: If no engine has what the network needs, or it does not take an option.
    """
    chosen = choose_schedule(network, lanes, schedule)
    if chosen == "group-stationary":
        return generate(network, directory, lanes, **options)
    refused = {name: value for name, value in options.items() if value not in (None, "rom", "huge")}
    if refused:
        given = ", ".join(f"{name}={value!r}" for name, value in refused.items())
        raise UserError(
            f"{network.name} needs the step-outer schedule, which does not take {given} so far"
        )
    return generate_steps(network, directory, lanes)
