"""The buttons under a bot's message, and what the bot answers who presses one."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from telethon.tl import types as t

from vasya_sandbox.errors import RpcError


class Button(Struct, frozen=True, omit_defaults=True):
    """A button of an inline keyboard: a link, or data that is sent back to the bot.

    Args:
        reply: What the bot answers; with neither that nor *opens* it never does.
        is_alert: The answer has to be closed by hand.
        opens: The address that the bot answers with.
        kind: Of a button that is neither a link nor data.
    """

    text: str
    url: str = ""
    data: bytes = b""
    reply: str = ""
    is_alert: bool = False
    opens: str = ""
    needs_password: bool = False
    kind: Literal["", "game", "buy"] = ""


def shown(button: Button) -> t.KeyboardInlineButton:
    """Return a button as everybody sees it."""
    kind: t.TypeInlineButtonType
    if button.url:
        kind = t.InlineButtonTypeUrl(button.url)
    elif button.kind:
        kind = t.InlineButtonTypeGame() if button.kind == "game" else t.InlineButtonTypeBuy()
    else:
        kind = t.InlineButtonTypeCallback(button.data, button.needs_password or None)
    return t.KeyboardInlineButton(button.text, kind)


def answer(
    rows: list[list[Button]], data: bytes, *, has_password: bool
) -> t.messages.BotCallbackAnswer:
    """Return what the bot answers who sends it *data*.

    Raises:
        RpcError: DATA_INVALID, PASSWORD_MISSING or BOT_RESPONSE_TIMEOUT.
    """
    found = [each for row in rows for each in row if each.data == data and not each.url]
    if not data or not found:
        raise RpcError(400, "DATA_INVALID")
    pressed = found[0]
    if pressed.needs_password and not has_password:
        raise RpcError(400, "PASSWORD_MISSING")
    if not pressed.reply and not pressed.opens:
        raise RpcError(400, "BOT_RESPONSE_TIMEOUT")
    return t.messages.BotCallbackAnswer(
        cache_time=0,
        alert=pressed.is_alert or None,
        has_url=bool(pressed.opens) or None,
        message=pressed.reply or None,
        url=pressed.opens or None,
    )
