"""The settings of webhooks (D-10.3)."""

from __future__ import annotations

from typing import Final

from vasya_server.settings.row import Setting
from vasya_server.settings.values import seconds, several_seconds, whole

WEBHOOKS: Final = (
    Setting(
        "VASYA_WEBHOOK_MAX",
        "webhook_max",
        whole(1, 10_000),
        "50",
        "How many webhooks an owner may have, disabled ones included.",
        "webhooks",
    ),
    Setting(
        "VASYA_WEBHOOK_DEADLINE_SECS",
        "webhook_deadline_secs",
        whole(1, 60),
        "15",
        "How long a webhook's receiver may take to answer.",
        "seconds",
    ),
    Setting(
        "VASYA_WEBHOOK_RETRY_SECS",
        "webhook_retry_secs",
        several_seconds,
        "5,30,120,600,1800,3600",
        "How long to wait after each failed attempt at a webhook, separated by commas; the last one holds for all others.",
        "seconds",
    ),
    Setting(
        "VASYA_WEBHOOK_GIVE_UP_SECS",
        "webhook_give_up_secs",
        whole(1, 7 * 86_400),
        "86400",
        "How long an event is tried at a webhook before it is set aside and the next one comes.",
        "seconds",
    ),
    Setting(
        "VASYA_WEBHOOK_PAUSE_SECS",
        "webhook_pause_secs",
        seconds,
        "60",
        "How long a host is left alone at which five attempts in a row have failed.",
        "seconds",
    ),
)
