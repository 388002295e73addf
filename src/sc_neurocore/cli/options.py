"""Arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object; progress goes to stderr.")
]
Run = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder, a saved network or a .nir file.")
]
Design = Annotated[
    Path, typer.Argument(metavar="DIR", help="A folder that 'sc-neurocore compile' wrote.")
]
Format = Annotated[
    str,
    typer.Option(help="Format of the neurons' states: Q8.8, UQ8.8, Q8.8:nearest, Q8.8:wrap, …"),
]
WeightBits = Annotated[int, typer.Option(help="Bits of a weight, 2 to 16.")]
Lanes = Annotated[int, typer.Option(help="Multiply-accumulate lanes: a power of two.")]
Pipeline = Annotated[int, typer.Option(help="Register stages in a neuron's step, 0 to 16.")]
Device = Annotated[str, typer.Option(help="The FPGA, such as hx8k.")]
Length = Annotated[int, typer.Option(help="Bits of a stream.")]
Source = Annotated[
    str, typer.Option(help="Where the bits come from: lfsr, sobol, halton, counter, bernoulli.")
]
Encoding = Annotated[str, typer.Option(help="sign-magnitude, bipolar or unipolar.")]
