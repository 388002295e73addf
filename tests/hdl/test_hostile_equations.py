"""Equations are hostile input: whatever is typed, the answer is our error or good Verilog."""

import random
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_neurocore.equation import CATALOGUE, parse_neuron
from sc_neurocore.errors import EquationError, UserError
from sc_neurocore.hdl.equation_compiler import NeuronVerilog, compile_equations
from sc_neurocore.hdl.names import KEYWORDS
from sc_neurocore.tools.programs import run

EXAMPLES = Path(__file__).parents[2] / "examples" / "neurons"
SEEDS = [str(neuron) for neuron in CATALOGUE.values()]
SEEDS += [path.read_text() for path in sorted(EXAMPLES.glob("*.txt"))]
FORMATS = ("Q8.8", "Q1.1", "UQ4.4:nearest", "Q16.16:wrap", "Q3.29", "UQ0.8:wrap")
SECONDS = 10  # a hang is a hang; the limit is for machines that are busy

WORDS = """
    v w u I s pi inf local neuron state parameter input update spike reset after method dv/dt du/dt
    = euler exponential-euler + - * / ** ( ) , >= > <= < == != . : ; exp tanh sigmoid select min
    max abs clamp 0 1 -1 2 3 8 9 0.5 1e-3 1e-300 1e300 1e309 1e-9 99999999999 nan 0x10 1_000 1j 0b1
    .5 5. module endmodule begin wire reg clk enable spike_reached v_next current datapath unused
    index __import__ lambda eval os.system v.__class__ v[0] {} ' " ` `include $finish // /* */ # @
    ~ ^ & | in (0,1) in(-inf,inf) v0 v__ _v V
    """.split()  # noqa: SIM905 - a list of a hundred quoted words is harder to read
WORDS += [" ", "\t", "\r", "\x0b", "\x1c", "\x00", "\\", "\u00e9", "\u03b2", "\u202e", "\u2028"]


@contextmanager
def no_hang() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no answer within {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def compiled(text: str, form: str, name: str | None = None) -> NeuronVerilog | None:
    """Compile a text; None for our error. Anything else that is raised is a defect."""
    with no_hang():
        try:
            verilog = compile_equations(text, form, name)
        except UserError as error:
            assert str(error)
            return None
    for source in verilog.files.values():
        check_names(source)
    return verilog


def check_names(source: str) -> None:
    """Nothing but declared, plain identifiers stands outside the comments."""
    code = re.sub(r"//[^\n]*", "", source)
    assert code.isascii()
    assert not set(code) - set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ \n()[]{}:;,.?=<>+-*&|!@'$"
    )
    assert set(re.findall(r"\$\w+", code)) <= {"$signed"}
    declared = re.findall(
        r"\b(?:wire|reg|function|module)\b(?: signed)?(?: \[\d+:0\])? (\w+)", code
    )
    assert not [name for name in declared if name.lower() in KEYWORDS]
    assert len(re.findall(r"\bmodule\b", code)) == len(re.findall(r"\bendmodule\b", code)) == 1


def damaged(chance: random.Random) -> str:
    """Damage a good neuron here and there, at the level of characters, words and lines."""
    text = chance.choice(SEEDS)
    for _ in range(chance.randint(1, 4)):
        parts = re.split(r"(\s+|[-+*/(),=<>]+)", text)
        at = chance.randrange(len(parts))
        match chance.randrange(8):
            case 0:
                parts[at] = chance.choice(WORDS)
            case 1:
                parts.insert(at, chance.choice(WORDS))
            case 2:
                parts[at] = ""
            case 3:
                parts[at] = parts[chance.randrange(len(parts))]
            case 4:
                lines = text.splitlines()
                lines.insert(
                    chance.randrange(len(lines)), chance.choice(chance.choice(SEEDS).splitlines())
                )
                parts = ["\n".join(lines)]
            case 5:
                number = repr(chance.choice([1, -1]) * 10.0 ** chance.uniform(-12, 12))
                parts[at] = number if re.fullmatch(r"[\d.e]+", parts[at]) else parts[at]
            case 6:
                parts[at] = (
                    f"{chance.choice(['exp', 'tanh', 'sigmoid', 'abs', '-', ''])}({parts[at]})"
                )
            case 7:
                parts[at] = parts[at] * chance.choice([2, 3, 50])
        text = "".join(parts)
    return text


