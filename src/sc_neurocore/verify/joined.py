"""The engine joins its modules as it should, whatever these do: port by port.

The modules keep their contracts alone. Here they answer with anything, and what is real is what
stands between them in rtl/snn_engine.v: wires, the fields of the event memory's words, the shift
of a value. harness/joined.v.j2 lists what must arrive where.
"""

from __future__ import annotations

import re

from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.render import render
from sc_neurocore.verify.bench import prove, stage
from sc_neurocore.verify.emitted import ENGINE, elaborated
from sc_neurocore.verify.result import ProofResult

NAME = "engine: its modules are joined, port by port"
_BENCH = "joined"
_INPUTS = ("reset", "in_valid", "in_data", "out_ready", "count_address")
_PORT = re.compile(r"\b[a-z_]+(?:\.[a-z_]+)+\b")
_CONDITION = re.compile(r"if \((.*?)\) (.*)")


def prove_joined(accelerator: Accelerator, *, depth: int = 2, timeout: float = 600) -> ProofResult:
    """Prove how the engine connects its modules.

    Args:
        accelerator: The design; the bench goes to its folder proof/joined.
        depth: Clocks that are searched for a counterexample, and the longest induction.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        CheckFailedError: If a file does not hold the module of its name.
        ToolMissingError: If Yosys or python-sat is not installed.
        ToolFailedError: If one of them cannot read the design.
    """
    top = accelerator.top
    folder = stage(accelerator, _BENCH, {top, f"{top}_layers", f"{top}_windows", "snn_engine"})
    listed = render("sc_neurocore.verify", "harness", "joined.v.j2", {"g": accelerator.geometry})
    claims = [line for line in listed.splitlines() if line.strip()]
    text = _bench(accelerator, claims)
    (folder / f"{_BENCH}.v").write_text(text, encoding="utf-8")
    says = (
        f"for everything that its modules may answer: {len(claims)} times, what comes in at a port "
        f"is what leaves at the one that it belongs to; a frame's values, their beats and which "
        f"are not zero stand in their own bits of an event; a token's value is shifted as its "
        f"layer says"
    )
    return prove(folder, NAME, says, (), depth, timeout, {"claims": len(claims)})


def _bench(accelerator: Accelerator, claims: list[str]) -> str:
    """Return the module that looks at the ports of the engine's modules."""
    widths: dict[str, int] = {}
    instances = elaborated(accelerator).instances

    def wire(found: re.Match[str]) -> str:
        path, _, port = found[0].rpartition(".")
        inside = ENGINE if path == ENGINE else f"{ENGINE}.{path}"
        # What is not there is a wire that nothing drives, of which nothing can be shown.
        known = instances.get(inside)
        widths[f"{inside}.{port}"] = known.ports.get(port, 1) if known else 1
        return f"\\accelerator.{inside}.{port} "

    lines = []
    for claim in claims:
        text = _PORT.sub(wire, claim)
        condition = _CONDITION.fullmatch(text)
        lines.append(
            f"if ({condition[1]}) assert ({condition[2]});" if condition else f"assert ({text});"
        )
    top = instances[""]
    given = ["clk", *(name for name in _INPUTS if name in top.ports)]
    ports = ", ".join(f"input wire [{top.ports[name] - 1}:0] {name}" for name in given)
    joined = ", ".join(f".{name}({name})" for name in given)
    wires = [
        f"    (* hierconn *) wire [{width - 1}:0] \\accelerator.{path} ;"
        for path, width in widths.items()
    ]
    return "\n".join(
        [
            f"module {_BENCH} ({ports});",
            f"    {accelerator.top} accelerator ({joined});",
            *wires,
            "    always @(posedge clk) begin",
            *(f"        {line}" for line in lines),
            "    end",
            "endmodule",
            "",
        ]
    )
