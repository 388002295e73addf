"""The command that trains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sc_neurocore.cli import options
from sc_neurocore.cli.console import reporting
from sc_neurocore.equation.catalogue import CATALOGUE
from sc_neurocore.equation.surrogate import SURROGATES
from sc_neurocore.errors import UserError

if TYPE_CHECKING:
    from sc_neurocore.network.description import NetworkDescription
    from sc_neurocore.training.augmentation import Distortion
    from sc_neurocore.training.start import Start

_HOW = "How it learns"
_WHAT = "The network"
_FROM = "A network that is there"


def _option(help: str, panel: str | None = None, *names: str) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel)


def _augmentation(text: str | None) -> Distortion | None:
    if text is None:
        return None
    from sc_neurocore.training.augmentation import Distortion

    numbers = {"rows": 28.0, "columns": 28.0}
    known = ("rotation", "shift", "scale", "shear", "elastic", "smoothness", *numbers)
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        try:
            if name not in known:
                raise ValueError
            numbers[name] = float(int(value) if name in ("rows", "columns") else float(value))
        except ValueError:
            raise UserError(
                f"--augment {text}: {part.strip()!r}: expected NAME=NUMBER with a name among "
                f"{', '.join(known)}, rows and columns whole"
            ) from None
    shape = int(numbers.pop("rows")), int(numbers.pop("columns"))
    return Distortion(shape, **numbers)


def _data_options(
    dataset: str, root: Path | None, given: list[str]
) -> dict[str, str | int | float]:
    """Return what the loader is asked for, each in the type that it has."""
    from sc_neurocore.data.catalogue import DATASETS

    entry = DATASETS.get(dataset)
    known = {} if entry is None else entry.options
    options: dict[str, str | int | float] = {}
    if root is not None:
        options["root"] = str(root.absolute())
        if "root" not in known and entry is not None:
            raise UserError(f"--root: {dataset} is found without; the option is for event data")
    for each in given:
        name, _, value = each.partition("=")
        kind = type(known.get(name, ""))
        try:
            if name not in known:
                raise ValueError
            options[name] = kind(value)
        except ValueError:
            raise UserError(
                f"--data {each}: expected NAME=VALUE with a name among "
                f"{', '.join(known) or 'none'}, and a value like {known.get(name, '…')}"
            ) from None
    return options


_OF_A_NEW_NETWORK = {
    "dataset", "root", "data", "split", "net", "hidden", "layers", "neuron", "per_channel",
    "max_delay", "dropout", "encoder", "steps",
}  # fmt: skip


def _start(
    context: typer.Context,
    run: Path | None,
    weight_bits: int | None,
    stream_length: int | None,
    source: str,
) -> Start | None:
    """Return what is trained further, and for what."""
    given = {name for name in context.params if str(context.get_parameter_source(name)) in _GIVEN}
    if run is None:
        for name in ("weight_bits", "stream_length", "source"):
            if name in given:
                raise UserError(
                    f"--{name.replace('_', '-')} without --from: give the run whose network is to "
                    f"be fitted to it"
                )
        return None
    for name in sorted(_OF_A_NEW_NETWORK & given):
        raise UserError(
            f"--{name.replace('_', '-')} with --from: the network, its data and its steps are "
            f"those of {run}; leave the option out"
        )
    from sc_neurocore.cli.stages import find_network
    from sc_neurocore.stochastic import make_sources
    from sc_neurocore.training.start import Start

    sources = None if stream_length is None else make_sources(source)
    drawn = None if stream_length is None else source
    return Start(find_network(run), weight_bits, stream_length, drawn, sources)


_GIVEN = {"ParameterSource.COMMANDLINE", "ParameterSource.ENVIRONMENT"}


def train(
    context: typer.Context,
    out: Annotated[Path, typer.Option(metavar="RUN", help="The run's folder.")],
    dataset: Annotated[
        str, _option("The data set: digits, mnist, spoken-digits, shd, ssc, nmnist or dvs-gesture.")
    ] = "digits",
    root: Annotated[
        Path | None, _option("The folder of event data: DIR/SHD, DIR/NMNIST, DIR/DVSGesture, ….")
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="What its loader takes, such as steps=50; may be repeated."
        ),
    ] = None,
    split: Annotated[
        str | None,
        _option("Its split, such as random of spoken-digits; else the usual one."),
    ] = None,
    seed: Annotated[int, _option("Draws the splits, the weights, the order.")] = 0,
    validation: Annotated[
        float, _option("Share of the training set that chooses the best epoch instead.")
    ] = 0.0,
    device: Annotated[str, _option("cpu or cuda.")] = "cpu",
    threads: Annotated[int, _option("CPU threads.")] = 1,
    start_from: Annotated[
        Path | None,
        _option("Train the network of another run further.", _FROM, "--from"),
    ] = None,
    weight_bits: Annotated[
        int | None, _option("Fit it to integer weights of so many bits, 2 to 24.", _FROM)
    ] = None,
    stream_length: Annotated[
        int | None, _option("Fit it to stochastic streams of so many bits.", _FROM)
    ] = None,
    source: Annotated[
        str, _option("Of the streams: sobol, lfsr, halton, counter or bernoulli.", _FROM)
    ] = "sobol",
    resume: Annotated[bool, _option("Refuse to begin a new run.", None, "--resume")] = False,
    tensorboard: Annotated[
        bool, _option("Write events for TensorBoard too.", None, "--tensorboard")
    ] = False,
    net: Annotated[str, _option("ff or conv.", _WHAT)] = "ff",
    hidden: Annotated[int, _option("Neurons in each hidden layer.", _WHAT)] = 128,
    layers: Annotated[int, _option("Number of hidden layers of ff.", _WHAT)] = 1,
    neuron: Annotated[
        str, _option(f"One of {', '.join(CATALOGUE)}.", _WHAT, "--neuron", "--cell")
    ] = "LIF",
    surrogate: Annotated[
        str, _option(f"The gradient of a spike: {', '.join(SURROGATES)}.", _WHAT)
    ] = "atan_surrogate",
    learn_beta: Annotated[bool, _option("Learn the decay.", _WHAT, "--learn-beta")] = False,
    learn_threshold: Annotated[
        bool, _option("Learn the threshold.", _WHAT, "--learn-threshold")
    ] = False,
    per_channel: Annotated[
        bool, _option("Learn them for each neuron or channel.", _WHAT, "--per-channel")
    ] = False,
    max_delay: Annotated[int, _option("Longest trainable delay of ff, in steps.", _WHAT)] = 0,
    sharpen: Annotated[
        bool,
        _option("Learn delays through Gaussians that narrow to whole steps.", _HOW, "--sharpen"),
    ] = False,
    dropout: Annotated[float, _option("Share of spikes dropped before linear layers.", _WHAT)] = 0,
    encoder: Annotated[str, _option("direct, rate or latency.", _WHAT)] = "direct",
    steps: Annotated[int, _option("Time steps per sample.", _WHAT)] = 25,
    loss: Annotated[
        str | None,
        _option(
            "What is minimised, and with it what decides: spike-count, spike-rate, membrane or "
            "first-spike; by default spike-count, or what goes with the readout of RUN.",
            _HOW,
        ),
    ] = None,
    truncate: Annotated[
        int | None, _option("Gradients reach back over at most so many steps.", _HOW)
    ] = None,
    epochs: Annotated[int, _option("Passes over the training set.", _HOW)] = 10,
    batch_size: Annotated[int, _option("Samples per gradient step.", _HOW)] = 32,
    learning_rate: Annotated[float, _option("The highest of the schedule.", _HOW)] = 2e-3,
    schedule: Annotated[str, _option("constant, cosine or one-cycle.", _HOW)] = "constant",
    optimiser: Annotated[str, _option("adam or adamw.", _HOW)] = "adam",
    weight_decay: Annotated[float, _option("Of weights, not of biases.", _HOW)] = 0.0,
    max_norm: Annotated[float | None, _option("Scale longer gradients down to it.", _HOW)] = None,
    label_smoothing: Annotated[float, _option("Share spread over all classes.", _HOW)] = 0.0,
    average: Annotated[
        float | None, _option("Average the weights, with this decay per step.", _HOW)
    ] = None,
    augment: Annotated[
        str | None,
        _option(
            "Change images at random, such as rotation=10,shift=2,scale=0.1,shear=5 (degrees, "
            "pixels, share, degrees); rows=8,columns=8 for images that are not 28 x 28.",
            _HOW,
        ),
    ] = None,
    precision: Annotated[str, _option("float32 or bfloat16.", _HOW)] = "float32",
    as_json: options.Json = False,
) -> None:
    """Train a network.

    A folder that holds the finished run is read back at once; one that holds a part of it goes on
    from there.
    """
    with reporting(as_json) as report:
        from sc_neurocore.training import RunOptions, Sharpening, TrainingOptions, train_run
        from sc_neurocore.training.distributed import is_first_process

        if resume and not (out / "training.json").exists():
            raise UserError(f"--resume: {out} holds no run; leave the option out to begin one")
        flags = {"beta": learn_beta, "threshold": learn_threshold}
        # Names that do not exist are refused by the options themselves.
        names: Any = {"optimiser": optimiser, "schedule": schedule, "precision": precision}
        training = TrainingOptions(
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            steps=steps,
            seed=seed,
            threads=threads,
            weight_decay=weight_decay,
            max_norm=max_norm,
            label_smoothing=label_smoothing,
            average=average,
            augment=_augmentation(augment),
            encoder=encoder,
            truncate=truncate,
            sharpen=Sharpening() if sharpen else None,
            **names,
        )
        kind: Any = net
        run_options = RunOptions(
            n_hidden=hidden,
            n_layers=layers,
            neuron=neuron,
            surrogate=surrogate,
            learn=tuple(name for name, is_learnt in flags.items() if is_learnt),
            per_channel=per_channel,
            training=training,
            net=kind,
            split=split,
            max_delay=max_delay,
            dropout=dropout,
            validation_fraction=validation,
            device=device,
            loss=loss or "spike-count",
            data=_data_options(dataset, root, data or []),
        )
        start = _start(context, start_from, weight_bits, stream_length, source)
        if start is not None:
            run_options = start.fitted(run_options, loss)
            dataset = str(start.description.metadata.get("dataset"))
        run = train_run(dataset, out, run_options, report.progress, tensorboard, start)
        if not is_first_process():
            return
        content = {
            "run": out.as_posix(),
            "network": run.description.name,
            "content_hash": run.description.content_hash,
            **run.summary(),
            "test_size": run.test_size,
            "activity": run.activity,
        }
        rows = [
            ("run", out.as_posix()),
            ("network", f"{run.description.name} {run.description.content_hash}"),
            ("test accuracy", f"{run.accuracy:.2%} of {run.test_size} samples"),
        ]
        before = run.description.metadata.get("accuracy_before_rounding")
        if before is not None:
            content["accuracy_before_rounding"] = before
            what = "test accuracy before its delays were rounded to whole steps"
            rows.append(("delays", f"{float(before):.2%} {what}"))
        if start is not None and (weight_bits or stream_length):
            few, line = _with_few_bits(run.description, start)
            content.update(few)
            rows.append(line)
        for layer in run.activity:
            rate = f"{layer['mean_rate']:.3f} spikes per step and neuron"
            idle = f"{layer['dead']} dead and {layer['saturated']} saturated of {layer['neurons']}"
            rows.append((layer["layer"], f"{rate}, {idle}"))
        report.result(content, rows)


def _with_few_bits(
    description: NetworkDescription, start: Start
) -> tuple[dict[str, Any], tuple[str, str]]:
    """Return the accuracy with the integers or the streams that a network was fitted to."""
    from sc_neurocore.cli.stages import find_samples, percent, simulate_streams
    from sc_neurocore.fixed.quantize import quantize

    data = find_samples(description)
    if start.weight_bits is not None:
        network = quantize(description, weight_bits=start.weight_bits)
        found = data.accuracy(network.run(data.network_inputs()).classes)
        content = {"weight_bits": start.weight_bits, "integer_accuracy": found}
        return content, (f"{start.weight_bits}-bit weights, Q8.8", percent(found))
    assert start.stream_length is not None and start.source is not None
    streams, _ = simulate_streams(
        description, data, start.stream_length, start.source, "sign-magnitude"
    )
    name = f"{start.stream_length} bits, {start.source}"
    return {"streams": streams}, (name, f"{streams['accuracy']:.2%}")
