"""Run the command line: `python -m vasya_server` is `vasya-server`."""

from __future__ import annotations

import sys

from vasya_server.cli import main

if __name__ == "__main__":
    sys.exit(main())
