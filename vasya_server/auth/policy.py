"""What a human decides about a key beside what it reaches: what is asked first, how much, and what can be undone."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from vasya_server.auth.scopes import Scope
from vasya_server.model.key import APPROVAL_TTL_SECS

# Whose changes are made at Telegram: a rule for another scope would never ask, and whoever set it would not know.
ASKABLE: Final = frozenset(
    {
        Scope.ACCOUNTS_WRITE,
        Scope.CHATS_WRITE,
        Scope.CHATS_MODERATE,
        Scope.CHATS_DELETE,
        Scope.MESSAGES_REACT,
        Scope.MESSAGES_DRAFT,
        Scope.MESSAGES_SEND,
        Scope.MESSAGES_FORWARD,
        Scope.MESSAGES_DELETE,
        Scope.CONTACTS_WRITE,
        Scope.FOLDERS_WRITE,
    }
)


class ApprovalRule(StrEnum):
    """When a human is asked before a change of some scope is made."""

    NEVER = "never"
    FIRST_CONTACT = "first_contact"
    OUTSIDE_WRITE = "outside_write"
    ALWAYS = "always"


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The rules of one key; it is sealed with the key's grant, so that none can be taken away behind the server's back.

    Args:
        approval: By the scope's name.
        approval_ttl_secs: How long a question waits for its answer.
        sends_per_day: Messages in any 24 hours; None: as many as the limits allow.
        new_chats_per_day: Chats without a message in either direction that it may write to in any 24 hours.
        undo_secs: How long each message waits at Telegram before it goes out.
    """

    approval: dict[str, ApprovalRule] = {}
    approval_ttl_secs: int = APPROVAL_TTL_SECS
    sends_per_day: int | None = None
    new_chats_per_day: int | None = None
    undo_secs: int | None = None

    def rule_for(self, scope: str) -> ApprovalRule:
        """Return when somebody is asked about a change of that scope."""
        return self.approval.get(scope, ApprovalRule.NEVER)


NO_POLICY: Final = Policy()
