"""The settings of the rate limits (D-8.1): every number that a bucket has."""

from __future__ import annotations

from typing import Final

from vasya_server.settings.row import Setting
from vasya_server.settings.values import whole

_MOST: Final = 1_000_000


def _limit(
    name: str, default: int, unit: str, sentence: str, *, most: int = _MOST, least: int = 1
) -> Setting:
    field = name.lower()
    return Setting(f"VASYA_{name}", field, whole(least, most), str(default), sentence, unit)


LIMITS: Final = (
    _limit(
        "LIMIT_READ_PER_MIN",
        120,
        "requests per minute",
        "How many requests of an agent key come back in a minute; each costs one.",
    ),
    _limit("LIMIT_READ_BURST", 60, "requests", "How many requests a key may make at once."),
    _limit(
        "LIMIT_MUTATE_PER_MIN",
        30,
        "changes per minute",
        "How many changes of an agent key come back in a minute.",
    ),
    _limit("LIMIT_MUTATE_BURST", 30, "changes", "How many changes a key may make at once."),
    _limit(
        "LIMIT_HUMAN_FACTOR",
        10,
        "times",
        "How many times a key's requests and changes a human has.",
        most=1000,
    ),
    _limit(
        "LIMIT_CHAT_PER_HOUR",
        20,
        "sends per hour",
        "How often an agent key may send or forward into one chat.",
    ),
    _limit(
        "LIMIT_NEW_CHATS_PER_DAY",
        10,
        "new chats per day",
        "How many chats without any message agent keys may begin from one account, all keys together.",
    ),
    _limit(
        "LIMIT_LOGIN_PER_HOUR",
        3,
        "logins per hour",
        "How many logins by code may be begun for one phone number.",
    ),
    _limit("LIMIT_LOGIN_PER_DAY", 5, "logins per day", "The same, over a day."),
    _limit(
        "LIMIT_AUTHFAIL_PER_MIN",
        10,
        "failures per minute",
        "How many wrong credentials of one address are answered 401; more are 429.",
    ),
    _limit(
        "LIMIT_FILES_PER_MIN",
        60,
        "requests per minute",
        "How many links to files one address may open in a minute.",
    ),
    _limit(
        "LIMIT_DOWNLOAD_BYTES_PER_DAY",
        20 * 1024**3,
        "bytes per day",
        "How many bytes of files an agent key is handed out in a day.",
        most=1024**5,
        least=1024**2,
    ),
    Setting(
        "VASYA_DOWNLOADS_PER_KEY",
        "downloads_per_key",
        whole(1, 1000),
        "2",
        "Downloads of one agent key at once; more answer 429.",
    ),
)
