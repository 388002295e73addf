"""Recording what cells do: their spikes, rates and membranes.

A network is watched as it is. The cells call their observers, whichever way they are run (`unroll`,
`readout`, `pooled`, a single step), on every backend; without one they do nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from sc_neurocore.errors import UserError
from sc_neurocore.kernels.arguments import shown
from sc_neurocore.kernels.fused import Outputs, Run
from sc_neurocore.training.arguments import names_of
from sc_neurocore.training.cells import Cell

Join: TypeAlias = Literal["batch", "time"]


@dataclass(frozen=True)
class _Seen:
    """One run of a cell: what `LayerRecording` joins."""

    spikes: Tensor | None
    states: dict[str, Tensor]
    counts: Tensor
    steps: Tensor


@dataclass
class LayerRecording:
    """What one cell did inside `record`.

    Attributes:
        name: The cell's name in the network, such as "layers.1".
        cell: The cell.
    """

    name: str
    cell: Cell
    _join: Join
    _runs: list[_Seen] = field(default_factory=list, repr=False)

    @property
    def spikes(self) -> Tensor:
        """Every spike, 0 or 1, (T, batch, ...), also where the network pools them."""
        found = [run.spikes for run in self._seen() if run.spikes is not None]
        if not found:
            raise UserError("the spikes were not recorded: record(net, spikes=True)")
        return self._sequence(found)

    @property
    def states(self) -> dict[str, Tensor]:
        """The recorded states after every step and its reset, each (T, batch, ...)."""
        runs = self._seen()
        return {name: self._sequence([run.states[name] for run in runs]) for name in runs[0].states}

    @property
    def rates(self) -> Tensor:
        """Spikes per step of each neuron, (batch, ...), of unpadded steps; 0 if there are none."""
        runs = self._seen()
        if self._join == "time":
            counts, steps = sum(run.counts for run in runs), sum(run.steps for run in runs)
        else:
            counts = self._cat([run.counts for run in runs], 0)
            steps = torch.cat([run.steps for run in runs])
        assert isinstance(counts, Tensor) and isinstance(steps, Tensor)
        steps = steps.clamp(min=1).view(-1, *(1,) * (counts.ndim - 1))
        return counts / steps.to(counts.dtype)

    def _seen(self) -> list[_Seen]:
        if not self._runs:
            raise UserError(f"{self.name} has not run inside `with record(...)`")
        return self._runs

    def _sequence(self, tensors: list[Tensor]) -> Tensor:
        return self._cat(tensors, 0 if self._join == "time" else 1)

    def _cat(self, tensors: list[Tensor], axis: int) -> Tensor:
        shapes = {(*each.shape[:axis], *each.shape[axis + 1 :]) for each in tensors}
        if len(shapes) > 1:
            raise UserError(
                f"{self.name} ran {len(tensors)} times, on shapes that cannot be joined along "
                f"{self._join!r}: {tuple(tensors[0].shape)} and others; record fewer runs, or "
                f"join along the other axis"
            )
        return torch.cat(tensors, axis)


class Recording(Mapping[str, LayerRecording]):
    """The recorded layers by name, in the order of the network."""

    def __init__(self, layers: Mapping[str, LayerRecording]) -> None:
        self._layers = dict(layers)

    def __getitem__(self, name: str) -> LayerRecording:
        if name not in self._layers:
            raise UserError(f"no recorded layer {name!r}; there are {', '.join(self._layers)}")
        return self._layers[name]

    def __contains__(self, name: object) -> bool:
        return name in self._layers

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)


@contextmanager
def record(
    net: nn.Module,
    spikes: bool = True,
    states: Sequence[str] = (),
    layers: Sequence[str] | None = None,
    *,
    detach: bool = True,
    join: Join = "batch",
) -> Iterator[Recording]:
    """Record what cells do while the network runs inside the `with` block.

    The network's answers and gradients stay the same, bit for bit. All that is recorded stays in
    memory, where the network is: see `monitoring.activity_report` for
    whole data sets.

    Args:
        net: Any module that has cells in it, or is one (then the layer's name is "cell").
        spikes: Whether to keep every spike. Rates, which cost far less, are always there.
        states: Names of states to trace, such as ("v",).
        layers: Names of cells in the network, such as ("layers.1",); None is all of them.
        detach: Whether the recording has no gradient. Without, it is part of the graph: losses on
            hidden layers, such as `spike_l1_loss`, can then be made of it.
        join: How several runs of a cell become one: along the "batch", as when a network is called
            batch after batch, or along "time", as when it is called step after step.

    Raises:
        UserError: If there is no such cell, or a cell has no such state.
    """
    if join not in ("batch", "time"):
        raise UserError(f"join={join!r}: expected 'batch' or 'time'")
    cells = find_cells(net, layers)
    wanted = names_of("states", states, ("v",))
    for name, cell in cells.items():
        for state in wanted:
            if state not in cell.state_names:
                raise UserError(
                    f"{name} has no state {state!r}; {cell.neuron.name} has "
                    f"{', '.join(cell.state_names)}; choose cells with layers=(...)"
                )
    recording = Recording({name: LayerRecording(name, cell, join) for name, cell in cells.items()})

    def see(layer: LayerRecording) -> Callable[..., Run]:
        def observe(
            run: Callable[..., Run],
            currents: Tensor,
            state: Any,
            steps: int | None,
            lengths: Tensor | None,
            outputs: Outputs,
        ) -> Run:
            more = replace(
                outputs,
                spikes=outputs.spikes or spikes,
                pool=outputs.pool and not spikes,
                counts=True,
                trace=tuple(dict.fromkeys((*outputs.trace, *wanted))),
            )
            result = run(currents, state, steps, lengths, more)
            keep = torch.detach if detach else _itself
            layer._runs.append(
                _Seen(
                    keep(result.spikes) if spikes else None,
                    {name: keep(result.trace[name]) for name in wanted},
                    keep(result.counts),
                    steps_of_each(currents, steps, lengths),
                )
            )
            asked = replace(result, trace={name: result.trace[name] for name in outputs.trace})
            return asked.pooled() if outputs.pool and not more.pool else asked

        return observe

    with ExitStack() as stack:
        for layer in recording.values():
            stack.enter_context(observed(layer.cell, see(layer)))
        yield recording


@contextmanager
def observed(cell: Cell, observer: Callable[..., Run]) -> Iterator[None]:
    """Let the observer see every run of the cell."""
    cell.observers = (*cell.observers, observer)
    try:
        yield
    finally:
        cell.observers = tuple(each for each in cell.observers if each is not observer)


def find_cells(net: nn.Module, layers: Sequence[str] | None = None) -> dict[str, Cell]:
    """Return the cells of a network by name; those of `layers`, if given.

    Raises:
        UserError: If there is none, or none of a name.
    """
    if not isinstance(net, nn.Module):
        raise UserError(f"net: found {shown(net)}, expected a torch module such as SpikingNet")
    cells = {name or "cell": each for name, each in net.named_modules() if isinstance(each, Cell)}
    if not cells:
        raise UserError(f"{type(net).__name__} has no cells, so there is nothing to record")
    if layers is None:
        return cells
    chosen = names_of("layers", layers, cells)
    for name in chosen:
        if name not in cells:
            raise UserError(f"no cell {name!r} in the network; its cells are {', '.join(cells)}")
    return {name: cell for name, cell in cells.items() if name in chosen}


def steps_of_each(currents: Tensor, steps: int | None, lengths: Tensor | None) -> Tensor:
    """Return how many steps of each sample count, integers (batch,)."""
    if lengths is not None:
        return lengths.to(torch.int64)
    batch = currents.shape[0 if steps is not None else 1]
    return torch.full((batch,), steps or len(currents), device=currents.device)


def _itself(tensor: Tensor) -> Tensor:
    return tensor
