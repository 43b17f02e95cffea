"""What a change would do, said before it is done: for a dry run, a closed gate, and whoever decides about it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from vasya_server.model.base import Untrusted, Wire
from vasya_server.model.chat import ChatType


class PreviewChat(Wire, frozen=True, kw_only=True):
    """The chat or the person that it is about, as the name is shown now; only an id where it may not be read."""

    id: int
    type: ChatType | None = None
    title: Untrusted = ""
    username: Untrusted | None = None
    members_count: int | None = None


class Preview(Wire, frozen=True, kw_only=True):
    """What would be done: `kind` in the audit log's words, and what of the request it is done with.

    Args:
        target: What else it names: a topic or a folder, with its title, an invite.
        request: What else the body says, as it was said and without what is so by default.
        undo_secs: How long it waits at Telegram before it is seen by anybody else.
        is_reversible: Whether it can be taken back afterwards.
        is_first_contact: Nothing was ever said in this chat, by either side; left out where nobody looked.
    """

    kind: str
    account_id: str = msgspec.field()
    chat: PreviewChat | None = None
    person: PreviewChat | None = None
    target: dict[str, str] = msgspec.field(default_factory=dict)
    from_chat: str | None = None
    text: str | None = None
    format: str | None = None
    message_ids: list[int] = msgspec.field(default_factory=list)
    media_count: int = 0
    emoji: str | None = None
    for_everyone: bool = False
    request: dict[str, Any] = msgspec.field(default_factory=dict)
    is_silent: bool = False
    undo_secs: int | None = None
    is_reversible: bool = False
    is_first_contact: bool = False


class Reason(Wire, frozen=True, kw_only=True):
    """Why a change would not be made now."""

    code: str
    detail: str = msgspec.field()
    remedy: str | None = None


class DryRun(Wire, frozen=True, kw_only=True):
    """What a change would do, and whether it would be done now; nothing was sent, stored or used up."""

    is_dry_run: Literal[True] = msgspec.field()
    would_execute: bool = msgspec.field()
    reasons: list[Reason] = msgspec.field(default_factory=list)
    preview: Preview = msgspec.field()
