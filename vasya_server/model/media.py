"""Files on their way to Telegram."""

from __future__ import annotations

from datetime import datetime

from vasya_server.model.base import Untrusted, Wire


class Upload(Wire, frozen=True, kw_only=True):
    """A file that lies ready at Telegram, to be sent by its id until it expires."""

    upload_id: str
    file_name: Untrusted
    mime_type: str
    size_bytes: int
    expires_at: datetime
