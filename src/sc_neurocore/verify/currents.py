"""From a sum to a neuron's current: the circuit does what the integer model does, for every sum.

The rule is the one function that the simulator runs, written out as a module of its own, and the
emitted circuit is compared with it, with the shift of each layer.
"""

from __future__ import annotations

import shutil

from sc_neurocore.fixed.lowering import CURRENT
from sc_neurocore.fixed.network import IntegerNetwork, requantize
from sc_neurocore.fixed.program import Port, Program, ProgramBuilder
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.pipeline import Stages
from sc_neurocore.hdl.step_module import StepModule
from sc_neurocore.verify.bench import prove
from sc_neurocore.verify.contracts import check_block, sources_of
from sc_neurocore.verify.emitted import only_parameters_of
from sc_neurocore.verify.result import ProofResult

NAME = "currents: a sum becomes the current that the integer model makes of it"
_MODULE, _BENCH, _REFERENCE = "snn_requantize", "currents", "lane_currents"


def prove_currents(
    accelerator: Accelerator, network: IntegerNetwork, *, depth: int = 3, timeout: float = 600
) -> ProofResult:
    """Prove that a sum, with its bias, becomes the current that the integer model makes of it.

    Args:
        accelerator: The design; the bench goes to its folder proof/currents.
        network: Its network, whose shifts and formats say what the currents must be.
        depth: Clocks that are searched for a counterexample, and the longest induction.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        CheckFailedError: If neuron units have different circuits, or none.
        ToolMissingError: If Yosys or python-sat is not installed.
        ToolFailedError: If one of them cannot read the design.
    """
    sizes = only_parameters_of(accelerator, _MODULE)
    text = sources_of(accelerator)[_MODULE]
    check_block(_MODULE, text)
    reference = _currents(network, sizes["TOTAL_BITS"])
    folder = accelerator.directory / "proof" / _BENCH
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    written = {
        _MODULE: text,
        _REFERENCE: StepModule(reference, _REFERENCE, Stages.none(reference)).text(),
        _BENCH: _bench(accelerator, sizes),
    }
    for module, content in written.items():
        (folder / f"{module}.v").write_text(content, encoding="utf-8")
    claims = (
        f"for every sum of {sizes['TOTAL_BITS']} bits with its bias, in each of "
        f"{len(network.layers)} layers: shifted, rounded down and saturated to "
        f"{sizes['CURRENT_BITS']} bits as the integer model does it"
    )
    return prove(folder, NAME, claims, (), depth, timeout)


def _bench(accelerator: Accelerator, sizes: dict[str, int]) -> str:
    """Return the module that compares both, layer by layer."""
    given = ", ".join(f".{name}({value})" for name, value in sizes.items())
    lines = [
        f"module {_BENCH} (input wire clk, input wire signed [{sizes['TOTAL_BITS'] - 1}:0] total);"
    ]
    ports = [".total(total)"]
    for layer in accelerator.geometry.layers:
        number, shift = layer.number, f"{sizes['SHIFT_BITS']}'d{layer.shift}"
        width = f"wire signed [{sizes['CURRENT_BITS'] - 1}:0]"
        lines += [
            f"    {width} current_{number}, must_{number};",
            f"    {_MODULE} #({given}) layer_{number} (",
            f"        .total(total), .shift({shift}), .current(current_{number}));",
            f"    always @(posedge clk) assert (current_{number} == must_{number});",
        ]
        ports.append(f".current{number}(must_{number})")
    lines += [f"    {_REFERENCE} reference ({', '.join(ports)});", "endmodule", ""]
    return "\n".join(lines)


def _currents(network: IntegerNetwork, sum_bits: int) -> Program:
    """Return the rule from a sum to the current of every layer, as a program."""
    builder = ProgramBuilder()
    limit = 1 << (sum_bits - 1)
    total = builder.input(-limit, limit - 1, 0)
    outputs = []
    for number, layer in enumerate(network.layers):
        form = layer.program.fixed_point.current
        builder.begin(f"{CURRENT}{number}", f"layer {number}")
        node = requantize(builder, total, layer.shift, form)
        outputs.append((Port(f"current{number}", form.width, form.fraction_bits), node))
    inputs = ((Port("total", sum_bits, 0), total),)
    return Program(tuple(builder.nodes), tuple(builder.statements), inputs, tuple(outputs))
