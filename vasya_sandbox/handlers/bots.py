"""What people do with bots: pressing a button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telethon.tl import functions as f

from vasya_sandbox import bots, inputs
from vasya_sandbox.registry import rpc

if TYPE_CHECKING:
    from vasya_sandbox.session import Session


@rpc(f.messages.GetBotCallbackAnswerRequest)
def get_bot_callback_answer(session: Session, request: Any) -> Any:
    """Serve messages.getBotCallbackAnswer: the bot's answer to the data of a button.

    Source: https://core.telegram.org/method/messages.getBotCallbackAnswer
    """
    where = inputs.readable(session, request.peer)
    record = inputs.message(session, where, request.msg_id)
    return bots.answer(
        record.buttons, request.data or b"", has_password=request.password is not None
    )
