from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from vasya_server.crypto.master_key import MasterKey
from vasya_server.delivery.hooks import Hook, HookConfig, HookSecrets, open_hook, resealing
from vasya_server.delivery.signing import signed_headers, written
from vasya_server.ids import OwnerId, WebhookId
from vasya_server.store.webhooks import WebhookRow

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = MasterKey(bytes(range(32)))
DAY_MS = 86_400_000
SIGNATURES = (
    "v1,u2rgICmKaz7Crof/4D/jHt9i3WcKXHk3jauOc2r/G3g= "
    "v1,4CH1G5xSNbq08pXIzUm91G1vaoGcWgfkRQJ9U4a8yhE="
)
HOOK = Hook(
    id=WebhookId("whk_a"),
    owner=OwnerId("own_a"),
    lineage="ak0123456789abcdef",
    is_disabled=True,
    generation=3,
    created_at_ms=1000,
    config=HookConfig(
        url="https://hooks.example.com/", types=None, account_ids=None, chats=None, include="ids"
    ),
    secrets=HookSecrets(current=b"\1" * 32, made_by="act_a"),
)


def stored(hook: Hook = HOOK) -> WebhookRow:
    params: Mapping[str, Any] = resealing(KEY, hook).params
    return WebhookRow(
        webhook_id=hook.id,
        owner_id=hook.owner,
        lineage=hook.lineage,
        is_disabled=int(hook.is_disabled),
        generation=hook.generation,
        created_at_ms=hook.created_at_ms,
        sealed=params["sealed"],
        position=7,
    )


def test_a_row_opens_as_it_was_stored() -> None:
    assert open_hook(KEY, stored()) == HOOK
    assert open_hook(KEY, stored(replace(HOOK, lineage=None))) == replace(HOOK, lineage=None)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("webhook_id", "whk_b"),
        ("owner_id", "own_b"),
        ("lineage", None),
        ("lineage", "ak0123456789abcde0"),
        ("is_disabled", 0),
        ("generation", 4),
        ("created_at_ms", 1001),
        ("sealed", b"x" * 200),
    ],
)
def test_a_row_with_another_value_does_not_open(column: str, value: Any) -> None:
    assert open_hook(KEY, msgspec.structs.replace(stored(), **{column: value})) is None


def test_a_row_opens_under_no_other_key() -> None:
    assert open_hook(MasterKey(bytes(32)), stored()) is None


def test_the_secret_before_a_rotation_signs_for_a_day() -> None:
    rotated = HOOK.secrets.renewed("act_b", 5)

    assert HOOK.secrets.at(0) == [b"\1" * 32]
    assert len(rotated.current) == 32
    assert rotated.at(5 + DAY_MS - 1) == [rotated.current, b"\1" * 32]
    assert rotated.at(5 + DAY_MS) == [rotated.current]


def test_a_rotation_that_is_repeated_keeps_the_secret_that_receivers_have() -> None:
    rotated = HOOK.secrets.renewed("act_b", 5)

    again = rotated.renewed("act_b", 9)

    assert again.current != rotated.current
    assert again.previous == b"\1" * 32
    assert again.previous_until_ms == 5 + DAY_MS
    assert HOOK.secrets.renewed("act_a", 5).previous is None


def test_a_signature_is_that_of_the_specification() -> None:
    """Written out as the published package computes it."""
    secret = b"\x31" * 24

    headers = signed_headers(
        [secret, b"\x32" * 24], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )

    assert written(secret) == "whsec_MTExMTExMTExMTExMTExMTExMTExMTEx"
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == SIGNATURES


def test_no_repr_shows_a_secret_or_an_url() -> None:
    assert "hooks.example.com" not in repr(HOOK)
    assert "\\x01" not in repr(HOOK)
