"""What a checkpoint is a checkpoint of."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn

from sc_neurocore.errors import UserError
from sc_neurocore.kernels.arguments import check_called, shown
from sc_neurocore.training.cells import Cell
from sc_neurocore.training.distributed import Group
from sc_neurocore.training.objectives import Objective
from sc_neurocore.training.options import TrainingOptions, difference, plain
from sc_neurocore.training.sources import Source


def identity(
    net: nn.Module,
    train: Source,
    validation: Source | None,
    options: TrainingOptions,
    objective: Objective,
    group: Group,
) -> dict[str, Any]:
    """Return what must be the same for a training to go on from a checkpoint."""
    return {
        "options": plain(options),
        "network": architecture(net),
        "parameters": {
            name: list(value.shape)
            for name, value in net.state_dict().items()
            if not name.endswith("_extra_state")
        },
        "trained": [name for name, each in net.named_parameters() if each.requires_grad],
        "objective": {
            "loss": plain(objective.loss),
            "readout": plain(objective.readout),
            "metric": plain(objective.metric),
            "penalties": plain(objective.penalties),
        },
        "train": train.identity(),
        "validation": None if validation is None else validation.identity(),
        "processes": group.size,
    }


def architecture(net: nn.Module) -> dict[str, str]:
    """Return what each module of a network is, by name: its kind, its options, its equation.

    Not what is trained, and not what a module of one's own does without saying it in `extra_repr`.
    """
    return {name or "the network": _described(each) for name, each in net.named_modules()}


def _described(module: nn.Module) -> str:
    kind = f"{type(module).__module__}.{type(module).__qualname__}"
    if not isinstance(module, Cell):
        return f"{kind}({module.extra_repr()})"
    values = module.parameter_values()
    numbers = {name: values[name] for name in values if name not in module.free}
    surrogate = f"{module.surrogate.derivative}, alpha = {module.surrogate.alpha!r}"
    # The neuron's text, so that other lines of the same name are another neuron.
    return (
        f"{kind}({module.get_equation()}; {_listed(numbers)}; learns {', '.join(module.free)}; "
        f"surrogate {surrogate}; detach_reset={module.detach_reset})"
    )


def _listed(numbers: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name}={value.tolist() if hasattr(value, 'tolist') else value!r}"
        for name, value in numbers.items()
    )


def prolonged(found: Mapping[str, Any], asked: Mapping[str, Any], done: int) -> str | None:
    """Say where the identity of a checkpoint differs, or return None.

    More epochs are no difference where the learning rate does not depend on how many there are.
    """
    there, here = dict(found.get("options", {})), dict(asked["options"])
    is_constant = here["schedule"] == "constant" and here.get("sharpen") is None
    is_longer = there.get("epochs", 0) <= here["epochs"] and is_constant
    if is_longer and done <= here["epochs"]:
        there["epochs"] = here["epochs"]
    return difference({**found, "options": there}, asked)


def check_call(net: Any, options: Any, checkpoint: Any, **callbacks: Any) -> None:
    """Raise unless these can be arguments of `fit`."""
    check_network(net)
    if not isinstance(options, TrainingOptions):
        raise UserError(
            f"options: found {shown(options)}, expected TrainingOptions(epochs=10, ...); it is the "
            f"fourth argument, behind the validation set"
        )
    check_called(**callbacks)
    if checkpoint is not None and not isinstance(checkpoint, str | PathLike):
        raise UserError(f"checkpoint = {shown(checkpoint)}: expected a folder's path, or None")
    if checkpoint is not None and Path(checkpoint).is_file():
        raise UserError(f"checkpoint = {checkpoint}: it is a file: expected a folder's path")


def check_network(net: Any) -> None:
    """Raise unless it is a network that can run."""
    if isinstance(net, type) and issubclass(net, nn.Module):
        raise UserError(
            f"net: found the class {net.__name__}, expected a network: {net.__name__}()"
        )
    if not isinstance(net, nn.Module):
        raise UserError(
            f"net: found {shown(net)}, expected a torch module such as SpikingNet(784, 128, 10)"
        )
    for name, parameter in net.named_parameters():
        if parameter.is_meta:
            raise UserError(
                f"net: {name} is on the meta device, where there are no numbers: make the network "
                f"without torch.device('meta'), or net.to_empty(device='cpu') and load its weights"
            )
