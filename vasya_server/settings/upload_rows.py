"""The settings of files on their way to Telegram."""

from __future__ import annotations

from typing import Final

from vasya_server.settings.row import Setting
from vasya_server.settings.values import whole

_KIBIBYTE: Final = 1024
_GIBIBYTE: Final = 1024**3

UPLOADS: Final = (
    Setting(
        "VASYA_UPLOAD_MAX_BYTES",
        "upload_max_bytes",
        whole(_KIBIBYTE, 4 * _GIBIBYTE),
        str(2 * _GIBIBYTE),
        "Largest file that may be uploaded; Telegram itself takes about 2 GB, and twice as much from Premium accounts.",
        "bytes",
    ),
    Setting(
        "VASYA_UPLOADS_AT_ONCE",
        "uploads_at_once",
        whole(1, 1000),
        "16",
        "Requests with files that are received at once; more answer 429.",
        "requests",
    ),
    Setting(
        "VASYA_UPLOADS_PER_KEY",
        "uploads_per_key",
        whole(1, 1000),
        "2",
        "Requests with files of one agent key that are received at once; more answer 429.",
        "requests",
    ),
    Setting(
        "VASYA_FETCH_DEADLINE_SECS",
        "fetch_deadline_secs",
        whole(1, 86_400),
        "1800",
        "How long it may take in all to fetch a file from a URL that a caller names.",
        "seconds",
    ),
)
