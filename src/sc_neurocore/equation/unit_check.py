"""What units the lines of a neuron's text say, and whether they fit together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sc_neurocore.equation.expression import Expression, Operation
from sc_neurocore.equation.lines import Line
from sc_neurocore.equation.neuron import SPIKE, Assignment
from sc_neurocore.equation.ode import TIME_STEP, Equation
from sc_neurocore.equation.refractory import Refractory
from sc_neurocore.equation.syntax import Place
from sc_neurocore.equation.units import NONE, TIME, Dimensions, UnitError, dimensions_of, written


class UnitCheck:
    """Keeps the dimensions of names and lines while they are read, and compares them at the end.

    Attributes:
        dimensions: Of each name; None where they are not known yet.
    """

    def __init__(self) -> None:
        self.dimensions: dict[str, Dimensions | None] = {}
        self._places: dict[str, Place] = {}  # of declarations
        self._given: dict[tuple[str, int], Dimensions] = {}  # by keyword and index

    def note(self, name: str, unit: Dimensions | None, place: Place) -> None:
        """Take what a declaration says of a name; raise where it contradicts what is known."""
        known = self.dimensions.setdefault(name, None)
        self._places[name] = place
        if unit is None:
            return
        if known is not None and known != unit:
            raise place.error(
                f"{name} is in {written(known)}, and is said to be in {written(unit)}"
            )
        self.dimensions[name] = unit

    def note_line(self, keyword: str, index: int, unit: Dimensions | None) -> None:
        """Take what the line of this number among those of its keyword ends in."""
        if unit is not None:
            self._given[keyword, index] = unit

    def make_room(self, at: int, count: int) -> None:
        """Move what is known of the update lines from `at` on: others come in there."""
        self._given = {
            (keyword, index + count * (keyword == "update" and index >= at)): given
            for (keyword, index), given in self._given.items()
        }

    def of(
        self,
        expression: Expression,
        place: Place,
        known: Mapping[str, Dimensions | None] | None = None,
    ) -> Dimensions | None:
        """Return the dimensions of an expression, by default with the names that are known.

        Raises:
            EquationError: With a caret, if its parts do not fit together.
        """
        try:
            return dimensions_of(expression, self.dimensions if known is None else known)
        except UnitError as error:
            raise place.error(str(error)) from None

    def check(
        self,
        names: Iterable[str],
        lines: Mapping[str, list[Line]],
        spike: Line,
        refractory: Refractory | None,
    ) -> None:
        """Raise `EquationError`, with a caret, where units do not fit together."""
        known = dict(self.dimensions)
        step = known.setdefault(TIME_STEP, TIME)
        if step not in (None, TIME):
            raise self._places[TIME_STEP].error(
                f"{TIME_STEP} is in {written(step)}, and other numbers have units: expected a "
                f"time, such as parameter {TIME_STEP} = 0.1*ms"
            )
        known[SPIKE] = NONE
        for name in names:
            known.setdefault(name, None)
        # What an equation says of its own state holds before it as well.
        for (keyword, index), unit in self._given.items():
            line = lines[keyword][index]
            if isinstance(line.content, Equation):
                target = line.content.target
                known[target] = _agreed(line, known.get(target), unit)
        for keyword, index, line in _in_order(lines, spike):
            found = self.of(line.expression, line.place, known)
            if isinstance(line.content, Operation):
                continue
            target = line.content.target
            if isinstance(line.content, Equation) and found is not None:
                found = tuple(a + b for a, b in zip(found, TIME, strict=True))
            given = self._given.get((keyword, index))
            if given is not None and isinstance(line.content, Assignment):
                found = _agreed(line, found, given)
            known[target] = _agreed(line, known.get(target), found)
        if refractory is not None:
            found = self.of(refractory.value, refractory.place, known)
            if not refractory.is_while and found not in (None, TIME):
                raise refractory.place.error(f"a time is expected, not {written(found)}")


def _in_order(lines: Mapping[str, list[Line]], spike: Line) -> Iterator[tuple[str, int, Line]]:
    """Yield the lines in the order of a step, with their keyword and number."""
    for keyword in ("update", "spike", "reset", "after"):
        group = [spike] if keyword == "spike" else lines[keyword]
        for index, line in enumerate(group):
            yield keyword, index, line


def _agreed(line: Line, known: Dimensions | None, found: Dimensions | None) -> Dimensions | None:
    if known is not None and found is not None and known != found:
        content = line.content
        assert not isinstance(content, Operation)  # a condition has no unit
        of = f"d{content.target}/dt times dt" if isinstance(content, Equation) else content.target
        raise line.place.error(f"{of} is in {written(found)}: expected {written(known)}")
    return found if known is None else known
