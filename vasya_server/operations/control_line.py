"""What agents may not do to the owner's chat: write what could be a command, and touch what belongs to it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from vasya_server.audit.actions import Action
from vasya_server.errors import ControlLine, ValidationFailed
from vasya_server.model.writing import SendMessage, Words
from vasya_server.telegram.control_line import begins_with_the_word, is_control_message
from vasya_server.telegram.formatting import parse
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.lookup import read_by_id
from vasya_server.telegram.words import pieces_of, words_of

if TYPE_CHECKING:
    from vasya_server.operations.mutation import Intent
    from vasya_server.telegram.formatting import Formatted
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

_OF_ALL_MESSAGES: Final = frozenset({Action.CHAT_CLEAR, Action.CHAT_DELETE})


async def require_outside_line(
    account: AccountView, intent: Intent, peer: ResolvedPeer, source: ResolvedPeer | None
) -> None:
    """See that an agent leaves the owner's chat alone.

    Raises:
        ControlLine: It writes what begins like a command, or is about a control message.
        VasyaError: Telegram does not say what it is about.
    """
    line, self_id = account.runtime.line, account.runtime.user_id
    if not account.is_agent or not line.holds() or peer.id != self_id:
        return
    if intent.mutation.action in _OF_ALL_MESSAGES:
        raise ControlLine
    if line.is_on() and await _writes_the_word(account, intent, source):
        raise ControlLine
    if ids := _touched(intent):
        for message in await read_by_id(Reading(account), peer, ids):
            if is_control_message(message, self_id):
                raise ControlLine


async def _writes_the_word(
    account: AccountView, intent: Intent, source: ResolvedPeer | None
) -> bool:
    # A draft is no word of the owner's yet: one tap on a phone makes it one.
    body = intent.body
    if any(map(begins_with_the_word, _texts_of(body))):
        return True
    if source is None:
        return False
    forwarded = await read_by_id(Reading(account), source, body.message_ids)
    return any(begins_with_the_word(each.message or "") for each in forwarded)


def _texts_of(body: Any) -> list[str]:  # noqa: ANN401 — any body
    """Return the text as it is written and as it is shown, every piece of it; one that is refused anyway shows nothing."""
    text = getattr(body, "text", None)
    if not isinstance(text, str):
        return []
    shown: list[Formatted] = []
    with contextlib.suppress(ValidationFailed):
        match body:
            case SendMessage():
                shown = pieces_of(body)
            case Words():
                shown = [words_of(body)]
            case _ if hasattr(body, "format"):
                shown = [parse(text, body.format)]
    return [text, *(each for each, _ in shown)]


def _touched(intent: Intent) -> list[int]:
    """Return the messages of the chat that the change is about."""
    # What waits has ids of its own, and is looked at where it is touched.
    named = None if intent.mutation.waiting else intent.path.get("message")
    ids = [int(named)] if named is not None and named.isdecimal() else []
    reply_to = getattr(intent.body, "reply_to", None)
    return [*ids, *getattr(intent.body, "ids", ()), *([] if reply_to is None else [reply_to])]
