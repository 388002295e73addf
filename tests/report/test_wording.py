from __future__ import annotations

import pytest

from sc_neurocore.report import wording


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.00 s"),
        (0.99, "0.99 s"),
        (0.999, "1.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (99.4, "99 s"),
        (99.6, "1 min 40 s"),
        (229.37, "3 min 49 s"),
        (float("nan"), "nan s"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert wording.duration(seconds) == words


def test_numbers() -> None:
    assert wording.percent(0.97222) == "97.22 %"
    assert wording.points(-0.0028) == "\N{MINUS SIGN}0.28 points"
    assert wording.points(0.0) == "+0.00 points"
    assert wording.count(1242000) == "1,242,000"
    assert wording.count(21408.5) == "21,408.5"
    assert wording.size(1023) == "1023 bytes"
    assert wording.size(135100) == "131.9 KiB"
    assert wording.size(3 << 20) == "3.0 MiB"
    assert wording.shorten("twelve chars") == "twelve chars"
    assert wording.shorten("thirteen char") == "thirteen ch\N{HORIZONTAL ELLIPSIS}"
    assert wording.plural(1, "step") == "1 step"
    assert wording.plural(0, "step") == "0 steps"
    assert wording.plural(2000, "mismatch", "mismatches") == "2,000 mismatches"
