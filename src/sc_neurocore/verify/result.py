"""What a proof attempt says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

ProofStatus: TypeAlias = Literal["proved", "refuted", "unknown"] | str
"""`proved` holds for all inputs and without bound; `bounded(k)` holds for the first k clocks;
`refuted` comes with a counterexample; `unknown` is a time-out or a tool that gave up."""


@dataclass(frozen=True)
class Cut:
    """One piece of a proof that was taken apart.

    Attributes:
        name: The wire or port that was compared.
        status: `proved` where the piece holds for all values of the pieces before it; `open`
            where it does not, or no answer was found: the pieces after it then see through it.
        seconds: How long it took.
    """

    name: str
    status: str
    seconds: float


@dataclass(frozen=True)
class ProofResult:
    """The outcome of one proof attempt.

    Attributes:
        name: What was to be proved, in a few words.
        status: A `ProofStatus`.
        engine: What decided it, with its version.
        seconds: How long it took.
        detail: The counterexample of a refuted claim; otherwise what exactly was shown.
        assumptions: What the proof takes for granted.
        cuts: The pieces it was put together from, if it was taken apart.
        bound: What a check was limited to, in words; empty where nothing was.
        figures: Numbers that belong to the claim, by name.
    """

    name: str
    status: ProofStatus
    engine: str
    seconds: float
    detail: str = ""
    assumptions: tuple[str, ...] = ()
    cuts: tuple[Cut, ...] = ()
    bound: str = ""
    figures: Mapping[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether the claim was shown, for all inputs or within its bound."""
        return self.status == "proved" or bool(self.bound and self.status.startswith("bounded("))

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        return {
            **asdict(self),
            "assumptions": list(self.assumptions),
            "cuts": [asdict(cut) for cut in self.cuts],
        }
