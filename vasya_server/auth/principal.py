"""Who a request comes from, as its credential proved."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from vasya_server.auth.policy import NO_POLICY, Policy

if TYPE_CHECKING:
    from datetime import datetime

    from vasya_server.auth.chat_lists import ChatLists
    from vasya_server.auth.scopes import Scope
    from vasya_server.ids import AccountId, KeyId, OwnerId

HUMAN_LINEAGE: Final = "user"


class PrincipalKind(StrEnum):
    """Which kind of credential was presented; none is in the owner's chat, where another of the owner's devices speaks."""

    EMBEDDED = "embedded"
    JWT = "jwt"
    AGENT_KEY = "agent_key"
    OWNER_CHAT = "owner_chat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An owner, or a credential acting for one within limits.

    Args:
        is_human: It opens what only humans may call, and reads texts as they were written; a JWT whose `scope` claim
            leaves out `human` is not, nor is any agent key.
        lineage: Whose idempotency keys and limits are used: all humans of an owner share theirs, an agent key and those
            it was rotated from have their own.
        disabled_scopes: What the agent key was given and its owner has switched off: not among `scopes`.
        key_id: The agent key's public id.
        account_ids: The accounts it reaches; None: every account of the owner, present and future.
        chats: The chats it reaches; None: all.
        policy: What a human is asked first, how much is allowed, and what can be undone; humans have no rules.
        expires_at: From when on it is refused; None: never.
    """

    kind: PrincipalKind
    owner: OwnerId
    scopes: frozenset[Scope]
    is_human: bool
    lineage: str = HUMAN_LINEAGE
    disabled_scopes: frozenset[Scope] = frozenset()
    key_id: KeyId | None = None
    key_name: str | None = None
    account_ids: frozenset[AccountId] | None = None
    chats: ChatLists | None = None
    policy: Policy = NO_POLICY
    expires_at: datetime | None = None

    def reaches(self, account_id: AccountId) -> bool:
        """Tell whether the account is within its list; whose account it is, is another question."""
        return self.account_ids is None or account_id in self.account_ids
