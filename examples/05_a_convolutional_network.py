# %% [markdown]
# # A convolutional network on an ECP5
#
# Convolutions are the same engine with another way of fetching: a group of neurons sees a window of the image. A small
# network on digits shows all of it; `models/mnist-conv` is one for MNIST.
#
# ## Train
#
# Convolution 3×3 with 4 channels, average pooling, convolution with 8 channels, a linear layer. Average pooling is a
# sum in hardware, whose quarter goes into the weights behind it.

# %%
from pathlib import Path

from torch import nn

from sc_neurocore import LIFCell, SpikingSequential
from sc_neurocore.data import load_split
from sc_neurocore.training import TrainingOptions, evaluate, fit, seeded

parts = load_split("digits", seed=0).shaped((1, 8, 8))
with seeded(0):
    net = SpikingSequential(
        nn.Conv2d(1, 4, 3),
        LIFCell(),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 8, 2),
        LIFCell(),
        nn.Flatten(),
        nn.Linear(32, 10),
        LIFCell(),
    )
fit(net, parts.train, options=TrainingOptions(epochs=6, steps=8, learning_rate=5e-3, seed=0))
accuracy = evaluate(net, parts.test, steps=8)
print(f"{accuracy:.1%}")
assert accuracy > 0.8

# %% [markdown]
# ## Compile
#
# Lanes form the sums of several neurons at a time. `--lanes auto` takes as many as the device has room for: memories are
# counted exactly, logic is estimated from builds that were measured.

# %%
from sc_neurocore.fpga.compilation import compile_design

net.eval()
description = net.to_description("conv_digits", parts.test.encoding, steps=8)
compiled = compile_design(description, Path("runs/conv"), device="ecp5-25k", lanes=8)
design = compiled.design
print(design.manifest.choices.schedule, [each.sums for each in compiled.considered])

# %% [markdown]
# ## Verify some samples
#
# All spikes and membranes of a few images, in a simulator, with stalls and resets in some of them. The proofs are
# `sc-neurocore verify`'s.

# %%
from sc_neurocore.verify.cosimulation import cosimulate

found = cosimulate(design.accelerator, design.network, parts.test.inputs[:3])
print(f"{found.updates} updates, {found.cycles_per_sample:.0f} clocks an image")
assert found.holds

# %% [markdown]
# Feature maps of one image: where how many channels of each convolution fire, step by step and in all steps.

# %%
from sc_neurocore.report.activity import feature_maps

image = parts.test.inputs[:1]
run = design.network.run(image, record=True)
spikes = {
    "first convolution": run.spikes[0][:, 0].reshape(8, 4, 6, 6),
    "second convolution": run.spikes[1][:, 0].reshape(8, 8, 2, 2),
}
feature_maps(image[0], spikes).savefig("convolution.png", dpi=110)

# %% [markdown]
# ![Feature maps of both convolutions](convolution.png)
#
# ## Build
#
#     sc-neurocore verify runs/conv --samples 20
#     sc-neurocore build  runs/conv
#
# At 40 MHz an image takes as many microseconds as it has clocks, divided by 40. More lanes, or more neuron units
# (`--units`), make it shorter as long as the device has room; [accelerators](../accelerators.md) says what to choose.
