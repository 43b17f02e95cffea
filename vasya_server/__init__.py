"""Give an agent scoped, audited access to a person's real Telegram account over REST."""

from __future__ import annotations

__version__ = "0.1.0"
