"""Pressing a button under a bot's message: at most once, for the bot does what it does each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from telethon import functions
from telethon.tl import types as t

from vasya_server.errors import FieldError, TelegramError, ValidationFailed
from vasya_server.model.interaction import ButtonAnswer
from vasya_server.telegram.cleaning import clean
from vasya_server.telegram.reading import Reading
from vasya_server.telegram.requests.lookup import read_shown

if TYPE_CHECKING:
    from vasya_server.telegram.peers import ResolvedPeer
    from vasya_server.telegram.view import AccountView

# What is no press but something that a person does in an app.
_REFUSED: Final[dict[type, str]] = {
    t.InlineButtonTypeBuy: "is_a_payment",
    t.InlineButtonTypeGame: "is_a_game",
    t.InlineButtonTypeUrl: "is_a_link",
    t.InlineButtonTypeUrlAuth: "is_a_link",
    t.InlineButtonTypeWebView: "is_a_link",
}


async def press(
    account: AccountView,
    peer: ResolvedPeer,
    message_id: int,
    button: int,
) -> ButtonAnswer:
    """Press a button and return what the bot answers.

    Raises:
        MessageNotFound: The chat holds no such message.
        ChatNotAllowed: The chat may be written to, and not read.
        ValidationFailed: There is no such button, or it is none that can be pressed here.
        BotTimeout: The bot has got it and did not answer.
        OutcomeUnknown: It was sent and no answer came back.

    Source: https://core.telegram.org/method/messages.getBotCallbackAnswer
    """
    message = await read_shown(Reading(account), peer, message_id)
    data = _data_of(message.reply_markup, button)
    request = functions.messages.GetBotCallbackAnswerRequest(peer.input_peer, message_id, data=data)
    try:
        answer = await account.runtime.mutate(request, is_exactly_once=False)
    except TelegramError as error:
        if error.rpc_name == "DATA_INVALID":  # the bot has changed its buttons meanwhile
            raise ValidationFailed(FieldError("/button", "unknown")) from error
        raise
    return clean(
        ButtonAnswer(
            text=answer.message or None,
            url=answer.url or None,
            is_alert=bool(answer.alert),
            trust="untrusted",
        )
    )


def _data_of(markup: Any, button: int) -> bytes:
    rows = markup.rows if isinstance(markup, t.ReplyInlineMarkup) else ()
    buttons = [each for row in rows for each in row.buttons]
    if button >= len(buttons):
        known = tuple(str(index) for index in range(len(buttons)))
        raise ValidationFailed(FieldError("/button", "unknown", known))
    kind = buttons[button].type
    if not isinstance(kind, t.InlineButtonTypeCallback):
        raise ValidationFailed(FieldError("/button", _REFUSED.get(type(kind), "not_pressable")))
    if kind.requires_password:
        raise ValidationFailed(FieldError("/button", "needs_password"))
    return bytes(kind.data)
