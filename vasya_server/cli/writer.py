"""What a server starts to write for it: `python -m vasya_server.cli.writer`, with the server's socket at descriptor 0."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.audit.entry import Entry
from vasya_server.audit.journal import Keeping
from vasya_server.audit.stopping import make_journal
from vasya_server.cli import logs
from vasya_server.cli.data_dir import harden_process
from vasya_server.clock import SystemClock
from vasya_server.store.apart import Apart
from vasya_server.store.writer import serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from vasya_server.audit.journal import Journal
    from vasya_server.store.frames import Open

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def apart(on_lost: Callable[[], None]) -> Apart:
    """Return how this program's writer is started.

    Args:
        on_lost: Called when it has ended unasked.
    """
    # -P: nothing that lies in the working directory is run.
    return Apart((sys.executable, "-P", "-m", __name__), on_lost)


def main() -> None:
    """Write until the server is gone."""
    harden_process()
    logs.set_up()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Who stops the server's whole group means the server, which has still something to have written.
        signal.signal(number, signal.SIG_IGN)
    serve(socket.socket(fileno=0), _journal, Entry)


def _journal(asked: Open) -> Journal:
    _end_with(asked.server_pid)
    return make_journal(msgspec.msgpack.decode(asked.keeping, type=Keeping), SystemClock())


def _end_with(server_pid: int) -> None:
    """Have a killed server take its writer with it, so that a crash is one crash.

    Elsewhere than on Linux the writer ends what it is writing first, and then finds nobody at the socket.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != server_pid:
        raise OSError("the server has ended")


if __name__ == "__main__":
    main()
