"""What was proved once is not proved again: unless anything is another, or somebody else's."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore.files import CACHE_VARIABLE
from sc_neurocore.verify import kept_answers, model_checking
from sc_neurocore.verify.kept_answers import kept_answer
from sc_neurocore.verify.model_checking import first_failure, induction_depth

RequireTool = Callable[..., None]
of_posix = pytest.mark.skipif(os.name != "posix", reason="links and modes are those of POSIX")
COUNTER = """
module counter (input clk, input up, output bad);
    reg [3:0] count = 4'd0;
    always @(posedge clk) if (up) count <= count == 4'd9 ? 4'd0 : count + 4'd1;
    assign bad = count == 4'd{bad};
    always @* assert (count < 4'd{most});
endmodule
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / kept_answers.PART


def asked(answers: list[str], *question: bytes) -> str:
    return kept_answer(question, lambda: answers.pop(0))


def test_a_question_is_asked_once_and_another_one_too(cache: Path) -> None:
    answers = ["one", "two", "three"]
    assert [asked(answers, b"a", b"b") for _ in range(3)] == ["one"] * 3
    assert asked(answers, b"ab", b"") == "two"  # the parts are told apart
    assert asked(answers, b"a", b"b") == "one"
    with pytest.raises(IndexError):
        asked([], b"new")
    assert asked(answers, b"new") == "three"  # nothing was kept of what failed


@of_posix
def test_what_is_damaged_or_not_this_users_is_asked_again(cache: Path) -> None:
    asked(["right"], b"q")
    (place,) = cache.iterdir()
    place.write_text("wrong")
    assert asked(["again"], b"q") == "again"
    place.write_text(place.read_text().replace("again", "wrong"))
    place.chmod(0o666)  # anybody may have written that
    assert asked(["anew"], b"q") == "anew"
    place.unlink()
    place.symlink_to(cache.parent / "elsewhere")
    assert asked(["here"], b"q") == "here"


@of_posix
def test_without_a_folder_of_ones_own_nothing_is_kept(cache: Path, tmp_path: Path) -> None:
    cache.parent.mkdir(parents=True)
    (tmp_path / "theirs").mkdir()
    cache.symlink_to(tmp_path / "theirs")
    assert [asked(["one"], b"q"), asked(["two"], b"q")] == ["one", "two"]
    assert not list((tmp_path / "theirs").iterdir())


def test_the_oldest_go(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_answers, "MOST", 8)
    for number in range(9):
        asked(["x"], bytes([number]))
        for place in cache.iterdir():
            os.utime(place, ns=(0, place.lstat().st_mtime_ns - 10**9))
    assert len(list(cache.iterdir())) == 7
    assert asked(["y"], bytes([8])) == "x"


def test_proofs_and_counterexamples_are_kept_and_a_changed_circuit_is_proved_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, require_tool: RequireTool
) -> None:
    require_tool("yosys")
    runs: list[str] = []
    real = model_checking._asked
    monkeypatch.setattr(
        model_checking,
        "_asked",
        lambda question, *more: runs.append(question) or real(question, *more),
    )

    def folder(number: int, bad: int, most: int) -> Path:
        place = tmp_path / str(number)
        place.mkdir()
        (place / "counter.v").write_text(COUNTER.format(bad=bad, most=most))
        return place

    sources = ["counter.v"]
    for number in range(2):  # from two places
        assert induction_depth(folder(number, 12, 10), "counter", sources, 4, 60) == 1
    assert runs == ["induction"]
    assert induction_depth(folder(2, 12, 9), "counter", sources, 4, 60) is None
    for number in range(3, 5):
        failure = first_failure(folder(number, 3, 10), "counter", sources, 8)
        assert failure is not None and failure.clock == 3
    assert runs == ["induction", "induction", "failure"]
    assert first_failure(folder(5, 12, 10), "counter", sources, 8) is None
    assert runs[-1] == "failure" and len(runs) == 4
