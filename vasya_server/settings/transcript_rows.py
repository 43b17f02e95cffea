"""The settings of transcripts."""

from __future__ import annotations

from typing import Final

from vasya_server.settings.row import Setting
from vasya_server.settings.values import text, whole

TRANSCRIPTS: Final = (
    Setting(
        "VASYA_DEEPGRAM_URL",
        "deepgram_url",
        text,
        "https://api.deepgram.com/v1/listen?model=nova-3&detect_language=true&smart_format=true",
        "Where Deepgram listens, with the model and what else it is asked for; owners set their own key.",
    ),
    Setting(
        "VASYA_TRANSCRIPT_MAX_BYTES",
        "transcript_max_bytes",
        whole(1024, 10 * 1024**2),
        str(10 * 1024**2),
        "Largest sound that a provider of speech to text is handed.",
        "bytes",
    ),
    Setting(
        "VASYA_TRANSCRIPT_DEADLINE_SECS",
        "transcript_deadline_secs",
        whole(1, 3600),
        "180",
        "How long Telegram, and after it a provider, may take over one transcript.",
        "seconds",
    ),
)
