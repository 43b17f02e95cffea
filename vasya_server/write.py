"""What a server starts to write for it: `python -m vasya_server.write`, with the server's socket at descriptor 0.

Whatever is loaded comes behind what keeps others out: who stops a whole group of processes means the server, which has still
something to have written; descriptors that its parent left open to it are no business of the writer's; and nobody is to
look on from the start (D-4.10).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_FIRST_NOT_STANDARD = 3
_PR_SET_DUMPABLE = 4  # linux/prctl.h

if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.closerange(_FIRST_NOT_STANDARD, os.sysconf("SC_OPEN_MAX"))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)

    from vasya_server.cli.writer import main

    main()
