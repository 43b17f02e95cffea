"""Transcripts: Telegram's own, then the provider's where an owner has set one, once for each voice note."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API
from tests.outbound.servers import Server, serving
from tests.problems import assert_problem
from vasya_sandbox.faults import Action, Fault
from vasya_sandbox.records import FileMedia
from vasya_server.auth.chat_lists import ChatRule
from vasya_server.delivery.retention import Retention
from vasya_server.gateway import DATABASE_FILE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx

    from tests.api.conftest import Acting, Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

    WithKey = Callable[..., Awaitable[httpx.AsyncClient]]

WORDS = "See you at seven."
SOUND = b"OggS" + bytes(range(256)) * 40
KEY = "0123456789abcdef0123456789abcdef"
HEARD = {
    "results": {
        "channels": [
            {
                "detected_language": "en",
                "alternatives": [{"transcript": "Heard by another.", "confidence": 0.9}],
            }
        ]
    }
}


def voice(scene: Scene, speech: str = WORDS, kind: Any = "voice") -> str:
    """Let Bob say something, and return the path of its message in Alice's chat with him."""
    file = scene.world.add_file(kind, "audio/ogg", data=SOUND, duration_secs=3, speech=speech)
    posted = scene.world.post(scene.bob, scene.alice, media=FileMedia(file.id)).message
    return f"chats/@bob_b/messages/{posted.copies[scene.alice.id]}"


@contextlib.asynccontextmanager
async def deepgram(
    gateway_env: dict[str, str], status: int = 200, body: object = HEARD
) -> AsyncIterator[Server]:
    content = json.dumps(body).encode()

    async def answer(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)
        await writer.drain()

    async with serving(answer) as server:
        gateway_env["VASYA_OUTBOUND_LOOPBACK"] = "on"
        gateway_env["VASYA_DEEPGRAM_URL"] = f"http://127.0.0.1:{server.port}/v1/listen?model=x"
        yield server


async def log_in(client: httpx.AsyncClient, dc: DataCentre, scene: Scene) -> str:
    response = await client.post(
        f"{API}/telegram/login/session", json={"session": dc.mint(scene.alice)}
    )
    assert response.is_success, response.text
    return f"{API}/accounts/me"


@pytest.mark.parametrize("kind", ["voice", "video_note"])
async def test_what_telegram_hears_is_told_at_once(
    client: httpx.AsyncClient, account: str, scene: Scene, kind: str
) -> None:
    response = await client.get(f"{account}/{voice(scene, kind=kind)}/transcript")

    assert response.status_code == 200
    assert response.json() == {"text": WORDS, "source": "telegram", "trust": "untrusted"}


