"""What is said to make a chat, to go into one, and to be rid of one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from vasya_server.model.base import Input, Query
from vasya_server.model.chat import Chat

Title = Annotated[str, Meta(min_length=1, max_length=128)]
About = Annotated[str, Meta(max_length=255)]


class NewChatType(StrEnum):
    """What kind of chat can be made: a private chat needs no making."""

    GROUP = "group"
    SUPERGROUP = "supergroup"
    CHANNEL = "channel"


class CreateChat(Input, frozen=True, kw_only=True):
    """A chat to make, and whom to add to it."""

    type: NewChatType
    title: Title
    about: About = ""
    user_ids: Annotated[
        tuple[Annotated[int, Meta(gt=0, lt=2**53)], ...],
        Meta(max_length=100, description="People and bots to add; a group needs at least one."),
    ] = ()
    is_forum: Annotated[bool, Meta(description="With topics; a supergroup alone can be.")] = False


class CreatedChat(Chat, frozen=True, kw_only=True):
    """A chat that was just made."""

    missing: Annotated[
        list[int],
        Meta(description="Of userIds, whom Telegram has not added: ask them with an invite link."),
    ] = msgspec.field(default_factory=list)
    has_no_about: Annotated[
        bool, Meta(description="The chat stands, but Telegram did not take its `about`.")
    ] = False


class JoinChat(Input, frozen=True, kw_only=True):
    """Where to go in."""

    link: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=256,
            description="A public @name, a t.me link to a chat, or an invite link.",
        ),
    ]


class ForEveryoneQuery(Query, frozen=True, kw_only=True):
    """For whom it goes; there is no default, because the two differ for good."""

    for_everyone: bool
