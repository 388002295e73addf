"""Blocks with a second path: residual ones, and those that put channels together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from sc_neurocore.errors import UserError
from sc_neurocore.kernels.arguments import shown

How: TypeAlias = Literal["add", "and-not", "concatenate"]


class Mark(nn.Module):
    """A place in a network from which a second path starts; it changes nothing.

    Attributes:
        index: Which of the network's layers it is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.index = -1

    def extra_repr(self) -> str:
        """Say where it stands, for printing and for checkpoints."""
        return f"layers[{self.index}]"

    def forward(self, x: Tensor) -> Tensor:
        """Return x."""
        return x


class Join(nn.Module):
    """Where what a mark saw meets what arrives.

    Args:
        mark: The place.
        how: As for `Residual`; "instead" goes on with what the mark saw alone.
    """

    def __init__(self, mark: Mark, how: How | Literal["instead"] = "add") -> None:
        super().__init__()
        self._mark = (mark,)  # not a module of this one: it stands elsewhere in the network
        self.how = how

    @property
    def mark(self) -> Mark:
        """The place."""
        return self._mark[0]

    def extra_repr(self) -> str:
        """Say what meets, for printing and for checkpoints."""
        return f"how={self.how!r}, with {self.mark.extra_repr()}"

    def forward(self, x: Tensor) -> Tensor:
        """Raise: a network runs it, by `joined`."""
        raise UserError("a join is run by the SpikingSequential that it stands in")

    def joined(self, x: Tensor, seen: Tensor, index: int) -> Tensor:
        """Return what goes on.

        Args:
            x: What arrives, (T, batch, ...).
            seen: What the mark saw.
            index: Where the join stands, for messages.

        Raises:
            UserError: If the shapes do not fit.
        """
        if self.how == "instead":
            return seen
        skip = 3 if self.how == "concatenate" else 2
        fits = x.ndim == seen.ndim and x.shape[:2] == seen.shape[:2]
        if not fits or x.shape[skip:] != seen.shape[skip:]:
            wanted = "the same but for channels" if skip == 3 else "the same"
            raise UserError(
                f"layers[{index}] (a join by {self.how!r}): {tuple(x.shape[2:])} arrives, and the "
                f"shortcut has {tuple(seen.shape[2:])}: expected {wanted}; give the block a "
                f"shortcut=nn.Sequential(...) that changes the shape, a cell at its end"
            )
        if self.how == "add":
            return x + seen
        if self.how == "and-not":
            return seen * (1 - x)
        return torch.cat([seen, x], 2)


class Residual(nn.Module):
    """Layers, and a shortcut around them; it stands in a `SpikingSequential`, as nn.Sequential may.

    Fang, Yu, Chen, Huang, Masquelier and Tian, Deep residual learning in spiking neural networks,
    NeurIPS 2021: the spikes themselves meet, behind the neurons of the block, so that an identity
    is easy to learn. All cells run over all steps at once, as everywhere.

    Args:
        branch: The layers; for a network that is exported, a cell is the last of them and another
            one stands before the block.
        shortcut: Layers of the second path, with a cell at their end; None leaves it as it is.
        how: "add" adds up the spikes of both; "and-not" passes on the spikes of the shortcut
            where the branch has none; "concatenate" puts the channels of the shortcut before those
            of the branch.

    Raises:
        UserError: If there is no branch, or something is no module.
    """

    def __init__(
        self, *branch: nn.Module, shortcut: nn.Module | None = None, how: How = "add"
    ) -> None:
        super().__init__()
        if how not in get_args(How):
            raise UserError(f"how={shown(how)}: expected one of {', '.join(get_args(How))}")
        paths = {"branch": list(branch), "shortcut": [] if shortcut is None else [shortcut]}
        for name, modules in paths.items():
            for module in modules:
                if not isinstance(module, nn.Module):
                    raise UserError(
                        f"{name}: found {shown(module)}, expected torch modules; they are given "
                        f"one by one"
                    )
        if not branch:
            raise UserError("a Residual without layers: expected those that the shortcut passes by")
        self.branch = nn.Sequential(*branch)
        self.shortcut = shortcut
        self.how: How = how

    def forward(self, x: Tensor) -> Tensor:
        """Raise: a network runs its layers."""
        raise UserError("a Residual is run by the SpikingSequential that it stands in")

    def in_a_row(self) -> Iterator[nn.Module]:
        """Yield the layers of both paths, with marks and joins between them."""
        start = mark = Mark()
        yield start
        if self.shortcut is not None:
            yield self.shortcut
            mark = Mark()
            yield mark
            yield Join(start, "instead")
        yield self.branch
        yield Join(mark, self.how)
