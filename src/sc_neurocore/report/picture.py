"""A run in one wide picture."""

from __future__ import annotations

from matplotlib.figure import Figure, SubFigure

from sc_neurocore.report import figures
from sc_neurocore.report.contents import Results, Summary
from sc_neurocore.report.illustrations import curves, pixels, spike_steps
from sc_neurocore.report.style import INK, SOFT, new_figure
from sc_neurocore.report.wording import percent, plural

# Columns of a grid of twelve.
_HALVES = (slice(0, 6), slice(6, 12))
_THIRDS = (slice(0, 5), slice(5, 8), slice(8, 12))


def overview(summary: Summary, results: Results) -> Figure:
    """Draw the input and its spikes, a membrane, stream lengths, confusions and utilisation.

    A panel whose data are missing says so. Save it with `figure.savefig`.
    """
    figure = new_figure(11, 6.4)
    figure.suptitle(_title(summary), x=0.01, ha="left", fontsize=11, color=INK)
    grid = figure.add_gridspec(2, 12, height_ratios=[1.15, 1])
    upper_left, upper_right = (figure.add_subfigure(grid[0, part]) for part in _HALVES)
    lower_left, lower_middle, lower_right = (
        figure.add_subfigure(grid[1, part]) for part in _THIRDS
    )
    sample = results.sample
    if sample is None:
        _blank(upper_left, "No sample was recorded")
    else:
        figures.spike_raster.onto(
            upper_left,
            pixels(sample),
            sample.spikes,
            sample.layer_sizes,
            sample.steps,
            results.class_names,
        )
    if sample is None or sample.membrane is None:
        _blank(upper_right, "No membrane was recorded")
    else:
        trace = sample.membrane
        figures.membrane.onto(
            upper_right,
            trace.float_,
            trace.integers,
            trace.rtl,
            trace.threshold,
            spike_steps(sample, trace.layer, trace.neuron),
        )
    if summary.sc is None or not summary.sc.curve:
        _blank(lower_left, "No stream lengths were tried")
    else:
        reference = summary.train.accuracy if summary.train else None
        figures.stream_lengths.onto(lower_left, curves(summary.sc), reference)
    if "integers" not in results.predictions:
        _blank(lower_middle, "No classes were recorded")
    else:
        figures.confusion_matrix.onto(
            lower_middle, results.labels, results.predictions["integers"], results.class_names
        )
    if summary.fpga is None:
        _blank(lower_right, "No device was built for")
    else:
        build = summary.fpga
        figures.utilisation.onto(lower_right, build.used, build.available, build.device)
    return figure


def _title(summary: Summary) -> str:
    facts = [summary.name]
    if summary.train is not None:
        facts.append(f"float {percent(summary.train.accuracy)}")
    if summary.fixed is not None:
        facts.append(f"{summary.fixed.format} integers {percent(summary.fixed.accuracy)}")
    if summary.cosim is not None:
        facts.append(f"RTL {plural(summary.cosim.mismatches, 'mismatch', 'mismatches')}")
    if summary.proofs:
        proved = sum(proof.is_proved for proof in summary.proofs)
        bounded = sum(proof.is_bounded for proof in summary.proofs)
        within = f", {bounded} within a bound" if bounded else ""
        facts.append(f"{proved} of {plural(len(summary.proofs), 'claim')} proved{within}")
    return "  ·  ".join(facts)


def _blank(part: SubFigure, reason: str) -> None:
    part.text(0.5, 0.5, reason, ha="center", va="center", color=SOFT)
