"""The pictures of chats and people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from vasya_server.model.base import Input, Query, Wire


class Photo(Wire, frozen=True, kw_only=True):
    """A picture that a chat or somebody shows or has shown; `sizeBytes`, `width` and `height` are of its largest form."""

    id: Annotated[str, Meta(description="Decimal.")]
    added_at: datetime = msgspec.field()
    message_id: Annotated[int | None, Meta(description="The note of it in a group or channel.")] = (
        None
    )
    size_bytes: int = 0
    width: int = 0
    height: int = 0
    has_video: bool = False


class PhotoPage(Wire, frozen=True, kw_only=True):
    """Pictures, the newest first."""

    items: list[Photo] = msgspec.field()
    next: str | None = None


class PhotoQuery(Query, frozen=True, kw_only=True):
    """Which part of the pictures."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: Annotated[str, Meta(max_length=512)] | None = None


class SetPhoto(Input, frozen=True, kw_only=True):
    """A picture to show."""

    upload_id: Annotated[str, Meta(min_length=1, max_length=64, description="Of POST …/uploads.")]