def accepted_by_icarus(modules: list[NeuronVerilog], folder: Path) -> None:
    for module in modules:
        for name, text in module.files.items():
            (folder / name).write_text(text)
    names = [name for module in modules for name in module.files]
    checked = run("iverilog", ["-g2005", "-Wall", "-t", "null", *names], cwd=folder)
    assert checked.stdout + checked.stderr == ""


def fuzz(count: int, seed: int, folder: Path) -> int:
    chance = random.Random(seed)
    good: list[NeuronVerilog] = []
    accepted = 0
    for number in range(count):
        text = damaged(chance)
        verilog = compiled(text, chance.choice(FORMATS), f"fuzzed_{number}")
        if verilog is not None and len(str(verilog)) < 200_000:
            good.append(verilog)
        if len(good) == 50 or (good and number == count - 1):
            accepted_by_icarus(good, folder)
            accepted += len(good)
            for path in folder.iterdir():
                path.unlink()
            good = []
    return accepted


def test_damaged_neurons(require_tool, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    require_tool("iverilog")
    assert fuzz(1500, 0, tmp_path) > 100


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 11))
def test_a_hundred_thousand_damaged_neurons(seed: int, require_tool, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    require_tool("iverilog")
    assert fuzz(100_000, seed, tmp_path) > 10_000


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200), st.sampled_from(FORMATS))
def test_any_text_at_all(text: str, form: str) -> None:
    compiled(text, form)
    compiled(f"neuron N\nstate v = 0\nupdate v = {text}\nspike v >= 1", form)
    compiled(f"neuron {text}\nstate v = 0\nupdate v = v + I\nspike v >= 1", form)
    compiled(f"neuron N\nstate {text} = 0\nupdate {text} = I\nspike {text} >= 1", form)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join), st.sampled_from(FORMATS))
def test_any_words_of_the_language(text: str, form: str) -> None:
    compiled(f"neuron N\nstate v = 0\nstate u = 1\nupdate v = {text}\nspike v >= 1", form)


@given(st.text(max_size=40))
def test_any_text_as_a_format(text: str) -> None:
    assert compiled(SEEDS[0], text) is None or re.fullmatch(r"[Uu]?[Qq]\d+\.\d+(:[a-z]+)*", text)


@pytest.mark.parametrize(
    "line",
    [
        "update v = " + "(" * 2000 + "v" + ")" * 2000,
        "update v = " + "-" * 900 + "v",
        "update v = " + "v**8" * 200,
        "update v = ((((v**8)**8)**8)**8)",
        "update v = " + "*".join(["v"] * 400),
        "update v = " + "exp(" * 30 + "v" + ")" * 30,
        "update v = " + "+".join(["exp(v)"] * 100),
        "update v = 9" * 200,
        "update v = 1e999999999",
        "update v = __import__('os').system('true')",
        "update v = v.__class__.__mro__",
        "update v = (lambda: v)()",
        "update v = v; $finish",
        "update v = v  // \n endmodule",
        "update v = select(v >= 1, v, v) if v else v",
    ],
)
def test_bombs(line: str) -> None:
    compiled(f"neuron N\nstate v = 0\n{line}\nspike v >= 1", "Q8.8")


def test_comments_end_where_they_should() -> None:
    """A carriage return or a line separator in a comment must not start a line of code."""
    for separator in ("\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"):
        text = (
            f"neuron N\nstate v = 0\nupdate v = v + I # {separator} initial $finish;\nspike v >= 1"
        )
        verilog = compiled(text, "Q8.8")
        assert verilog is None or "$finish" not in verilog.step


def test_what_a_program_builds_is_checked_too() -> None:
    """A neuron that was not read from text cannot carry other names either."""
    good = parse_neuron(SEEDS[0])
    with pytest.raises(EquationError, match="not a usable name"):
        type(good)(
            name="N; endmodule",
            states=good.states,
            parameters=good.parameters,
            update=good.update,
            spike=good.spike,
        )
