"""Whether anything was ever said in a chat: writing where nothing was is what gets accounts limited, and what people fear.

A chat that has a message keeps one, but for histories that are deleted, and so what was found once is believed until the
process ends; that a chat is empty is asked anew each time.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from telethon import functions
from telethon.tl import types as t

from vasya_server.telegram.reading import Reading

if TYPE_CHECKING:
    from vasya_server.telegram.accounts import AccountRuntime
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

# Of each account, 100 bytes each; the chat that was asked about longest ago is forgotten first.
_REMEMBERED: Final = 4096
_begun: Final[weakref.WeakKeyDictionary[AccountRuntime, OrderedDict[int, None]]] = (
    weakref.WeakKeyDictionary()
)


async def is_first_contact(view: AccountView, peer: ResolvedPeer) -> bool:
    """Tell whether the chat has no message in either direction; Saved Messages are nobody's first contact.

    Raises:
        VasyaError: Telegram does not say.

    Source: https://core.telegram.org/method/messages.getHistory
    """
    if isinstance(peer.input_peer, t.InputPeerSelf):
        return False
    begun = _begun.setdefault(view.runtime, OrderedDict())
    if peer.id in begun:
        begun.move_to_end(peer.id)
        return False
    request = functions.messages.GetHistoryRequest(
        peer=peer.input_peer,
        offset_id=0,
        offset_date=None,
        add_offset=0,
        limit=1,
        max_id=0,
        min_id=0,
        hash=0,
    )
    answer = await Reading(view).call(request)
    if not any(_is_said(message) for message in answer.messages):
        return True
    begun[peer.id] = None
    if len(begun) > _REMEMBERED:
        begun.popitem(last=False)
    return False


def _is_said(message: Any) -> bool:
    """Tell whether somebody did something there: that a contact has joined Telegram says Telegram, and nobody else."""
    if isinstance(message, t.MessageEmpty):
        return False
    return not isinstance(getattr(message, "action", None), t.MessageActionContactSignUp)
