"""Whether a design, or a neuron, is the one that its certificate speaks of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from sc_neurocore.errors import UserError
from sc_neurocore.files import read_inside
from sc_neurocore.hdl.design import CERTIFICATE

_LARGEST_CERTIFICATE = 1 << 24
_LONGEST_VERDICT = 4000  # it names every edited file before it says how much was sampled


class Certified(Protocol):
    """What a certificate can speak of: a design or a compiled neuron, as it was read."""

    @property
    def home(self) -> Path | None:
        """The folder that it was read from."""

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of every file."""


@dataclass(frozen=True)
class Standing:
    """How a design or a neuron stands to the certificate in its folder.

    Attributes:
        status: Whether there is a certificate that holds, and of exactly these files.
        detail: Why, or what it is worth: what was only sampled says how much.
    """

    status: Literal["verified", "not verified", "changed since it was verified"]
    detail: str

    @property
    def line(self) -> str:
        """The standing in one line."""
        return f"{self.status}: {self.detail}"


def standing(design: Certified) -> Standing:
    """Compare a design or a neuron with the certificate in its folder.

    A certificate is a text that whoever sent the folder could have written: it says that somebody
    ran `verify`. Running it again is what shows that it holds.
    """
    assert design.home is not None
    try:
        raw = read_inside(design.home, CERTIFICATE, _LARGEST_CERTIFICATE)
        if raw is None:
            return Standing("not verified", "no certificate; `sc-neurocore verify` makes one")
        content = json.loads(raw)
        files = content.get("design", content)["files"]  # a neuron's stand by themselves
        holds, verdict = content["holds"], content["verdict"]
        said = _one_line(verdict, _LONGEST_VERDICT)
        changed = sorted(
            name for name in {*files, *design.hashes} if files.get(name) != design.hashes.get(name)
        )
    except (UserError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Standing("not verified", f"{CERTIFICATE} is damaged or of another version")
    if changed:
        rest = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        named = ", ".join(_one_line(name, 80) for name in changed[:3])
        return Standing("changed since it was verified", f"{named}{rest} are not those files")
    if holds is not True:
        return Standing("not verified", f"its certificate does not hold ({said})")
    return Standing("verified", said)


def _one_line(text: str, length: int) -> str:
    """Return what somebody wrote so that it cannot look like lines of ours."""
    line = "".join(each for each in " ".join(text.split()) if each.isprintable())
    return line if len(line) <= length else f"{line[: length - 1]}…"
