"""Files on their way to Telegram, and links to those that are there."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from vasya_server.model.base import Input, OptionalInput, ShownOnce, Untrusted, Wire


class UploadUrl(Input, frozen=True, kw_only=True):
    """Where a file is to be fetched from."""

    url: Annotated[str, Meta(min_length=1, max_length=2048, description="https, and public.")]


class Upload(Wire, frozen=True, kw_only=True):
    """A file that lies ready at Telegram, to be sent by its id until it expires."""

    upload_id: str
    file_name: Untrusted
    mime_type: str
    size_bytes: int
    expires_at: datetime


class NewLink(OptionalInput, frozen=True, kw_only=True):
    """For how long a link to a file is good."""

    ttl_secs: Annotated[int, Meta(ge=1, le=3600, description="Seconds until it opens nothing.")] = (
        300
    )


class MediaLink(ShownOnce, frozen=True, kw_only=True):
    """A link that opens one file for whoever has it, and whether it was shown before: it is shown once."""

    url: Annotated[
        str | None, Meta(description="A secret: whoever has it gets the file. Shown once.")
    ] = None
    url_shown: bool = False
    expires_at: datetime = msgspec.field()

    def kept(self) -> Self:
        """Return when it ends, without the link itself."""
        return msgspec.structs.replace(self, url=None, url_shown=True)

    def __repr__(self) -> str:
        return "MediaLink(…)"
