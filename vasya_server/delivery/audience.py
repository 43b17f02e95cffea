"""Who may be told of an event: decided when it is told, not when it was written down.

A chat that has left a key's folder since is not told of any more, and one that has come into it is; what a credential may
no longer reach at all ends its streams, which is not decided here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vasya_server.errors import AccessDenied
from vasya_server.model.base import Plain
from vasya_server.model.event import EventType
from vasya_server.telegram.folders import chats_in
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.view import AccountView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.auth.principal import Principal
    from vasya_server.events.record import Recorded
    from vasya_server.ids import AccountId
    from vasya_server.telegram.accounts import Accounts

# Whoever reaches the account is told of these. Any other event without a chat is about chats that Telegram did not name
# (deleted messages of people and basic groups): nobody can tell whether a chat list allows it, so it does not.
_ABOUT_NO_CHAT: Final = frozenset(
    {
        EventType.ACCOUNT_STATUS,
        EventType.ACCOUNT_LIMITED,
        EventType.ACTION_UPDATED,
        EventType.BUDGET_EXHAUSTED,
        EventType.KEY_NEW_ADDRESS,
        EventType.GAP,
    }
)
_MESSAGES: Final = frozenset({EventType.MESSAGE_NEW, EventType.MESSAGE_EDITED})


class EventFilter(Plain, frozen=True, kw_only=True):
    """What somebody wants to be told of; it opens nothing that is closed to them.

    Args:
        accounts: None: all.
        chats: Marked ids; events of these chats, and those about no chat. None: all.
        types: None: all.
        is_outgoing_included: The owner's own messages too.
        mentions_only: Nothing but messages that mention the owner or reply to one of the owner's.
    """

    accounts: frozenset[AccountId] | None = None
    chats: frozenset[int] | None = None
    types: frozenset[EventType] | None = None
    is_outgoing_included: bool = False
    mentions_only: bool = False


class Audience:
    """One principal who wants to be told of events."""

    def __init__(self, accounts: Accounts, principal: Principal, wanted: EventFilter) -> None:
        self._accounts = accounts
        self._principal = principal
        self._owner = principal.owner
        self._wanted = wanted
        self._rule = None if principal.chats is None else principal.chats.read
        self._is_any_chat = self._rule is None and wanted.chats is None
        self._account_ids = principal.account_ids
        if wanted.accounts is not None:
            reached = principal.account_ids
            self._account_ids = wanted.accounts if reached is None else reached & wanted.accounts

    async def told(self, records: Sequence[Recorded]) -> list[Recorded]:
        """Return the events, in their order, that the principal may be told of now and wants.

        Raises:
            VasyaError: Telegram cannot be asked what is in a folder that decides; nothing is told or passed over.
        """
        found = [record for record in records if self._is_told(record)]
        if self._rule is None or not self._rule.folders:
            return found
        return await self._within_folders(found)

    def _is_told(self, record: Recorded) -> bool:
        """Tell whether nothing but what is in folders can speak against it; every event of every stream comes here."""
        draft = record.draft
        kind = draft.type
        wanted = self._wanted
        if wanted.types is not None and kind not in wanted.types:
            return False
        if self._account_ids is not None and record.account_id not in self._account_ids:
            return False
        if kind in _MESSAGES:
            if draft.data.is_outgoing and not wanted.is_outgoing_included:
                return False
            if wanted.mentions_only and not draft.data.mentions_me:
                return False
        elif wanted.mentions_only:
            return False
        return (
            record.owner == self._owner
            and (draft.key_id is None or self._is_concerned(record))
            and (self._is_any_chat or self._is_chat_within(record))
        )

    def _is_concerned(self, record: Recorded) -> bool:
        """Tell whether the principal is a person, or the key that the event is about."""
        who = self._principal
        return who.is_human or who.key_id == record.draft.key_id

    def _is_chat_within(self, record: Recorded) -> bool:
        chat, wanted, rule = record.draft.chat, self._wanted.chats, self._rule
        if chat is None:
            return record.draft.type in _ABOUT_NO_CHAT
        if wanted is not None and chat.id not in wanted:
            return False
        if rule is None or rule.allows(chat.id, ()):
            return True
        return bool(rule.folders) and chat.id not in rule.excepted

    async def _within_folders(self, records: Sequence[Recorded]) -> list[Recorded]:
        """Leave out what is in a chat that only a folder could allow and none does."""
        held: dict[AccountId, frozenset[int]] = {}
        found = []
        for record in records:
            chat, rule = record.draft.chat, self._rule
            if chat is not None and rule is not None and not rule.allows(chat.id, ()):
                account_id = record.account_id
                if account_id not in held:
                    held[account_id] = await self._in_folders(account_id, rule.folders)
                if chat.id not in held[account_id]:
                    continue
            found.append(record)
        return found

    async def _in_folders(self, account_id: AccountId, folders: frozenset[int]) -> frozenset[int]:
        try:
            runtime = self._accounts.get(self._owner, account_id)
        except AccessDenied:  # erased since: it has no folders any more
            return frozenset()
        return await chats_in(Reading(AccountView(runtime, self._principal)), folders)
