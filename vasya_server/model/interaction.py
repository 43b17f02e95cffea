"""What is said to polls and to the buttons of bots, and what a bot answers."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vasya_server.model.base import Input, Sanitized, Untrusted, Wire


class Vote(Input, frozen=True, kw_only=True):
    """The options that the account votes for, by their index; none takes the vote back."""

    options: Annotated[tuple[Annotated[int, Meta(ge=0, le=63)], ...], Meta(max_length=64)]


class Press(Input, frozen=True, kw_only=True):
    """The button to press, by its `id` in the message."""

    button: Annotated[int, Meta(ge=0, le=999)]


class ButtonAnswer(Wire, frozen=True, kw_only=True):
    """What the bot answered, for whoever pressed alone; what else it does stands in the chat.

    Args:
        is_alert: It is shown so that it has to be closed by hand.
    """

    text: Untrusted | None = None
    url: Untrusted | None = None
    is_alert: bool = False
    trust: Literal["untrusted"] = msgspec.field()
    sanitized: Sanitized | None = None
