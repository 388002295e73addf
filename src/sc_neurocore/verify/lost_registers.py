"""Registers whose names synthesis has lost: which of the others are they?

Nothing here proves anything. What is found is shown by `verify.circuits`, like what names say; what
is wrong stays open there.
"""

from __future__ import annotations

from collections.abc import Mapping

from sc_neurocore.verify.gates import Built, Gates
from sc_neurocore.verify.sweeping import FALSE, TRUE, Literal, Sweeper

_CLOCKS = 8


class LostRegisters:
    """The registers of two circuits in one graph that no name joins.

    Args:
        graph: The graph.
        gates: The one that was made, and the other.
        built: Their bits.
        taken: What each register of the other takes over, by its net.
        lost: The other's lost registers, by their nets, as free literals.
        left: The one's registers that no name has led to.
    """

    def __init__(
        self,
        graph: Sweeper,
        gates: tuple[Gates, Gates],
        built: tuple[Built, Built],
        taken: Mapping[int, Literal],
        lost: Mapping[int, Literal],
        left: Mapping[int, Literal],
    ) -> None:
        self._graph = graph
        self._gates = gates
        self._one, self._other = built
        self._taken = taken
        self._names = dict(lost)
        self._lost, self._left = dict(lost), dict(left)
        self._found: dict[int, Literal] = {}
        self._then = {net: self._one(gates[0].registers[net][0]) for net in left}

    def found(self, reset: Literal | None) -> dict[int, Literal]:
        """Return what lost registers are in the one, by their nets.

        Args:
            reset: The input that resets both, if there is one.
        """
        self._by_names()
        before = -1
        while self._lost and len(self._lost) != before:
            before = len(self._lost)
            self._by_what_they_take()
            self._by_walking(reset)
        return self._found

    def _by_names(self) -> None:
        """Find registers that have the name of something that they are the same as."""
        one, other = self._gates
        net_of = {state: net for net, state in self._lost.items()}
        for its_net in list(self._left):
            for place in one.names_of(its_net):
                same = self._other(other.names[place]) if place in other.names else FALSE
                for phase in (0, 1):
                    net = net_of.get(same ^ phase)
                    if net in self._lost and its_net in self._left:
                        self._match(net, its_net, phase)

    def _by_what_they_take(self) -> None:
        """Find registers that take over the same if they are the same."""
        graph, is_new = self._graph, True
        while is_new:
            is_new = False
            known = self._known_values()
            for net, state in list(self._lost.items()):
                for its_net, mine in self._left.items():
                    given = {**known, state >> 1: graph.values(mine)}
                    then = graph.values(self._then[its_net])
                    if graph.values_given(self._taken[net], given) == then:
                        self._match(net, its_net)
                        known, is_new = given, True
                        break

    def _by_walking(self, reset: Literal | None) -> None:
        """Find registers that are alike some clocks after a reset, each going its own way."""
        graph, known = self._graph, self._known_values()
        mine, its = self._lost, self._left
        now = {state >> 1: graph.values(state) for state in (*mine.values(), *its.values())}
        for clock in range(_CLOCKS):
            given = {**known, **now}
            if reset is not None and clock < 2:
                given[reset >> 1] = graph.values(TRUE)
            now = {
                state >> 1: graph.values_given(then[net], given)
                for states, then in ((mine, self._taken), (its, self._then))
                for net, state in states.items()
            }
        ends = [now[state >> 1] for state in its.values()]
        my_ends = [now[state >> 1] for state in mine.values()]
        for net, state in list(mine.items()):
            end = now[state >> 1]
            if ends.count(end) == my_ends.count(end) == 1:
                self._match(net, next(each for each in its if now[its[each] >> 1] == end))
                ends.remove(end)

    def _match(self, net: int, its_net: int, phase: int = 0) -> None:
        self._found[net] = self._left.pop(its_net) ^ phase
        del self._lost[net]

    def _known_values(self) -> dict[int, int]:
        """Return the values of the nodes that stand for registers which are found by now."""
        return {
            self._names[net] >> 1: self._graph.values(state) for net, state in self._found.items()
        }
