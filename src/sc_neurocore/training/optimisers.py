"""From options to an optimiser of PyTorch's."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from sc_neurocore.errors import UserError
from sc_neurocore.training.options import TrainingOptions


def make_optimiser(net: nn.Module, options: TrainingOptions) -> torch.optim.Optimizer:
    """Return the optimiser; only weights decay, not biases, delays or what neurons learn."""
    kind = torch.optim.AdamW if options.optimiser == "adamw" else torch.optim.Adam
    learnt = [(name, each) for name, each in net.named_parameters() if each.requires_grad]
    for name, each in learnt:
        if is_lazy(each):
            raise UserError(
                f"{name} has no size yet: run the network once on a batch before it is trained"
            )
    if not learnt:
        raise UserError(
            f"{type(net).__name__} has no parameter that can be trained: all are frozen "
            f"(requires_grad=False), or there is none"
        )
    decays: list[Tensor] = []
    stays: list[Tensor] = []
    for name, each in learnt:
        # A weight that is computed, such as in `integer_aware`, is called "….weight.original".
        is_weight = each.ndim > 1 and name.removesuffix(".original").endswith("weight")
        (decays if is_weight and options.weight_decay else stays).append(each)
    groups = [
        {"params": decays, "weight_decay": options.weight_decay},
        {"params": stays, "weight_decay": 0.0},
    ]
    return kind([group for group in groups if group["params"]], lr=options.learning_rate)


def check_moves(net: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Raise unless an optimiser moves something of the network.

    One that was made for another network, or before the parameters were replaced, moves nothing.
    """
    moved = {id(each) for group in optimiser.param_groups for each in group["params"]}
    if not any(id(each) in moved for each in net.parameters() if each.requires_grad):
        raise UserError(
            f"optimiser: it holds no parameter of this {type(net).__name__} that can be trained: "
            f"make it of net.parameters(), after the network has been built and moved"
        )
