"""What was said in a voice note or video note."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vasya_server.model.base import Sanitized, Untrusted, Wire


class Transcript(Wire, frozen=True, kw_only=True):
    """What was said, as a machine has heard it; the words are other people's.

    Args:
        language: What it was taken for, where that is told.
    """

    text: Untrusted = msgspec.field()
    source: Annotated[
        Literal["telegram", "deepgram"], Meta(description="Who has transcribed it.")
    ] = msgspec.field()
    language: str | None = None
    sanitized: Sanitized | None = None
    trust: Literal["untrusted"] = msgspec.field()
