# %% [markdown]
# # From snnTorch, Norse or Sinabs to an FPGA
#
# A network that was trained elsewhere comes as NIR, a file of layers and neurons that many frameworks write. Here
# snnTorch trains one on digits; [the page on NIR](../nir.md) has the same for Norse, Sinabs, SpikingJelly and Rockpool, with
# the options of each. You need `pip install snntorch nir`.
#
# ## Train in snnTorch

# %%
from pathlib import Path

import snntorch
import torch
from snntorch import utils
from torch import nn

from sc_neurocore.data import load_split

STEPS = 15
torch.manual_seed(0)
parts = load_split("digits", seed=0)
x, y = torch.from_numpy(parts.train.frames()), torch.from_numpy(parts.train.labels)


def leaky(size: int) -> nn.Module:
    """Return neurons with a decay and a threshold each, which the exporter asks for."""
    return snntorch.Leaky(
        beta=torch.full((size,), 0.9), threshold=torch.ones(size), init_hidden=True
    )


net = nn.Sequential(nn.Linear(64, 48), leaky(48), nn.Linear(48, 10), leaky(10))
optimiser = torch.optim.Adam(net.parameters(), lr=4e-3)
for _ in range(6):
    for batch in torch.randperm(len(x)).split(64):
        utils.reset(net)
        counts = sum(net(x[batch]) for _ in range(STEPS))
        loss = nn.functional.cross_entropy(counts, y[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

# %% [markdown]
# ## Export
#
# The exporter runs the network once, and the states that this leaves in it would be of another batch.

# %%
import nir
from snntorch.export_nir import export_to_nir

utils.reset(net)
nir.write("digits.nir", export_to_nir(net, torch.zeros(1, 64), ignore_dims=[0]))

# %% [markdown]
# ## Import
#
# NIR speaks of continuous time. What it does not say, you do: whose file it is, since frameworks differ in when a neuron
# is reset; how many steps an input lasts; and what the numbers are that come in.

# %%
from sc_neurocore.interop import read_nir
from sc_neurocore.kernels.reference import run_float

test = parts.test
description = read_nir("digits.nir", framework="snntorch", steps=STEPS, input=test.encoding)
ours = run_float(description, test.inputs)

utils.reset(net)
with torch.no_grad():
    theirs = sum(net(torch.from_numpy(test.frames())) for _ in range(STEPS)).numpy()
equal = (ours.spike_counts == theirs).mean()
print(f"{ours.accuracy(test.labels):.1%} right, {equal:.2%} of all spike counts equal")
assert ours.accuracy(test.labels) > 0.85
assert equal > 0.99  # float64 here, float32 there

# %% [markdown]
#     sc-neurocore import digits.nir --framework snntorch --steps 15 --dataset digits --out runs/imported
#
# ## Integers and Verilog
#
# From here on nothing knows where the network is from.

# %%
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.verify.cosimulation import cosimulate

design = compile_design(description, Path("runs/design"), device="up5k", lanes=4).design
integers = design.network.run(test.inputs)
print(f"{integers.accuracy(test.labels):.1%} in {design.manifest.choices.format}")
assert abs(integers.accuracy(test.labels) - ours.accuracy(test.labels)) < 0.03
assert cosimulate(design.accelerator, design.network, test.inputs[:2], disturbed=0).holds

# %% [markdown]
# What it will take of the device, before anything is built:

# %%
from sc_neurocore.fpga.capacity import assess
from sc_neurocore.report.figures import utilisation
from sc_neurocore.tools.devices import DEVICES

device = DEVICES["up5k"]
taken = assess(design.network, device, lanes=4)
utilisation(taken.used, device.available, "up5k, estimated").savefig("device.png", dpi=110)

# %% [markdown]
# ![What the network takes of the device](device.png)
#
#     sc-neurocore verify runs/design
#     sc-neurocore build  runs/design
