"""Equations are hostile input: whatever is typed, the answer is our error or good Verilog."""

import gc
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from sc_neurocore.equation import CATALOGUE, parse_neuron
from sc_neurocore.errors import EquationError, UserError
from sc_neurocore.fixed import FixedPoint, NumpyIntegers, evaluate, lower
from sc_neurocore.fixed.judgement import judge_program
from sc_neurocore.fixed.ranges import reachable
from sc_neurocore.hdl.equation_compiler import NeuronVerilog, compile_equations
from sc_neurocore.hdl.names import KEYWORDS
from sc_neurocore.tools.programs import run

EXAMPLES = Path(__file__).parents[2] / "examples" / "neurons"
SEEDS = [str(neuron) for neuron in CATALOGUE.values()]
SEEDS += [path.read_text() for path in sorted(EXAMPLES.glob("*.txt"))]
SEEDS += [path.read_text() for path in sorted((EXAMPLES.parent / "gallery").glob("*.txt"))]
SEEDS.append(
    "neuron Noisy\nstate v = 0\nstate u = 0\nparameter tau = 10*ms\nparameter dt = 0.1*ms\n"
    "input g_e, g_i\nnoise xi = normal(0, 0.1/sqrt(dt)) seed 3\nnoise eta = uniform(-1, 1)\n"
    "local x = exp(-u) + eta\ndv/dt = (g_e - v)/tau + xi/sqrt(tau)\ndu/dt = (x*g_i - u)/tau\n"
    "spike v >= 1\nreset v = 0\nrefractory 2*ms holds v\n"
)
FORMATS = (
    "Q8.8", "Q1.1", "UQ4.4:nearest", "Q16.16:wrap", "Q3.29", "UQ0.8:wrap", "Q22.22",
    "Q9.12:tables=9",
    "Q8.8:v=Q4.20:current=Q9.3", "Q8.16:range -90.0..40.0=v:tables=8", "Q8.8:multipliers=adders",
)  # fmt: skip
SECONDS = 1.0  # of this process' own time, so that a busy machine makes no difference
BATCH = 50  # modules that Icarus reads in one run

WORDS = """
    v w u I s pi inf local neuron state parameter input update spike reset after method dv/dt du/dt
    = euler exponential-euler + - * / ** ( ) , >= > <= < == != . : ; exp tanh sigmoid select min
    max abs clamp 0 1 -1 2 3 8 9 0.5 1e-3 1e-300 1e300 1e309 1e-9 99999999999 nan 0x10 1_000 1j 0b1
    .5 5. module endmodule begin wire reg clk enable spike_reached v_next current datapath unused
    function f( f(x) local refractory holds while t in [-1, 2] exprel log sqrt sin cos cosh power
    noise xi = normal(0,1) uniform(-1,1) seed 7 xi xi_word xi_seed noise_word noise_normal(xi_word)
    **0.5 **-1 **u : mV ms pA nS /ms *mV : volt : 1 mV**-1 input g_e, g_i tables=8
    index __import__ lambda eval os.system v.__class__ v[0] {} ' " ` `include $finish // /* */ # @
    ~ ^ & | in (0,1) in(-inf,inf) v0 v__ _v V
    """.split()  # noqa: SIM905 - a list of a hundred quoted words is harder to read
WORDS += [" ", "\t", "\r", "\x0b", "\x1c", "\x00", "\\", "\u00e9", "\u03b2", "\u202e", "\u2028"]


@contextmanager
def no_hang() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no answer within {SECONDS} s")

    before = signal.signal(signal.SIGPROF, stop)
    gc.disable()  # a collection would walk all that hypothesis keeps, for which no one is to blame
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        gc.enable()
        signal.signal(signal.SIGPROF, before)


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
    code = re.sub(r"^`default_nettype (none|wire)$", "", code, flags=re.MULTILINE)
    assert code.isascii()
    assert not set(code) - set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ \n()[]{}:;,.?=<>+-*&|^!@'$"
    )
    assert set(re.findall(r"\$\w+", code)) <= {"$signed"}
    declared = re.findall(
        r"\b(?:wire|reg|function|module)\b(?: signed)?(?: \[\d+:0\])? (\w+)", code
    )
    assert not [name for name in declared if name.lower() in KEYWORDS]
    assert len(re.findall(r"\bmodule\b", code)) == len(re.findall(r"\bendmodule\b", code)) == 1


def damaged(chance: random.Random, text: str | None = None) -> str:
    """Damage a neuron, or a good one, here and there, at the level of words and lines."""
    text = chance.choice(SEEDS) if text is None else text
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
                    chance.randint(0, len(lines)), chance.choice(chance.choice(SEEDS).splitlines())
                )
                parts = ["\n".join(lines)]
            case 5:
                number = repr(chance.choice([1, -1]) * 10.0 ** chance.uniform(-12, 12))
                parts[at] = number if re.fullmatch(r"[\d.e]+", parts[at]) else parts[at]
            case 6:
                parts[at] = f"{chance.choice(FUNCTIONS)}({parts[at]})"
            case 7:
                parts[at] = parts[at] * chance.choice([2, 3, 50])
        text = "".join(parts)
    return text


