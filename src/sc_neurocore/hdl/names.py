"""Names that may reach Verilog."""

from __future__ import annotations

import re

from sc_neurocore.errors import EquationError

IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")

KEYWORDS = frozenset(
    """always and assign automatic begin buf bufif0 bufif1 case casex casez cell cmos config
    deassign default defparam design disable edge else end endcase endconfig endfunction
    endgenerate endmodule endprimitive endspecify endtable endtask event for force forever fork
    function generate genvar highz0 highz1 if ifnone incdir include initial inout input instance
    integer join large liblist library localparam macromodule medium module nand negedge nmos nor
    noshowcancelled not notif0 notif1 or output parameter pmos posedge primitive pull0 pull1
    pulldown pullup pulsestyle_ondetect pulsestyle_onevent rcmos real realtime reg release repeat
    rnmos rpmos rtran rtranif0 rtranif1 scalared showcancelled signed small specify specparam
    strong0 strong1 supply0 supply1 table task time tran tranif0 tranif1 tri tri0 tri1 triand
    trior trireg unsigned use uwire vectored wait wand weak0 weak1 while wire wor xnor xor
    bit byte char class const do int logic long return short static struct union void volatile
    """.split()  # noqa: SIM905 - a list of a hundred quoted words is harder to read
)
"""Reserved words of Verilog-2005, and those of SystemVerilog and C++ that simulators trip over."""


def check_identifier(name: str, what: str) -> str:
    """Return the name if Verilog can use it as it is.

    Raises:
        EquationError: If it cannot; nothing is renamed silently.
    """
    if not IDENTIFIER.fullmatch(name):
        raise EquationError(
            f"{what} {name!r}: expected a letter, then letters, digits or underscores, 64 at most"
        )
    if name.lower() in KEYWORDS:
        raise EquationError(f"{what} {name!r} is a reserved word in Verilog or C++: rename it")
    return name
