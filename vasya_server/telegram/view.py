"""An account as one credential sees it: what requests are made of, and what they may reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from vasya_server.model.base import Plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vasya_server.auth.chat_lists import ChatRule
    from vasya_server.auth.principal import Principal
    from vasya_server.sessions.uploads import StoredFile
    from vasya_server.telegram.accounts import AccountRuntime


class AccountView(Plain, frozen=True):
    """An account, for the one who asks.

    Args:
        runtime: The account itself, whoever asks.
        files: What a dry run has brought with it, by the ids of the uploads that it would be.
    """

    runtime: AccountRuntime
    principal: Principal
    files: Mapping[str, StoredFile] = msgspec.field(default_factory=dict)

    @property
    def is_agent(self) -> bool:
        """Whether what it reads is for an agent and not for a person."""
        return not self.principal.is_human

    @property
    def readable(self) -> ChatRule | None:
        """Which chats it may read; None: all."""
        chats = self.principal.chats
        return None if chats is None else chats.read

    @property
    def writable(self) -> ChatRule | None:
        """Which chats it may write to; None: all."""
        chats = self.principal.chats
        return None if chats is None else chats.write
