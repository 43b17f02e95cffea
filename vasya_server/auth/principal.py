"""Who a request comes from, as its credential proved."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vasya_server.auth.scopes import Scope
    from vasya_server.ids import OwnerId

HUMAN_LINEAGE: Final = "user"


class PrincipalKind(StrEnum):
    """Which kind of credential was presented."""

    EMBEDDED = "embedded"
    JWT = "jwt"
    AGENT_KEY = "agent_key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An owner, or a key acting for one.

    Args:
        lineage: Whose idempotency keys are used: all humans of an owner share theirs, an agent key has its own.
    """

    kind: PrincipalKind
    owner: OwnerId
    scopes: frozenset[Scope]
    lineage: str = HUMAN_LINEAGE

    @property
    def is_human(self) -> bool:
        """Tell whether a person's own credential was presented, not one that was given to an agent."""
        return self.kind is not PrincipalKind.AGENT_KEY
