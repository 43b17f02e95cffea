"""`python -m vasya_sandbox`."""

from __future__ import annotations

import sys

from vasya_sandbox.cli import main

sys.exit(main())
