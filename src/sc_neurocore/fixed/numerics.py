"""The account of a neuron's or a network's numbers: what became of them on the way to integers.

`fixed.judgement` makes it. It is part of the manifest: the same network and choices give the same
account.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from sc_neurocore.errors import UserError

Severity: TypeAlias = Literal["warning", "error"]
Saturation: TypeAlias = Literal["impossible", "possible", "certain"]
Kind: TypeAlias = Literal[
    "constant",
    "leak",
    "saturation",
    "silent",
    "always",
    "branch",
    "table",
    "rounding",
    "input",
    "disagreement",
    "left-over",
]

KINDS: Mapping[Kind, str] = {
    "constant": "a constant that is off by more than 10 %",
    "leak": "a decay whose leak is gone or off by more than 10 %",
    "saturation": "a line that always saturates",
    "silent": "a neuron that can never fire",
    "table": "a table that is wrong by more than 10 % of what it spans, or a range of no table",
    "always": "a neuron that fires in every step",
    "disagreement": "integers that are silent where floats fire, or the other way round",
    "left-over": "pooling that does not divide, and leaves out the last rows or columns",
}
"""What is refused unless it is allowed by name."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Finding(_Part):
    """Something that a user should know before trusting the integers.

    Attributes:
        kind: What it is about; errors of a kind of `KINDS` can be allowed.
        severity: Errors are refused unless they are allowed.
        where: The layer, and the line of the equation.
        message: What happens there.
        cure: What would help.
    """

    kind: Kind
    severity: Severity
    where: str
    message: str
    cure: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}; {self.cure}"


class ConstantFact(_Part):
    """A constant part of a line: its value, what it became, and the error relative to it."""

    line: str
    expression: str
    value: float
    became: float
    relative_error: float


class AssignmentFact(_Part):
    """Whether a line's result fits what stores it.

    Attributes:
        line: The line.
        target: The state or local.
        saturation: Whether it leaves the format's range (where it is saturated, or wrapped).
        low: The least that the line computes.
        high: The most.
        needs: The narrowest format with the same fraction bits that holds both; "" beyond 48 bits.
    """

    line: str
    target: str
    saturation: Saturation
    low: float
    high: float
    needs: str


class StateFact(_Part):
    """What one state can be, and what rounding costs it.

    Attributes:
        name: The state.
        step: The least difference of two of its values.
        low: It is never less.
        high: It is never more.
        leak: The share of itself that it loses in a step, at rest; None where it has no leak.
        lost: At most so much is missing from its resting level, because every step rounds.
        distance: From its first value to where the neuron fires; None if that does not follow
            from this state alone.
    """

    name: str
    step: float
    low: float
    high: float
    leak: float | None
    lost: float | None
    distance: float | None


class NeuronNumerics(_Part):
    """The account of one neuron, alone or in a layer of a network.

    Attributes:
        where: The layer; "" for a neuron alone.
        neuron: Its name.
        constants: Each once per line.
        assignments: In written order.
        states: In the order of their declaration.
        tables: What stands for functions, each with its largest error.
        findings: What is worth a warning or is refused.
    """

    where: str
    neuron: str
    constants: tuple[ConstantFact, ...]
    assignments: tuple[AssignmentFact, ...]
    states: tuple[StateFact, ...]
    tables: tuple[str, ...]
    findings: tuple[Finding, ...]


class Numerics(_Part):
    """The account of a neuron or a network.

    Attributes:
        format: Of the states.
        current_format: Of the input current and of locals.
        constant_bits: Fraction bits of constants.
        neurons: One for each layer of neurons.
    """

    format: str
    current_format: str
    constant_bits: int
    neurons: tuple[NeuronNumerics, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings."""
        return tuple(each for neuron in self.neurons for each in neuron.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return the account as plain JSON values."""
        return self.model_dump(mode="json")

    def lines(self) -> list[tuple[str, str]]:
        """Return the account in a few lines: what it is about, and what is to be said."""
        constants = [each for neuron in self.neurons for each in neuron.constants]
        worst = max(constants, key=lambda each: each.relative_error, default=None)
        rows = []
        if worst is not None:
            rows.append(
                (
                    "constants",
                    f"{self.constant_bits} fraction bits; farthest off: {worst.expression} = "
                    f"{worst.value:.6g} becomes {worst.became:.6g} ({worst.relative_error:.2%})",
                )
            )
        kinds = [each.saturation for neuron in self.neurons for each in neuron.assignments]
        counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
        said = ", ".join(f"{kind} in {count}" for kind, count in counts.items())
        rows.append(("saturation", f"{said} of {len(kinds)} lines"))
        return rows + [(each.severity, str(each)) for each in self.findings]


def refuse(findings: Iterable[Finding], allow: Collection[str] = ()) -> None:
    """Raise for what is certainly not what the user wants, unless it is allowed.

    Args:
        findings: What was found.
        allow: Kinds of findings to let pass, keys of `KINDS`; "all" for all of them.

    Raises:
        UserError: For an error that is not allowed, or a kind that does not exist.
    """
    check_kinds(allow)
    for each in findings:
        if each.severity == "error" and not {each.kind, "all"} & set(allow):
            raise UserError(f"{each} (--allow {each.kind} compiles it all the same)")


def check_kinds(allow: Collection[str]) -> None:
    """Raise `UserError` for a kind that cannot be allowed."""
    unknown = sorted(set(allow) - {*KINDS, "all"})
    if unknown:
        raise UserError(f"--allow {unknown[0]}: expected one of {', '.join(KINDS)}, all")
