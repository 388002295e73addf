"""The command line: thin, over the Python interface, which reports progress as events."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

__all__ = ["main"]

_EXIT_INTERRUPTED = 130


def _interrupt(*_: object) -> None:
    """Do what Ctrl-C does, also where a shell has switched that off, as with `&`."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def main() -> NoReturn:
    """Run the command line and exit."""
    try:
        # A polite request to end is handled like Ctrl-C, so that no external program is left over.
        signal.signal(signal.SIGTERM, _interrupt)
        from sc_neurocore.cli.streams import flush_at_the_end, open_what_is_closed

        open_what_is_closed()
        from sc_neurocore.cli.app import run

        code = flush_at_the_end(run())
    except KeyboardInterrupt:  # before a command had begun, or after it had ended
        if sys.stderr is not None:
            sys.stderr.write("sc-neurocore: interrupted\n")
        code = _EXIT_INTERRUPTED
    sys.exit(code)
