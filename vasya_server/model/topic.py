"""Topics of a forum, and what is said to make and change them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from vasya_server.model.base import Input, Query, Raw, Sanitized, Untrusted, Wire


class Topic(Wire, frozen=True, kw_only=True):
    """A topic of a forum; 1 is the general one, which takes what belongs to no other."""

    id: int
    title: Untrusted = ""
    is_closed: bool = False
    is_pinned: bool = False
    is_hidden: bool = False
    unread_count: int = 0
    sanitized: Sanitized | None = None


class TopicPage(Wire, frozen=True, kw_only=True):
    """Topics of one forum, the pinned ones and then those with the latest message first."""

    items: list[Topic] = msgspec.field()
    next: str | None = None
    trust: Literal["untrusted"] = msgspec.field()


class TopicFilter(Query, frozen=True, kw_only=True):
    """Which topics to list."""

    q: Annotated[str, Meta(min_length=1, max_length=128, description="Part of a title.")] | None = (
        None
    )
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None
    raw: Raw = False


# Source: https://core.telegram.org/method/messages.createForumTopic
TopicTitle = Annotated[str, Meta(min_length=1, max_length=128)]


class NewTopic(Input, frozen=True, kw_only=True):
    """A topic to be made."""

    title: TopicTitle


class TopicPatch(Input, frozen=True, kw_only=True):
    """What to change about a topic; what is not named stays as it is."""

    title: TopicTitle | UnsetType = UNSET
    is_closed: bool | UnsetType = UNSET
    is_pinned: bool | UnsetType = UNSET
    is_hidden: bool | UnsetType = UNSET