async def test_telegram_is_asked_once(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    path = f"{account}/{voice(scene)}/transcript"

    answers = [await each.get(path) for each in (client, agent, client)]

    assert {answer.text for answer in answers} == {answers[0].text}
    assert dc.requests["messages.TranscribeAudio"] == 1


async def test_what_is_known_stands_in_the_message_too(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    path = voice(scene)
    before = (await client.get(f"{account}/{path}")).json()
    await client.get(f"{account}/{path}/transcript")

    after = (await client.get(f"{account}/{path}")).json()
    page = (await client.get(f"{account}/chats/@bob_b/messages", params={"limit": 1})).json()

    assert "transcript" not in before["media"]
    assert after["media"]["transcript"] == WORDS
    assert page["items"][0]["media"]["transcript"] == WORDS


async def test_what_takes_longer_is_an_action_that_has_it_as_its_result(
    client: httpx.AsyncClient, account: str, account_id: str, scene: Scene
) -> None:
    scene.world.transcribing_secs = 2.0

    response = await client.get(f"{account}/{voice(scene)}/transcript")

    assert response.status_code == 202
    action = response.json()
    assert response.headers["action-id"] == action["actionId"]
    assert (action["status"], action["kind"]) == ("started", "media:transcribe")
    assert action["accountId"] == account_id
    now = (await client.get(f"{API}/actions/{action['actionId']}")).json()
    assert now == action
    done = await client.get(f"{API}/actions/{action['actionId']}", params={"wait": 10})
    assert done.json()["status"] == "done"
    assert done.json()["result"] == {"text": WORDS, "source": "telegram", "trust": "untrusted"}


async def test_all_who_ask_meanwhile_wait_for_one_attempt(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    scene.world.transcribing_secs = 2.5
    path = f"{account}/{voice(scene)}/transcript"

    first, again, other = await asyncio.gather(client.get(path), client.get(path), agent.get(path))

    ids = [answer.json()["actionId"] for answer in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]
    done = await agent.get(f"{API}/actions/{ids[2]}", params={"wait": 10})
    assert done.json()["result"]["text"] == WORDS
    assert done.json()["keyId"] == (await agent.get(f"{API}/whoami")).json()["keyId"]
    assert dc.requests["messages.TranscribeAudio"] == 1
    assert_problem(await agent.get(f"{API}/actions/{ids[0]}"), 403, "access_denied")
    assert (await client.get(f"{API}/actions/{ids[2]}")).status_code == 200


async def test_a_key_that_may_not_read_the_chat_any_more_is_not_told(
    client: httpx.AsyncClient, with_key: WithKey, account: str, scene: Scene
) -> None:
    scene.world.transcribing_secs = 1.5
    agent = await with_key(scopes=["stt:use"])
    action = (await agent.get(f"{account}/{voice(scene)}/transcript")).json()
    key_id = action["keyId"]

    narrower = {"chats": {"read": {"ids": [scene.carol.id]}}}
    changed = await client.patch(f"{API}/agent-keys/{key_id}", json=narrower)
    told = await agent.get(f"{API}/actions/{action['actionId']}", params={"wait": 10})

    assert changed.status_code == 200, changed.text
    assert told.json()["status"] == "done"
    assert "result" not in told.json()


@pytest.mark.parametrize("what", ["text", "document"])
async def test_nothing_is_said_in_other_messages(
    client: httpx.AsyncClient, account: str, scene: Scene, what: str
) -> None:
    path = voice(scene, kind="document")
    if what == "text":
        page = (await client.get(f"{account}/chats/@bob_b/messages", params={"limit": 2})).json()
        path = f"chats/@bob_b/messages/{page['items'][1]['id']}"

    assert_problem(await client.get(f"{account}/{path}/transcript"), 404, "media_not_found")


async def test_a_transcript_needs_its_scope_and_the_chat(
    with_key: WithKey, acting: Acting, account: str, scene: Scene
) -> None:
    path = f"{account}/{voice(scene)}/transcript"
    reader = await with_key(scopes=["messages:read"])
    stranger = await acting(ChatRule(ids=frozenset({scene.carol.id})))

    assert_problem(await reader.get(path), 403, "scope_required")
    assert_problem(await stranger.get(path), 403, "chat_not_allowed")


async def test_login_codes_are_not_read_out_to_agents(
    client: httpx.AsyncClient, agent: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    file = scene.world.add_file("voice", "audio/ogg", data=SOUND, speech="code 12345")
    posted = scene.world.post(scene.world.service, scene.alice, media=FileMedia(file.id)).message
    path = f"{account}/chats/777000/messages/{posted.copies[scene.alice.id]}"

    assert (await client.get(f"{path}/transcript")).json()["text"] == "code 12345"
    assert_problem(await agent.get(f"{path}/transcript"), 403, "service_chat")
    assert "12345" not in (await agent.get(path)).text


async def test_words_that_nobody_sees_are_taken_out(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    path = voice(scene, "pay\u202e now\u200b")

    told = (await client.get(f"{account}/{path}/transcript")).json()

    assert told["text"] == "pay now"
    assert told["sanitized"] == {"removed": 2, "classes": ["bidi", "zero_width"]}


async def test_without_premium_and_provider_there_is_none(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    scene.world.free_transcripts = 0
    response = await client.get(f"{account}/{voice(scene)}/transcript")

    assert_problem(response, 409, "transcript_unavailable")
    assert "Premium" in response.json()["detail"]


async def test_what_telegram_does_not_understand_there_is_none_of(
    client: httpx.AsyncClient, account: str, scene: Scene
) -> None:
    response = await client.get(f"{account}/{voice(scene, '')}/transcript")

    assert_problem(response, 409, "transcript_unavailable")
    assert response.json()["detail"] == "Telegram understood nothing of it."


async def test_a_flood_wait_is_told(
    client: httpx.AsyncClient, account: str, scene: Scene, dc: DataCentre
) -> None:
    dc.faults.add(Fault(action=Action.FLOOD_WAIT, request="messages.TranscribeAudio", secs=9))

    response = await client.get(f"{account}/{voice(scene)}/transcript")

    assert_problem(response, 429, "telegram_flood_wait")


async def test_a_transcript_that_fails_later_says_so_in_its_action(
    environment: dict[str, str], serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    environment["VASYA_TRANSCRIPT_DEADLINE_SECS"] = "2"
    scene.world.transcribing_secs = 60
    async with serve() as (_, client):
        account = await log_in(client, dc, scene)
        action = (await client.get(f"{account}/{voice(scene)}/transcript")).json()

        done = await client.get(f"{API}/actions/{action['actionId']}", params={"wait": 10})

    assert done.json()["status"] == "failed"
    assert done.json()["problem"]["code"] == "telegram_timeout"


class TestWithAProvider:
    async def test_it_hears_what_telegram_does_not(
        self, environment: dict[str, str], serve: Serve, dc: DataCentre, scene: Scene
    ) -> None:
        scene.world.free_transcripts = 0
        async with deepgram(environment) as provider, serve() as (_, client):
            account = await log_in(client, dc, scene)
            await client.put(f"{API}/providers/deepgram", json={"key": KEY})
            path = voice(scene)

            told = [await client.get(f"{account}/{path}/transcript") for _ in range(2)]

            assert told[0].json() == {
                "text": "Heard by another.",
                "source": "deepgram",
                "language": "en",
                "trust": "untrusted",
            }
            assert told[1].json() == told[0].json()
            (request,) = provider.received
            assert request.line == "POST /v1/listen?model=x HTTP/1.1"
            assert request.headers["authorization"] == [f"Token {KEY}"]
            assert request.headers["content-type"] == ["audio/ogg"]
            assert request.body == SOUND
            lines = (await client.get(f"{API}/audit")).json()["items"]
            assert lines[0]["action"] == "media:transcribe"

    async def test_it_is_asked_for_nothing_that_telegram_hears(
        self, environment: dict[str, str], serve: Serve, dc: DataCentre, scene: Scene
    ) -> None:
        async with deepgram(environment) as provider, serve() as (_, client):
            account = await log_in(client, dc, scene)
            await client.put(f"{API}/providers/deepgram", json={"key": KEY})

            told = await client.get(f"{account}/{voice(scene)}/transcript")

            assert told.json()["source"] == "telegram"
            assert provider.received == []

    @pytest.mark.parametrize(
        ("status", "body", "detail"),
        [
            (401, {}, "Deepgram does not take the key that is set."),
            (402, {}, "The Deepgram account has no credit left."),
            (429, {}, "Deepgram asks to wait."),
            (500, {}, "The provider did not answer as it should."),
            (599, {}, "The provider did not answer as it should."),
            (200, {"results": {"channels": []}}, "Deepgram answered something else"),
            (200, "x", "Deepgram answered something else"),
        ],
    )
    async def test_what_it_refuses_is_told_and_not_kept(
        self,
        environment: dict[str, str],
        serve: Serve,
        dc: DataCentre,
        scene: Scene,
        status: int,
        body: object,
        detail: str,
    ) -> None:
        scene.world.free_transcripts = 0
        async with deepgram(environment, status, body) as provider, serve() as (_, client):
            account = await log_in(client, dc, scene)
            await client.put(f"{API}/providers/deepgram", json={"key": KEY})
            path = voice(scene)

            for _ in range(2):
                response = await client.get(f"{account}/{path}/transcript")
                assert_problem(response, 502, "provider_failed")
                assert response.json()["detail"].startswith(detail)
                assert KEY not in response.text
            assert len(provider.received) == 2

    async def test_it_is_handed_nothing_large(
        self, environment: dict[str, str], serve: Serve, dc: DataCentre, scene: Scene
    ) -> None:
        environment["VASYA_TRANSCRIPT_MAX_BYTES"] = "1024"
        scene.world.free_transcripts = 0
        async with deepgram(environment) as provider, serve() as (_, client):
            account = await log_in(client, dc, scene)
            await client.put(f"{API}/providers/deepgram", json={"key": KEY})

            response = await client.get(f"{account}/{voice(scene)}/transcript")

            assert_problem(response, 409, "transcript_unavailable")
            assert provider.received == []

    async def test_it_is_not_reached_at_an_address_that_is_not_public(
        self, environment: dict[str, str], serve: Serve, dc: DataCentre, scene: Scene
    ) -> None:
        scene.world.free_transcripts = 0
        async with deepgram(environment) as provider:
            environment["VASYA_OUTBOUND_LOOPBACK"] = "off"
            async with serve() as (_, client):
                account = await log_in(client, dc, scene)
                await client.put(f"{API}/providers/deepgram", json={"key": KEY})

                response = await client.get(f"{account}/{voice(scene)}/transcript")

                assert_problem(response, 502, "provider_failed")
                assert provider.connections == 0


async def test_transcripts_are_sealed_and_forgotten_as_events_are(
    serve: Serve, clock: MovableClock, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (gateway, client):
        account = await log_in(client, dc, scene)
        path = f"{account}/{voice(scene)}/transcript"
        await client.get(path)
        assert stored(gateway) == 1
        for file in gateway.settings.data_dir.iterdir():
            if file.is_file():
                assert b"at seven" not in file.read_bytes()

        retention = Retention(
            gateway.db, gateway.events, gateway.owner_settings, gateway.settings, clock
        )
        clock.ahead = timedelta(days=6)
        await retention.forget()
        assert stored(gateway) == 1
        clock.ahead = timedelta(days=8)
        await retention.forget()
        assert stored(gateway) == 0


async def test_transcripts_outlive_the_process_and_end_with_the_account(
    serve: Serve, dc: DataCentre, scene: Scene
) -> None:
    async with serve() as (_, client):
        account = await log_in(client, dc, scene)
        path = f"{account}/{voice(scene)}/transcript"
        await client.get(path)
    async with serve() as (gateway, client):
        dc.reset_counters()
        assert (await client.get(path)).json()["text"] == WORDS
        assert dc.requests["messages.TranscribeAudio"] == 0

        await client.delete(account)

        assert stored(gateway) == 0


def stored(gateway: Gateway) -> int:
    with closing(sqlite3.connect(gateway.settings.data_dir / DATABASE_FILE)) as db:
        return int(db.execute("SELECT count(*) FROM transcripts").fetchone()[0])