FUNCTIONS = [
    "exp", "tanh", "sigmoid", "exprel", "log", "sqrt", "sin", "cos", "cosh", "abs", "1/", "-", "",
]  # fmt: skip


class Accepted:
    """Modules on their way to Icarus, which reads them in batches and must accept each.

    Attributes:
        count: How many modules there were so far.
    """

    def __init__(self, folder: Path) -> None:
        self.count = 0
        self._folder = folder
        self._waiting: list[NeuronVerilog] = []

    def add(self, module: NeuronVerilog | None) -> None:
        # Equations that fill the length limit make modules that only keep Icarus busy.
        if module is not None and len(str(module)) < 200_000:
            self.count += 1
            self._waiting.append(module)
        if len(self._waiting) == BATCH:
            self.finish()

    def finish(self) -> None:
        files = {name: text for module in self._waiting for name, text in module.files.items()}
        if not files:
            return
        for name, text in files.items():
            (self._folder / name).write_text(text)
        checked = run("iverilog", ["-g2005", "-Wall", "-t", "null", *files], cwd=self._folder)
        assert checked.stdout + checked.stderr == ""
        for name in files:
            (self._folder / name).unlink()
        self._waiting = []


NUMBERS = st.one_of(
    st.sampled_from(["0", "1", "-1", "0.5", "0.9375", "3", "1e-4", "30000", "1e300"]),
    st.integers(-1600, 1600).map(lambda eighths: repr(eighths / 8)),
)


