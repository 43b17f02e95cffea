"""The owner's chat as Telegram shows it: which messages are its, and which of them the owner's other devices wrote.

A control message is one by its form alone: it stands in Saved Messages and its first letters are `vasya`. Whatever may
be read so is kept from agents; what is obeyed is far less (`commands_in`).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from telethon import functions
from telethon.tl import types as t

from vasya_server.telegram.owner_seen import Wrote
from vasya_server.telegram.progress import follow_progress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from vasya_server.store.database import Statement
    from vasya_server.telegram.accounts import AccountRuntime

_WORD: Final = "vasya"
# More than this stands before no word that anybody reads as the first.
_LOOKED_AT: Final = 4096
_COMMAND: Final = re.compile(
    r"\s*vasya\s+(?:(?P<word>lock|keys|status)|(?P<what>yes|no)\s+(?P<code>[a-z2-7]{8})"
    r"|revoke\s+(?P<name>\S(?:.{0,62}\S)?))\s*",
    re.IGNORECASE | re.ASCII,
)


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """A command that another device may have sent.

    Args:
        opening: Of the line, when it was heard: what was heard by a line that was closed since is not obeyed.
    """

    message_id: int
    at: datetime
    word: str
    said: str = ""
    opening: int = 0


async def _nothing(_updates: Sequence[Any]) -> Sequence[Statement]:
    return ()


class Line:
    """What one account knows of the owner's chat; whoever keeps the line fills it in.

    `holds` tells whether control messages may stand in Saved Messages, `is_on` whether they are obeyed, and `storing`
    returns what is to be stored of new messages.
    """

    def __init__(self) -> None:
        self.holds: Callable[[], bool] = lambda: False
        self.is_on: Callable[[], bool] = lambda: False
        self.storing: Callable[[Sequence[Any]], Awaitable[Sequence[Statement]]] = _nothing


def begins_with_the_word(text: str) -> bool:
    """Tell whether the first letters of *text* are `vasya`, in any case and form and with anything between them.

    More than Telegram would show so: what it strips or folds must not turn another text into a command.
    """
    folded = unicodedata.normalize("NFKC", text[:_LOOKED_AT]).casefold()
    letters = (each for each in folded if unicodedata.category(each)[0] in "LN")
    return all(next(letters, "") == each for each in _WORD)


def is_control_message(message: Any, self_id: int) -> bool:
    """Tell whether *message* is one of the owner's chat, or quotes what may be one."""
    peer = message.peer_id
    if not isinstance(peer, t.PeerUser) or peer.user_id != self_id:
        return False
    if getattr(message.reply_to, "quote_text", None):
        return True
    return begins_with_the_word(getattr(message, "message", None) or "")


def commands_in(updates: Iterable[Any], account: AccountRuntime, opening: int) -> list[Heard]:
    """Return what another device has written as a command, by all that the messages themselves say."""
    found = []
    for update in updates:
        message = update.message if isinstance(update, t.UpdateNewMessage) else None
        if not isinstance(message, t.Message) or not _is_plain(message, account.user_id):
            continue
        said = _COMMAND.fullmatch(message.message or "")
        wrote = Wrote(chat_id=account.user_id, message_id=message.id, at=message.date)
        if said is None or account.owner_seen.is_own(wrote):
            continue
        word = said["word"] or said["what"] or "revoke"
        found.append(
            Heard(
                message_id=message.id,
                at=message.date,
                word=word.lower(),
                said=(said["code"] or "").lower() or said["name"] or "",
                opening=opening,
            )
        )
    return found


def _is_plain(message: Any, self_id: int) -> bool:
    """Tell whether it was typed and sent at once: not scheduled, forwarded, edited, or made by a bot or a business tool."""
    me = t.PeerUser(self_id)
    made_otherwise = (
        *("from_scheduled", "fwd_from", "edit_date", "via_bot_id", "via_business_bot_id"),
        *("media", "reply_markup", "offline", "post", "grouped_id"),
    )
    return (
        message.peer_id == me
        and message.from_id in (None, me)
        and getattr(message, "saved_peer_id", None) in (None, me)
        and not any(getattr(message, name, None) for name in made_otherwise)
    )


async def post(
    account: AccountRuntime, text: str, random_id: int, *, rings_at: datetime | None = None
) -> None:
    """Post *text* into Saved Messages; the same *random_id* never makes a second message.

    Args:
        rings_at: When it is sent, so that phones ring: what the account sends at once does not.

    Raises:
        VasyaError: It is not posted, or nobody knows.

    Source: https://core.telegram.org/api/scheduled-messages
    """
    follow_progress(lambda: None)
    request = functions.messages.SendMessageRequest(
        peer=t.InputPeerSelf(),
        message=text,
        no_webpage=True,
        random_id=random_id,
        schedule_date=rings_at,
    )
    await account.mutate(request, is_exactly_once=True)
