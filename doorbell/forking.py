"""The server that the development stack's processes are forked from, with everything imported once.

Importing is most of what a start costs, so it begins before the supervisor imports what it needs itself.
"""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing import forkserver

context = multiprocessing.get_context("forkserver")


def warm_up() -> None:
    """Starts the server; it imports while its caller goes on."""
    context.set_forkserver_preload(["doorbell.processes"])
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited: Ctrl-C in the terminal is the supervisor's
    forkserver.ensure_running()
    signal.signal(signal.SIGINT, handler)


def stop() -> None:
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
