"""The process that writes for a server: how it is started, and how it begins."""

from __future__ import annotations

import ctypes
import logging
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

_log: Final = logging.getLogger(__name__)
_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
# What makes an interpreter load less, which must not load more for the writer.
_FLAGS: Final = {"isolated": "-I", "ignore_environment": "-E", "no_user_site": "-s"}


def apart(on_lost: Callable[[], None]) -> Apart:
    """Return how this program's writer is started.

    Args:
        on_lost: Called when it has ended unasked.
    """
    flags = [flag for name, flag in _FLAGS.items() if getattr(sys.flags, name)]
    # -P: nothing that lies in the working directory is run.
    return Apart((sys.executable, *flags, "-P", "-m", "vasya_server.write"), on_lost)


def main() -> None:
    """Write until the server is gone."""
    harden_process()
    logs.set_up()
    try:
        serve(socket.socket(fileno=0), _journal, Entry)
    except Exception:  # noqa: BLE001 — its server leaves as well; raised, it would be told without the log's care
        _log.critical("a bug ends the process that writes", exc_info=True)
        logging.shutdown()
        os._exit(1)


def _journal(asked: Open) -> Journal:
    _end_with(asked.server_pid)
    return make_journal(msgspec.msgpack.decode(asked.keeping, type=Keeping), SystemClock())


def _end_with(server_pid: int) -> None:
    """Have a killed server take its writer with it, so that a crash is one crash.

    Elsewhere than on Linux the writer ends what it is writing first, and then finds nobody at the socket.

    Raises:
        OSError: The server has ended, or the kernel will not.
    """
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(
        _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0
    ):
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != server_pid:
        raise OSError("the server has ended")
