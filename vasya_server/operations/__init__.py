"""What every mutation goes through; `perform` is the one way in.

Scope: `mutation` is what routes declare and handlers are given, `path` the order of things, `ending` what became of it,
`gates` what may stand in the way, `record` what the audit log is told.
"""

from __future__ import annotations

from vasya_server.operations.mutation import (
    Intent,
    Mutation,
    Performed,
    Ready,
    always,
    local,
    of_waiting,
    telegram,
)
from vasya_server.operations.path import Rendering, perform

__all__ = [
    "Intent",
    "Mutation",
    "Performed",
    "Ready",
    "Rendering",
    "always",
    "local",
    "of_waiting",
    "perform",
    "telegram",
]
