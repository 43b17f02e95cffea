"""The Telegram methods that the sandbox serves, one module per area."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def load() -> None:
    """Import every handler module, so that the registry is complete."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
