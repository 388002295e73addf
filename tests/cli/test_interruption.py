"""A polite request to end is heard, however the command was started."""

import signal

import pytest

from sc_neurocore.cli import _interrupt


@pytest.mark.parametrize("is_ignored", [False, True])
def test_a_request_to_end_is_an_interrupt_also_in_the_background(is_ignored: bool) -> None:
    """Shells let commands that they start with `&` ignore Ctrl-C."""
    before = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN if is_ignored else signal.default_int_handler)
        with pytest.raises(KeyboardInterrupt):
            _interrupt()
    finally:
        signal.signal(signal.SIGINT, before)
