"""A Telegram data centre on loopback: the real wire protocol, and nobody's account at risk."""

from __future__ import annotations
