"""The commands that put a network on a board, and that run it there."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from typing import Annotated

import numpy as np
import typer

from sc_neurocore.cli import options
from sc_neurocore.cli.console import reporting
from sc_neurocore.cli.stages import find_design, find_samples, percent
from sc_neurocore.errors import BoardError
from sc_neurocore.fpga.boards import board_of
from sc_neurocore.fpga.flashing import plan_flash
from sc_neurocore.fpga.folder import opened
from sc_neurocore.fpga.host import Host
from sc_neurocore.fpga.known_boards import BOARDS
from sc_neurocore.fpga.protocol import Identity
from sc_neurocore.fpga.simulated import SECONDS_OF_SILENCE, simulated_board
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.memories import weight_image
from sc_neurocore.verify.standing import standing

SIMULATED = "simulated"


def flash(
    directory: options.Design,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, and say the command only.")
    ] = False,
    allow_edited: options.AllowEdited = False,
    as_json: options.Json = False,
) -> None:
    """Load the bitstream that build made into the design's board, which is connected.

    Exit code 1 if it was built of other files than are there now, or is too slow for the board.
    """
    with (
        reporting(as_json) as report,
        opened(find_design(directory), allow_edited=allow_edited) as design,
    ):
        found = plan_flash(design)
        said = "" if dry_run else found.load()
        command = shlex.join(found.command)
        content = {
            "board": found.board.key,
            "bitstream": found.bitstream,
            "command": command,
            "is_loaded": not dry_run,
            "programmer": said,
            "design": standing(design).line,
        }
        rows = [
            ("board", found.board.title),
            ("bitstream", (directory / found.bitstream).as_posix()),
            ("in the design's folder", command),
            *(("programmer", line) for line in said.splitlines()[-3:]),
            ("loaded", "no: a dry run" if dry_run else "yes"),
            ("design", str(content["design"])),
        ]
        report.result(content, rows)


def run(
    directory: options.Design,
    port: Annotated[
        str,
        typer.Option(
            help=f"The board's serial port, such as /dev/ttyUSB1; or {SIMULATED!r}: the board's "
            "Verilog in Verilator."
        ),
    ],
    dataset: Annotated[
        str | None, typer.Option(help="Another data set than the one it was trained on.")
    ] = None,
    data: options.Data = None,
    scale: options.Scale = None,
    samples: Annotated[
        int, typer.Option(min=0, help="At most so many samples; 0: all there are.")
    ] = 0,
    allow_edited: options.AllowEdited = False,
    as_json: options.Json = False,
) -> None:
    """Classify test images on a board and compare every class and spike count with the integers.

    Exit code 1 if anything differed.
    """
    is_simulated = port == SIMULATED
    with (
        reporting(as_json) as report,
        # Only a simulation runs what lies in the folder; a board runs what was built.
        opened(find_design(directory), allow_edited=allow_edited or not is_simulated) as design,
    ):
        board = board_of(design)
        accelerator, network = design.accelerator, design.network
        asked = find_samples(design.description, dataset, data, scale).first(samples)
        lead = 1 + network.batch_axis  # samples, and steps where there are frames of each
        images = np.asarray(asked.inputs, dtype=np.int64)
        images = images.reshape(*images.shape[:lead], -1)
        with simulated_board(design) if is_simulated else nullcontext(port) as name:
            silence = SECONDS_OF_SILENCE if is_simulated else Host.SILENCE
            content_hash = accelerator.content_hash
            with Host(name, baud=board.baud, network_hash=content_hash, silence=silence) as host:
                _check_sizes(host.identity, accelerator)
                if host.identity.weights_are_loaded and not host.condition().has_weights:
                    host.load_weights(weight_image(network, accelerator.geometry), report.progress)
                fed = accelerator.geometry.arranged(images)
                answered = host.classify(fed, report.progress)
        expected = network.run(asked.network_inputs(), progress=report.progress)
        wanted = expected.membrane if network.readout == "membrane" else expected.spike_counts
        wrong_classes = int((answered.classes != expected.classes).sum())
        wrong_counts = int((answered.spike_counts != wanted).sum())
        if accelerator.geometry.count_threshold:
            wrong_counts += int((answered.steps != expected.steps).sum())
        clocks = float(answered.clocks.mean())
        microseconds = clocks / host.identity.clock_hz * 1e6
        content = {
            "board": board.board,
            "port": port,
            "simulated": is_simulated,
            "content_hash": content_hash,
            "samples": len(images),
            "accuracy": asked.accuracy(answered.classes),
            "integer_accuracy": asked.accuracy(expected.classes),
            "inputs": asked.as_dict(),
            "class_mismatches": wrong_classes,
            "count_mismatches": wrong_counts,
            "steps_per_sample": float(answered.steps.mean()),
            "clocks_per_sample": clocks,
            "microseconds_per_sample": round(microseconds, 2),
            "frames_sent_again": host.retries,
            "edited": list(design.edited or ()),
            "design": standing(design).line,
        }
        where = f"{BOARDS[board.board].title}, {'simulated' if is_simulated else port}"
        rows = [
            ("board", where),
            ("samples", asked.line),
            ("accuracy", percent(asked.accuracy(answered.classes))),
            ("against the integer model", f"{wrong_classes} classes, {wrong_counts} counts differ"),
            ("time per sample", f"{microseconds:.1f} µs ({clocks:.0f} clocks) in the core"),
            ("frames sent again", str(host.retries)),
            *(("edited by hand", name) for name in design.edited or ()),
            ("design", str(content["design"])),
        ]
        report.result(content, rows)
        report.exit_code = 1 if wrong_classes or wrong_counts else 0


def _check_sizes(board: Identity, accelerator: Accelerator) -> None:
    geometry = accelerator.geometry
    found, wanted = (
        (board.inputs, board.outputs),
        (geometry.frame_inputs, geometry.layers[-1].outputs),
    )
    if found != wanted:
        raise BoardError(
            f"the board claims to hold this network, which has {wanted[0]} inputs and {wanted[1]} "
            f"outputs, but says {found[0]} and {found[1]}: build its bitstream again"
        )
