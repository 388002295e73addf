"""The refractory statement: a state that counts steps, or that lasts while a condition holds."""

from __future__ import annotations

from dataclasses import dataclass

from sc_neurocore.equation.expression import Constant, Expression, Operation, Symbol
from sc_neurocore.equation.neuron import Assignment
from sc_neurocore.equation.ode import TIME_STEP
from sc_neurocore.equation.syntax import Place

REFRACTORY = "refractory"
"""The state that the statement makes: above one half while the neuron is refractory."""

_HALF = Constant(0.5)


@dataclass(frozen=True)
class Refractory:
    """What a line says, such as `refractory t_ref holds v`.

    Attributes:
        value: The time, in the unit of dt; or the condition that lasts as long.
        held: The states that keep their values meanwhile.
        is_while: Whether it is a condition.
        place: Where it stands.
        counts_spike: Whether the step of the spike is the first of that time.
    """

    value: Expression
    held: tuple[str, ...]
    is_while: bool
    place: Place
    counts_spike: bool = False

    @property
    def _lasts(self) -> Operation:
        return Operation(">", (Symbol(REFRACTORY), _HALF))

    def kept(self, line: Assignment) -> Expression:
        """Return the value of a state that is held."""
        return Operation("select", (self._lasts, Symbol(line.target), line.value))

    def blocked(self, condition: Operation) -> Operation:
        """Return a firing condition that never holds meanwhile."""
        left, right = condition.operands
        excess = left - right if condition.operator.startswith(">") else right - left
        never = Operation("select", (self._lasts, Constant(-1.0), excess))
        return Operation(">=" if "=" in condition.operator else ">", (never, Constant(0.0)))

    @property
    def start(self) -> Expression:
        """What the state becomes where the neuron fires; the `after` line takes one at once."""
        if self.is_while:
            return Constant(1.0)
        steps = self.value / Symbol(TIME_STEP)
        return steps if self.counts_spike else steps + 1.0

    @property
    def next(self) -> Expression:
        """What the state becomes at the end of every step."""
        state = Symbol(REFRACTORY)
        if self.is_while:
            return Operation("select", (self.value, state, Constant(0.0)))
        return Operation("max", (state - 1.0, Constant(0.0)))
