"""Proofs side by side, as many as there are cores: what takes long in each runs outside Python."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence

from sc_neurocore.kernels.threads import usable_cores
from sc_neurocore.progress import Progress, ProgressCallback
from sc_neurocore.tools.programs import stop_running
from sc_neurocore.verify.result import ProofResult

_Task = Sequence[tuple[str, Callable[[], ProofResult]]]
_Answer = tuple[str, ProofResult | BaseException]


def prove_all(
    tasks: Sequence[_Task], names: Sequence[str], progress: ProgressCallback
) -> tuple[ProofResult, ...]:
    """Work on several claims at once.

    Args:
        tasks: Claims with their names. Those of a task are proved one after the other, and tasks
            are begun in their order: what takes longest should come first.
        names: The claims in the order of the results.
        progress: Receives how many are done.

    Raises:
        BaseException: What the first claim raised that could not be answered; the programs of the
            others are ended.
    """
    waiting: queue.SimpleQueue[_Task] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)
    answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
    stopped = threading.Event()

    def work() -> None:
        while not stopped.is_set():
            try:
                task = waiting.get_nowait()
            except queue.Empty:
                return
            for name, prove in task:
                try:
                    answers.put((name, prove()))
                except BaseException as error:
                    answers.put((name, error))
                    return

    # Whoever interrupts does not wait for them: they only wait for programs that are ended.
    for _ in range(min(usable_cores(), len(tasks))):
        threading.Thread(target=work, daemon=True).start()
    found: dict[str, ProofResult] = {}
    try:
        while len(found) < len(names):
            missing = [name for name in names if name not in found]
            progress(Progress("proofs", len(found), len(names), ", ".join(missing[:2])))
            name, answer = answers.get()
            if isinstance(answer, BaseException):
                raise answer
            found[name] = answer
    finally:
        stopped.set()
        if len(found) < len(names):
            stop_running()
    progress(Progress("proofs", len(names), len(names)))
    return tuple(found[name] for name in names)
