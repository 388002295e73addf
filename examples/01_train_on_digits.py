# %% [markdown]
# # Train on digits
#
# From a data set to a trained spiking network, its report, and its integers: the first half of the road. The data are
# scikit-learn's 1,797 handwritten digits of 8×8 pixels, so nothing is downloaded.
#
# ## Train
#
# Sixty-four pixels act as a constant current on 64 neurons, for 15 steps; the class is the output neuron that fires
# most. Gradients pass through the spikes by a surrogate. From the command line the same is
# `sc-neurocore train --hidden 64 --steps 15 --epochs 5 --out runs/digits`.

# %%
from pathlib import Path

from sc_neurocore.training import RunOptions, TrainingOptions, train_run

options = RunOptions(n_hidden=64, training=TrainingOptions(epochs=5, steps=15, seed=0))
folder = Path("runs/digits")
run = train_run("digits", folder, options)
print(f"{run.accuracy:.1%} of {run.test_size} images that it was not trained on")
assert run.accuracy > 0.9

# %% [markdown]
# Start the script again: the finished run is read back, and one that was interrupted goes on where it was.
#
# ## Look at it
#
# The report is one file for any browser: curves, how often neurons fire, which are dead, wrong answers, and one image
# that can be followed step by step. `sc-neurocore report runs/digits` writes the same.

# %%
from sc_neurocore.report.html import write_report

page = write_report(folder)
for layer in run.activity:
    print(layer["layer"], f"{layer['mean_rate']:.2f} spikes a step,", layer["dead"], "dead")

# %% [markdown]
# A picture of one's own is a call, too:

# %%
from sc_neurocore.report.figures import training_history

losses, accuracies = zip(*((epoch.loss, epoch.accuracy) for epoch in run.epochs), strict=True)
numbers = range(1, len(losses) + 1)
training_history(numbers, losses, accuracies).savefig("training.png", dpi=110)

# %% [markdown]
# ![Loss and accuracy of the epochs](training.png)
#
# ## In integers
#
# Hardware has no floats. Weights become 8-bit integers, membranes Q8.8: 16 bits, of which 8 stand behind the point. What
# the integers answer, the Verilog will answer bit for bit.

# %%
from sc_neurocore.data import load_split
from sc_neurocore.fixed import quantize

test = load_split("digits", seed=0).test
integers = quantize(run.description, "Q8.8", weight_bits=8).run(test.inputs)
print(f"{integers.accuracy(test.labels):.1%} in integers")
assert abs(integers.accuracy(test.labels) - run.accuracy) < 0.02

# %% [markdown]
# ## To hardware
#
#     sc-neurocore compile runs/digits --device hx8k --lanes auto --out runs/design
#     sc-neurocore verify  runs/design
#     sc-neurocore build   runs/design
#     sc-neurocore report  runs/design
#
# `verify` ends with a certificate that says what is proved and what was only sampled. All at once, with these digits, is
# `sc-neurocore demo`.
