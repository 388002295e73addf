"""Train a spiking network on MNIST.

    python examples/train_mnist.py --epochs 30 --learn-beta --learn-threshold
    python examples/train_mnist.py --conv --steps 8 --device cuda
    torchrun --nproc-per-node=2 examples/train_mnist.py

Ended early, even by SIGKILL, the same command goes on where it was. The network is in the folder
--out: `sc-neurocore evaluate`, `export`, `compile` and the other commands take it from there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sc_neurocore.errors import ScNeurocoreError, UserError
from sc_neurocore.progress import Progress
from sc_neurocore.training import ENCODERS, RunOptions, TrainingOptions, train_run
from sc_neurocore.training.augmentation import Distortion
from sc_neurocore.training.distributed import is_first_process
from sc_neurocore.training.run import TRAINING_NAME


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--conv", action="store_true", help="two convolutions, not 784-128-128-10")
    parser.add_argument("--learn-beta", action="store_true", help="learn the neurons' decay")
    parser.add_argument("--learn-threshold", action="store_true", help="learn their threshold")
    parser.add_argument("--surrogate", default="atan_surrogate")
    parser.add_argument("--cell", default="LIF", help="a neuron of the catalogue")
    parser.add_argument("--encoder", default="direct", choices=ENCODERS)
    parser.add_argument("--steps", type=int, default=25, help="time steps of an image")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="by default runs/mnist-ff or runs/mnist-conv")
    parser.add_argument("--resume", action="store_true", help="refuse to begin a new run")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def main() -> None:
    given = parse()
    net = "conv" if given.conv else "ff"
    out = given.out or Path("runs") / f"mnist-{net}"
    if given.resume and not (out / TRAINING_NAME).exists():
        raise UserError(f"--resume: {out} holds no run; leave the option out to begin one")
    learnt = {"beta": given.learn_beta, "threshold": given.learn_threshold}
    options = RunOptions(
        net=net,
        n_layers=2,
        neuron=given.cell,
        surrogate=given.surrogate,
        learn=tuple(name for name, is_learnt in learnt.items() if is_learnt),
        validation_fraction=1 / 12,  # 5,000 of the 60,000 choose the epoch
        device=given.device,
        training=TrainingOptions(
            epochs=given.epochs,
            batch_size=given.batch_size,
            learning_rate=4e-3,
            schedule="one-cycle",
            steps=given.steps,
            seed=given.seed,
            augment=Distortion(rotation=12, shift=2, scale=0.1),
            encoder=given.encoder,
        ),
    )
    run = train_run("mnist", out, options, show)
    if is_first_process():
        print(f"{run.accuracy:.2%} of {run.test_size} test images, {out}")


def show(event: Progress) -> None:
    print(f"{event.task} {event.done}/{event.total} {event.detail}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except ScNeurocoreError as error:
        sys.exit(f"train_mnist.py: {error}")
    except KeyboardInterrupt as interruption:
        print(f"train_mnist.py: {interruption or 'interrupted'}", file=sys.stderr)
        sys.exit(130)