def _growing(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    functions = st.sampled_from(FUNCTIONS)
    return st.one_of(
        st.builds("({} {} {})".format, children, st.sampled_from("+-*"), children),
        st.builds("({} / {})".format, children, st.one_of(NUMBERS, children)),
        st.builds("{}({})".format, functions, children),
        st.builds("({})**{}".format, children, st.integers(2, 8)),
        st.builds(
            "({})**{}".format, children, st.sampled_from(["0.5", "(-1)", "1.5", "(1/3)", "9"])
        ),
        st.builds("power({}, {})".format, children, children),
        st.builds("f({})".format, children),
        st.builds("{}({}, {})".format, st.sampled_from(["min", "max"]), children, children),
        st.builds("clamp({}, {}, {})".format, children, children, children),
        st.builds(
            "select({} {} {}, {}, {})".format, children, RELATIONS, children, children, children
        ),
    )


RELATIONS = st.sampled_from([">=", ">", "<=", "<"])
EXPRESSIONS = st.recursive(
    st.one_of(st.sampled_from([*"vuIKabt", "pi", "xi"]), NUMBERS), _growing, max_leaves=8
)
LINES = st.one_of(
    st.builds(
        "update v = {}\nupdate local x = {}\nupdate u = u - x".format, EXPRESSIONS, EXPRESSIONS
    ),
    st.builds(
        "{}dv/dt = {}\ndu/dt = {}".format,
        st.sampled_from(["", "method exponential-euler\n"]),
        EXPRESSIONS,
        EXPRESSIONS,
    ),
)
WELL_FORMED = st.builds(
    "neuron N\nstate v = {}\nstate u = 0\nparameter a = {}\nparameter b = 0.2 in (0, inf)\n"
    "parameter dt = 0.1 in (0, inf)\ninput I, K\n{}\n"
    "function f(x) = 1/(1 + exp(-x)) in [-4, 3]\n{}\n{}\n"
    "spike v + {} {} {}\nreset v = {}\nafter u = u + b*s"
    "".format,
    st.sampled_from(["0", "0.25", "0.5"]), NUMBERS,
    st.sampled_from(["noise xi = normal(0, 1)", "noise xi = uniform(a, b) seed 9", "local xi = 1"]),
    st.sampled_from(["", "refractory 0.3", "refractory 2 holds v", "refractory while v > 0.5"]),
    LINES, EXPRESSIONS, RELATIONS, EXPRESSIONS,
    EXPRESSIONS,
)  # fmt: skip
"""Neurons that nothing is wrong with but their arithmetic."""


def explore(examples: int, number: int, folder: Path) -> int:
    accepted = Accepted(folder)

    @seed(number)
    @settings(max_examples=examples, deadline=None, database=None)
    @given(WELL_FORMED, st.sampled_from(FORMATS))
    def check(text: str, form: str) -> None:
        accepted.add(compiled(text, form, f"grown_{accepted.count}"))

    check()
    accepted.finish()
    return accepted.count


def fuzz(count: int, number: int, folder: Path) -> int:
    chance = random.Random(number)
    accepted = Accepted(folder)
    for index in range(count):
        text, form = damaged(chance), chance.choice(FORMATS)
        accepted.add(compiled(text, form, f"fuzzed_{index}"))
    accepted.finish()
    return accepted.count


def test_damaged_neurons(require_tool, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    require_tool("iverilog")
    assert fuzz(400, 0, tmp_path) > 30


def test_well_formed_neurons(require_tool, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    require_tool("iverilog")
    assert explore(100, 0, tmp_path) > 5


# The soak's 1.1 million cases come in pieces of minutes, so that it can be stopped and taken up.
@pytest.mark.soak
@pytest.mark.parametrize("number", range(1, 201))
def test_five_thousand_damaged_and_five_hundred_well_formed_neurons(
    number: int,
    require_tool,  # type: ignore[no-untyped-def]
    tmp_path: Path,
) -> None:
    require_tool("iverilog")
    assert fuzz(5_000, number, tmp_path) > 500
    assert explore(500, number, tmp_path) > 30


@pytest.mark.soak
def test_half_a_million_inputs_that_seek_new_paths(require_tool, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """An input that reaches new code is kept, and changed further."""
    pytest.importorskip(
        "atheris", reason="needs atheris (Linux on x86-64): pip install -e '.[fuzz]'"
    )
    require_tool("iverilog")
    script = Path(__file__).with_name("coverage_guided.py")
    command = [sys.executable, str(script), "500000", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    assert int(re.findall(r"(\d+) modules accepted by Icarus", done.stdout)[-1]) > 1000


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
    plain = r"[Uu]?[Qq]\d+\.\d+(:[a-z]+|:[a-z ]+[0-9.e+-]*=.*)*"
    assert compiled(SEEDS[0], text) is None or re.fullmatch(plain, text)


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
        "update v = (v**8)**8",
        "update v = tanh((v**8)**8)",
        "update v = exp(v**5)",
        "update v = __import__('os').system('true')",
        "update v = v.__class__.__mro__",
        "update v = (lambda: v)()",
        "update v = v; $finish",
        "update v = v  // \n endmodule",
        "update v = select(v >= 1, v, v) if v else v",
    ],
)
def test_bombs(line: str) -> None:
    for form in ("Q8.8", "Q22.22"):
        compiled(f"neuron N\nstate v = 0\n{line}\nspike v >= 1", form)


@pytest.mark.parametrize(
    "value",
    [
        "power(0 - v, v**3)",  # without end on both sides of where it has no value
        "(v * u)**0.5",  # arguments and entries of more than 63 bits
        "max(0, v**3 + u)**(1/3)",
        "1 + tanh((v**3 + u**3)/1e18)",
    ],
)
def test_tables_over_wide_arguments(value: str, require_tool, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    require_tool("iverilog")
    accepted = Accepted(tmp_path)
    text = (
        "neuron N\nstate v = 0\nstate u = 0\nupdate v = v\nupdate local x = {}\n"
        "update u = u - x\nspike v >= 1\nreset v = 0"
    )
    accepted.add(compiled(text.format(value), "Q22.22", "wide"))
    accepted.finish()


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


@settings(max_examples=120, deadline=None)
@given(WELL_FORMED, st.sampled_from(FORMATS), st.integers(0, 2**32 - 1))
def test_no_value_leaves_what_is_said_to_be_reachable(text: str, form: str, number: int) -> None:
    try:
        program = lower(parse_neuron(text), FixedPoint.parse(form))
    except UserError:
        return
    formats, random_ = program.fixed_point, random.Random(number)
    widest = formats.current
    ends = sorted(random_.choices([widest.minimum, widest.maximum, -300, -1, 0, 1, 300], k=2))
    low, high = (min(max(end, widest.minimum), widest.maximum) for end in ends)
    names = program.neuron.states
    state = {name: int(formats.of(name).quantize(value)) for name, value in names.items()}
    with no_hang():
        judge_program(program)
        found = reachable(
            program.program,
            state,
            {name: f"{name}_next" for name in names},
            dict.fromkeys(program.currents, (low, high)),
        )
    algebra = NumpyIntegers(program.program)
    for _ in range(12):
        currents = {
            name: random_.choice([low, high, random_.randint(low, high)])
            for name in program.currents
        }
        seen: dict[int, int] = {}

        def observe(node: int, value: Any, seen: dict[int, int] = seen) -> Any:
            seen[node] = int(value)
            return value

        inputs = {name: np.array(value) for name, value in {**state, **currents}.items()}
        outputs = evaluate(program.program, inputs, algebra, observe)
        for node, value in seen.items():
            assert found.nodes[node].low <= value <= found.nodes[node].high
        state = {name: int(outputs[f"{name}_next"]) for name in names}
        assert all(low <= state[name] <= high for name, (low, high) in found.states.items())
