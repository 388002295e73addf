# %% [markdown]
# # From an ODE to a bitstream
#
# A neuron is a few lines of text. Here FitzHugh and Nagumo's goes to hardware: from differential equations to
# integers, to Verilog, to a proof, and to the cells of an FPGA.

# %%
EQUATIONS = """
neuron FitzHughNagumo
state v = -1.2
state w = -0.62
parameter a = 0.7
parameter b = 0.8
parameter tau = 12.5 in (0, inf)
parameter dt = 0.1 in (0, inf)
dv/dt = v - v**3/3 - w + I
dw/dt = (v + a - b*w)/tau
spike v >= 1
"""

# %% [markdown]
# `dv/dt` lines become one explicit Euler step; `method exponential-euler` before them solves equations that are
# affine in their own state exactly. Both right-hand sides read the states from before the step.
#
# ## In floating point

# %%
from pathlib import Path

import numpy as np

from sc_neurocore import compile_equations
from sc_neurocore.equation import ArrayAlgebra, parse_neuron, step

Path("fitzhugh_nagumo.txt").write_text(EQUATIONS)  # for the command line
neuron = parse_neuron(EQUATIONS)
STEPS, CURRENT = 1500, 0.5

state = {name: np.float64(value) for name, value in neuron.states.items()}
floats = []
for _ in range(STEPS):
    _, state = step(neuron, state, np.float64(CURRENT), neuron.resolve(), ArrayAlgebra())
    floats.append(state["v"])

# %% [markdown]
# ## In integers
#
# The recovery w moves slowly: dt/tau is 0.008. In Q8.8, with a unit of 1/256, most of its steps round to nothing, or
# always downwards. Q4.12 with rounding to nearest is as wide and resolves it.

# %%
from sc_neurocore.fixed import FixedPoint, NumpyIntegers, QFormat, evaluate, lower

form = QFormat.parse("Q4.12:nearest")
program = lower(neuron, FixedPoint(form))
algebra = NumpyIntegers(program.program)
current = np.array([int(CURRENT * 2**form.fraction_bits)])

inputs = {name: [] for name in (*neuron.states, "current")}
integers = {name: np.array([int(form.quantize(value))]) for name, value in neuron.states.items()}
trace = []
for _ in range(STEPS):
    given = {**integers, "current": current}
    for name, value in given.items():
        inputs[name].append(int(value[0]))
    results = evaluate(program.program, given, algebra)
    integers = {name: results[f"{name}_next"] for name in integers}
    trace.append(int(integers["v"][0]))

error = np.abs(form.to_float(trace) - floats).max()
assert error < 0.1  # a spike is 4 high; the difference is a small shift in time

# %% [markdown]
# The program knows the range of every intermediate result, and says where a result can lie outside its format:

# %%
for place in program.program.overflows:
    print(place)

# %% [markdown]
#     w = w + dt/tau*(v + a - b*w): saturates below and above, computed in [-8.109619, 8.120605]
#     v = v_new: saturates below and above, computed in [-39.46851, 39.46875]
#
# ## In Verilog

# %%
verilog = compile_equations(neuron, "Q4.12:nearest")
print(verilog.step)

# %% [markdown]
# The module has one wire per operation, under the line of the equation that it comes from. From the command line:
#
#     sc-neurocore compile fitzhugh_nagumo.txt --format Q4.12:nearest --out build/fhn
#
# `--pipeline 3` puts three registers into the step: it then takes the states of another neuron in every clock.
#
# The same trace, through Icarus Verilog:

# %%
from sc_neurocore.verify.step_simulation import simulate_step

rtl = simulate_step(
    program,
    verilog.step,
    f"{verilog.name}_step",
    {name: np.array(values) for name, values in inputs.items()},
)
assert rtl["v_next"].tolist() == trace

# %%
from matplotlib.figure import Figure

figure = Figure(figsize=(8, 3), layout="constrained")
axes = figure.subplots()
time = np.arange(STEPS) * 0.1
axes.plot(time, floats, label="floating point", linewidth=3, alpha=0.4)
axes.plot(time, form.to_float(trace), label="integers, Q4.12")
axes.plot(time[::15], form.to_float(rtl["v_next"])[::15], ".", label="RTL in Icarus")
axes.set(xlabel="time", ylabel="v")
figure.legend(loc="outside upper center", ncols=3)
figure.savefig("fitzhugh_nagumo.png", dpi=110)

# %% [markdown]
# ![The membrane of a FitzHugh–Nagumo neuron in floats, integers and RTL](fitzhugh_nagumo.png)
#
# ## Proved
#
# A trace is one path. The proof is for all states and all currents:

# %%
from sc_neurocore.verify.equivalence import prove_step

proof = prove_step(program, verilog.step, f"{verilog.name}_step")
assert proof.status == "proved"
print(proof.detail)

# %% [markdown]
#     sc-neurocore verify build/fhn
#
# also proves what the registered module does over time (reset, ranges, spikes only at crossings, nothing moves
# without `enable`), sends random inputs through it, with `--netlist ice40,ecp5` also through its netlists, and writes
# `certificate.json` with all of this. [What a network computes](../semantics.md) says how, and
# [the integer contract](../integers.md) what the integers mean.
#
# The neuron is a module like any other, which you can instantiate in a design of your own.
#
# ## To a bitstream
#
# What goes into an FPGA is a network; that its neurons are given by an equation makes no difference to anything that
# follows. Here four neurons each get their own input, a fraction of eight bits, and their spikes are counted:

# %%
from sc_neurocore.network import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    save_description,
)

network = NetworkDescription(
    name="fitzhugh_nagumo",
    input=InputEncoding(shape=(4,), bits=8, fraction_bits=8),
    steps=STEPS,
    layers=[Dense(weight=np.eye(4), bias=np.zeros(4)), Population(neuron=neuron)],
)
save_description(network, Path("runs/fhn"))

# %%
from sc_neurocore.fpga.compilation import compile_design

design = compile_design(
    network, Path("build/network"), "Q4.12:nearest", device="ecp5-25k", lanes=4, pipeline=4
).design
assert design.manifest.choices.pipeline == 4

# %% [markdown]
#     sc-neurocore compile runs/fhn --format Q4.12:nearest --device ecp5-25k --lanes 4 --pipeline 4 --out build/network
#     sc-neurocore verify build/network --netlist ecp5
#     sc-neurocore build build/network
#
# `compile` says what the design takes of the device. `verify` compares every state and spike of the Verilog, and of its
# netlist, with the integers, and proves the neuron, the control, the lanes and the sums
# ([the certificate](../certificate.md)). `build` places and routes it, and leaves
# `build/network/build/ecp5-25k/fitzhugh_nagumo.bit`. Two products follow each other in v³: without `--pipeline` all of a
# step happens in one clock, and the build says that the clock it was asked for is missed.
