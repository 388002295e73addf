# %% [markdown]
# # Your own data and task
#
# From a CSV file to a network on a board. The task: tell three machines by how they shake. A line of the file is a
# class and 32 samples of an acceleration, positive and negative.

# %%
from pathlib import Path

import numpy as np

random = np.random.default_rng(0)
classes = np.arange(600) % 3
phase = random.uniform(0, 2 * np.pi, (600, 1))
waves = 2.5 * np.sin(2 * np.pi * np.arange(32) * (classes[:, None] + 1) / 32 + phase)
rows = np.column_stack([classes, waves + random.normal(0, 0.8, (600, 32))])
np.savetxt("machines.csv", rows, delimiter=",", fmt="%.3f")

# %% [markdown]
# ## From a file to a data set
#
# A data set is unsigned integers, as hardware reads them, with what each is worth. Three things are yours to decide:
#
# - **Scaling.** Map what occurs to numbers from 0 to 1: take the limits from the training data, or from the sensor.
# - **Signed values.** `Dataset` refuses negative numbers. A shift, `x - low`, is simplest, but makes a current of nothing.
#   With two inputs for each value, one for what is above zero and one for what is below, silence stays silent.
# - **Features.** A network of dense layers sees positions: a wave at another phase is another input. The spectrum is not.

# %%
from sc_neurocore.data import Dataset, split

table = np.loadtxt("machines.csv", delimiter=",")
labels, signals = table[:, 0].astype(np.int64), table[:, 1:]
spectrum = np.abs(np.fft.rfft(signals))[:, 1:9]
signed = np.concatenate([np.maximum(signals, 0), np.maximum(-signals, 0)], axis=1)
values = np.concatenate([spectrum / 50, signed / 10], axis=1).clip(0, 1)
machines = Dataset(
    "machines",
    np.round(values * 255).astype(np.uint8),
    labels,
    n_classes=3,
    input_bits=8,
    fraction_bits=8,
)
parts = split(machines, seed=0)

# %% [markdown]
# ## Train and look

# %%
from sc_neurocore.network import save_description
from sc_neurocore.training import RunOptions, TrainingOptions, train

options = RunOptions(n_hidden=32, training=TrainingOptions(epochs=6, steps=20, seed=0))
run = train(parts, options)
print(f"{run.accuracy:.1%} of {run.test_size} signals")
assert run.accuracy > 0.9
for layer in run.activity:
    assert layer["dead"] < layer["neurons"], "a silent layer: see the page on silent networks"

# %% [markdown]
# Which inputs does it listen to? The weights of the first layer, added up over the neurons:

# %%
from matplotlib.figure import Figure

first = run.description.layers[0]
figure = Figure(figsize=(7, 2.4), layout="constrained")
axes = figure.subplots()
axes.bar(range(values.shape[1]), np.abs(first.weight).sum(axis=0))
axes.set(xlabel="input: 8 of the spectrum, 32 above zero, 32 below", ylabel="sum of weights")
figure.savefig("inputs.png", dpi=110)

# %% [markdown]
# ![How much weight each input has](inputs.png)
#
# ## Export
#
# The saved network is what every command takes; samples of your own come from an `.npz` file with `inputs`, `labels` and
# `scale`, what a number 1 in the file is worth.

# %%
network = save_description(run.description, Path("runs/machines"))
test = parts.test
np.savez("test.npz", inputs=test.inputs, labels=test.labels, scale=1.0)

# %% [markdown]
#     sc-neurocore evaluate runs/machines --data test.npz
#
# ## On a board
#
# The design for an iCEBreaker has a top that talks over USB. Here, instead of a board, a simulator runs the Verilog with
# four of the test signals, and every spike and membrane is compared with the integers.

# %%
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.verify.cosimulation import cosimulate

design = compile_design(run.description, Path("runs/board"), board="icebreaker", lanes=4).design
compared = cosimulate(design.accelerator, design.network, test.inputs[:4], disturbed=0)
print(f"{compared.updates} updates of neurons in {compared.simulator}: {compared.first_mismatch}")
assert compared.holds

# %% [markdown]
#     sc-neurocore verify runs/board --data test.npz
#     sc-neurocore build  runs/board
#     sc-neurocore flash  runs/board
#     sc-neurocore run    runs/board --data test.npz --port /dev/ttyUSB1
#
# `--port simulated` runs the same without a board.
