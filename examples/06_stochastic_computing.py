# %% [markdown]
# # Stochastic computing
#
# A stream of bits carries a number as its share of ones. An AND gate then multiplies, and a counter adds. This takes the
# digits network of [the first tutorial](01_train_on_digits.md) through streams, and into the hardware that makes them;
# [the page on streams](../stochastic-computing.md) has the reasons.
#
# ## One product
#
# Streams multiply if they are uncorrelated: half times a quarter is an eighth, but not with the same random numbers.

# %%
from pathlib import Path

from sc_neurocore.stochastic import LFSR16, decode, encode, multiply, run_network

half, quarter = encode(0.5, LFSR16(7), 4096), encode(0.25, LFSR16(7), 4096)
other = encode(0.25, LFSR16(7, taps=(16, 14, 13, 11)), 4096)
same, apart = (decode(multiply(half, each, 4096), 4096) for each in (quarter, other))
print(f"the same numbers: {same:.3f}; other ones: {apart:.3f}")
assert abs(same - 1 / 4) < 0.01 and abs(apart - 1 / 8) < 0.01

# %% [markdown]
# ## A network, by the length of its streams
#
# A source of low discrepancy needs fewer bits than shift registers.

# %%
from sc_neurocore.data import split_from_metadata
from sc_neurocore.report.figures import stream_lengths
from sc_neurocore.training import RunOptions, TrainingOptions, train_run

# A run that is finished is read back.
options = RunOptions(n_hidden=64, training=TrainingOptions(epochs=5, steps=15, seed=0))
run = train_run("digits", Path("runs/digits"), options)
description = run.description
data = split_from_metadata(description.metadata).test  # what it was not trained on
curves = {
    source: [
        (length, run_network(description, data.inputs, length, source).accuracy(data.labels))
        for length in (8, 16, 32, 64)
    ]
    for source in ("lfsr", "sobol")
}
stream_lengths(curves, run.accuracy).savefig("streams.png", dpi=110)
assert curves["sobol"][-1][1] > run.accuracy - 0.02

# %% [markdown]
# ![Accuracy by the length of streams](streams.png)
#
#     sc-neurocore simulate runs/digits --length 64 --source sobol
#
# ## In hardware
#
# The same streams, as Verilog: shared generators, gates, counters, and the neurons of any other network.

# %%
from sc_neurocore.hdl.stochastic_network import emit_network

hardware = emit_network(description, length=64, source="sobol", sharing="shared")
hardware.write(Path("runs/stochastic"))
files = sorted(path.name for path in Path("runs/stochastic").rglob("*.v"))
print(files)
assert files
