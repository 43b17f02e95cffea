"""Agent keys over HTTP: made once, shown once, changed, rotated, revoked."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import API
from tests.problems import assert_problem
from vasya_sandbox.chat_lists import Folder
from vasya_server.auth.agent_keys import parse_key

if TYPE_CHECKING:
    import httpx

    from tests.api.conftest import Scene, Serve
    from tests.clocks import MovableClock
    from vasya_sandbox.dc import DataCentre
    from vasya_server.gateway import Gateway

KEYS = f"{API}/agent-keys"
READER = {"name": "reader", "preset": "chat_reader"}
ONE_INTENT = {"Idempotency-Key": "one-intent"}
SECRET = re.compile(r"vk_ak[0-9a-f]{16}_[0-9a-f]{72}")


async def make(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    response = await client.post(KEYS, json=READER | body)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def refused(client: httpx.AsyncClient, code: str, **body: Any) -> list[dict[str, Any]]:
    """Return which fields a key is refused for."""
    problem = assert_problem(await client.post(KEYS, json=READER | body), 422, code)
    errors: list[dict[str, Any]] = problem["errors"]
    return errors


async def presented(gateway: Gateway, secret: str) -> str:
    """Return what becomes of a request with that key: `ok`, or the code of the refusal."""
    token = secret.encode()
    if gateway.keys.cached(token) is not None:
        return "ok"
    try:
        await gateway.keys.authenticate(token)
    except Exception as error:  # noqa: BLE001 — its code is what is asked for
        return str(getattr(error, "code", error))
    return "ok"


async def test_a_key_is_made_with_what_was_asked_for(
    client: httpx.AsyncClient, account_id: str
) -> None:
    response = await client.post(
        KEYS,
        json={
            "name": "Support",
            "preset": "drafter",
            "scopes": ["messages:delete"],
            "accountIds": [account_id],
            "chats": {"read": {"ids": [123, "-100200300"]}, "write": {"except": [7]}},
            "ttlSecs": 3600,
        },
    )

    made = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"{KEYS}/{made['id']}"
    assert response.headers["cache-control"] == "no-store"
    assert SECRET.fullmatch(made["secret"])
    assert parse_key(made["secret"].encode()) == made["id"]
    created_at = datetime.fromisoformat(made.pop("createdAt"))
    assert datetime.fromisoformat(made.pop("expiresAt")) - created_at <= timedelta(hours=1)
    assert {name: made[name] for name in made.keys() - {"id", "secret"}} == {
        "name": "Support",
        "scopes": [
            "chats:read",
            "events:read",
            "messages:delete",
            "messages:draft",
            "messages:read",
        ],
        "accountIds": [account_id],
        "chats": {"read": {"ids": [-100200300, 123]}, "write": {"except": [7]}},
    }


async def test_a_key_is_told_later_without_its_secret(client: httpx.AsyncClient) -> None:
    made = await make(client)
    secret = made.pop("secret")

    told = await client.get(f"{KEYS}/{made['id']}")
    listed = await client.get(KEYS)

    assert told.json() == made
    assert listed.json() == {"items": [made]}
    assert secret not in told.text + listed.text


async def test_the_same_request_again_makes_no_second_key_and_shows_no_secret(
    client: httpx.AsyncClient,
) -> None:
    first = await client.post(KEYS, json=READER, headers=ONE_INTENT)
    again = await client.post(KEYS, json=READER, headers=ONE_INTENT)

    made = first.json()
    assert again.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    del made["secret"]
    assert again.json() == made | {"secretShown": True}
    assert len((await client.get(KEYS)).json()["items"]) == 1


async def test_what_became_of_the_action_is_told_without_the_secret(
    client: httpx.AsyncClient,
) -> None:
    made = await client.post(KEYS, json=READER)

    action = await client.get(f"{API}/actions/{made.headers['action-id']}")

    assert action.json()["result"]["id"] == made.json()["id"]
    assert not SECRET.search(action.text)


async def test_the_secret_is_nowhere_but_in_the_answer(
    client: httpx.AsyncClient, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    made = await make(client)
    rotated = (await client.post(f"{KEYS}/{made['id']}/rotate")).json()
    await presented(gateway, rotated["secret"])
    await gateway.keys.close()

    kept = b"".join(p.read_bytes() for p in gateway.settings.data_dir.iterdir() if p.is_file())
    for secret in (made["secret"], rotated["secret"]):
        hidden = secret.rpartition("_")[2][:64]
        assert hidden.encode() not in kept
        assert bytes.fromhex(hidden) not in kept
        assert hidden not in caplog.text
    assert made["id"].encode() in kept
    assert b"reader" not in kept


@pytest.mark.parametrize(
    ("preset", "scopes"),
    [
        ("chat_reader", ["chats:read", "events:read", "messages:read"]),
        (
            "reader",
            [
                "accounts:read",
                "chats:read",
                "contacts:read",
                "events:read",
                "folders:read",
                "messages:read",
            ],
        ),
        ("drafter", ["chats:read", "events:read", "messages:draft", "messages:read"]),
        (
            "assistant",
            [
                "chats:read",
                "events:read",
                "messages:draft",
                "messages:react",
                "messages:read",
                "messages:send",
            ],
        ),
    ],
)
async def test_a_preset_is_its_scopes_as_they_are_now(
    client: httpx.AsyncClient, preset: str, scopes: list[str]
) -> None:
    told = {p["preset"]: p for p in (await client.get(f"{KEYS}/scopes")).json()["presets"]}

    assert told[preset]["scopes"] == scopes
    assert (await make(client, preset=preset))["scopes"] == scopes


async def test_the_scopes_are_told_with_what_is_destructive(client: httpx.AsyncClient) -> None:
    told = (await client.get(f"{KEYS}/scopes")).json()
    destructive = {each["scope"] for each in told["items"] if each.get("isDestructive")}

    assert len(told["items"]) == 21
    assert destructive == {
        "accounts:delete",
        "chats:moderate",
        "chats:delete",
        "messages:forward",
        "messages:delete",
        "webhooks:write",
    }
    assert not destructive & {scope for each in told["presets"] for scope in each["scopes"]}


@pytest.mark.parametrize("name", ["", " x", "x ", "a\nb", "a\u202eb", "\u200b", "x" * 65, 7, None])
async def test_a_name_that_hides_something_is_refused(
    client: httpx.AsyncClient, name: object
) -> None:
    errors = await refused(client, "validation_failed", name=name)

    assert [each["pointer"] for each in errors] == ["/name"]


async def test_a_name_may_be_in_any_script(client: httpx.AsyncClient) -> None:
    assert (await make(client, name="Помощник № 1"))["name"] == "Помощник № 1"


async def test_an_unknown_scope_is_refused_and_pointed_at(client: httpx.AsyncClient) -> None:
    errors = await refused(client, "unknown_scope", scopes=["chats:read", "chats:*"])

    assert [(each["pointer"], each["code"]) for each in errors] == [("/scopes/1", "unknown")]
    assert "chats:read" in errors[0]["allowed"]


@pytest.mark.parametrize(
    ("given", "pointer", "code"),
    [
        ({"preset": None, "scopes": []}, "/scopes", "missing"),
        ({"scopes": ["chats:read", "chats:read"]}, "/scopes", "repeated"),
        ({"preset": "admin"}, "/preset", "not_allowed"),
        ({"ttlSecs": 0}, "/ttlSecs", "out_of_range"),
        ({"ttlSecs": 31_536_001}, "/ttlSecs", "out_of_range"),
        ({"ttlSecs": 60, "expiresAt": "2100-01-01T00:00:00Z"}, "/ttlSecs", "exclusive"),
        ({"expiresAt": "2001-01-01T00:00:00Z"}, "/expiresAt", "out_of_range"),
        ({"expiresAt": "9999-12-31T23:59:59-14:00"}, "/expiresAt", "out_of_range"),
        ({"expiresAt": "9999-12-31T23:59:59.999999Z"}, "/expiresAt", "out_of_range"),
        ({"expiresAt": "0001-01-01T00:00:00+14:00"}, "/expiresAt", "out_of_range"),
        ({"expiresAt": "2100-01-01T00:00:00"}, "/expiresAt", "invalid"),
        ({"accountIds": ["acc_aaaaaaaaaaaaaaaaaaaaaaaaaa"]}, "/accountIds/0", "unknown"),
        ({"accountIds": ["me"]}, "/accountIds/0", "unknown"),
        ({"chats": {"read": {"ids": [0]}}}, "/chats/read/ids/0", "out_of_range"),
        ({"chats": {"write": {"ids": ["@bob"]}}}, "/chats/write/ids/0", "one_account_needed"),
        ({"chats": {"read": {"except": ["me"]}}}, "/chats/read/except/0", "one_account_needed"),
        ({"chats": {"read": {"folders": [2]}}}, "/chats/read/folders", "one_account_needed"),
        ({"chats": {"read": {"titles": ["x"]}}}, "/chats/read/titles", "unknown"),
        ({"approval": {"messages:send": "sometimes"}}, "/approval", "invalid"),
        ({"approval": {"messages:sned": "always"}}, "/approval/messages:sned", "unknown"),
        ({"approval": {"a/b~c": "always"}}, "/approval/a~1b~0c", "unknown"),
        ({"approval": {"messages:delete": "always"}}, "/approval/messages:delete", "unknown"),
        ({"approval": {"messages:read": "always"}}, "/approval/messages:read", "unknown"),
        ({"approvalTtlSecs": 59}, "/approvalTtlSecs", "out_of_range"),
        ({"approvalTtlSecs": 2_592_001}, "/approvalTtlSecs", "out_of_range"),
        ({"budgets": {"perDay": 1}}, "/budgets/perDay", "unknown"),
        ({"undoSecs": 59}, "/undoSecs", "out_of_range"),
        ({"undoSecs": 86_401}, "/undoSecs", "out_of_range"),
        ({"isRevoked": False}, "/isRevoked", "unknown"),
    ],
)
async def test_what_cannot_be_given_is_refused(
    client: httpx.AsyncClient, given: dict[str, Any], pointer: str, code: str
) -> None:
    errors = await refused(client, "validation_failed", **given)

    assert [(each["pointer"], each["code"]) for each in errors] == [(pointer, code)]
    assert (await client.get(KEYS)).json() == {"items": []}


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"accountIds": []}, "/accountIds"),
        ({"chats": {}}, "/chats"),
        ({"chats": {"read": {}}}, "/chats/read"),
        ({"chats": {"read": {"ids": [1]}, "write": {"ids": []}}}, "/chats/write"),
    ],
)
async def test_a_list_that_would_allow_nothing_is_never_taken_for_none(
    client: httpx.AsyncClient, given: dict[str, Any], pointer: str
) -> None:
    errors = await refused(client, "empty_allowlist", **given)

    assert [(each["pointer"], each["code"]) for each in errors] == [(pointer, "empty")]


@pytest.mark.parametrize("half", ["read", "write"])
async def test_a_half_that_is_left_out_is_as_the_other(
    client: httpx.AsyncClient, half: str
) -> None:
    chats = (await make(client, chats={half: {"ids": [5], "except": [6]}}))["chats"]

    assert chats["read"] == chats["write"] == {"ids": [5], "except": [6]}


async def test_chats_are_resolved_for_a_key_of_one_account(
    client: httpx.AsyncClient, account_id: str, scene: Scene
) -> None:
    chats = {"read": {"ids": ["@bob_b", "me", str(scene.carol.id)], "except": ["@garden_club"]}}

    made = await make(client, accountIds=[account_id], chats=chats)

    assert made["chats"]["read"] == {
        "ids": sorted([scene.bob.id, scene.alice.id, scene.carol.id]),
        "except": [-1000000000000 - scene.supergroup.id],
    }


@pytest.mark.parametrize("reference", ["@nobody_at_all", "Garden club", "", "+491511234567"])
async def test_a_chat_that_is_not_there_is_said_before_the_key_is_made(
    client: httpx.AsyncClient, account_id: str, reference: str
) -> None:
    chats = {"read": {"ids": [5, reference]}}

    errors = await refused(client, "validation_failed", accountIds=[account_id], chats=chats)

    assert [(each["pointer"], each["code"]) for each in errors] == [
        ("/chats/read/ids/1", "unknown")
    ]
    assert (await client.get(KEYS)).json() == {"items": []}


async def test_a_key_of_one_account_may_name_its_folders(
    client: httpx.AsyncClient, account_id: str, scene: Scene
) -> None:
    scene.alice.folders.append(Folder(2, "Agent", [scene.bob.id]))

    made = await make(client, accountIds=[account_id], chats={"read": {"folders": [2]}})

    assert made["chats"] == {"read": {"folders": [2]}, "write": {"folders": [2]}}


@pytest.mark.parametrize("folder", [2, 3, 4])
async def test_a_folder_that_others_or_rules_fill_is_refused(
    client: httpx.AsyncClient, account_id: str, scene: Scene, folder: int
) -> None:
    scene.alice.folders += [
        Folder(2, "Friends", rules=["contacts"]),
        Folder(3, "Shared", [scene.bob.id], is_shared=True),
    ]
    body = READER | {"accountIds": [account_id], "chats": {"read": {"folders": [folder]}}}

    assert_problem(await client.post(KEYS, json=body), 422, "folder_unsuitable")


async def test_a_patch_changes_what_it_names_and_null_takes_a_limit_away(
    client: httpx.AsyncClient, account_id: str
) -> None:
    made = await make(client, accountIds=[account_id], chats={"read": {"ids": [5]}}, ttlSecs=60)
    path = f"{KEYS}/{made['id']}"

    narrowed = await client.patch(path, json={"scopes": ["chats:read"], "name": "less"})
    widened = await client.patch(path, json={"chats": None, "accountIds": None, "expiresAt": None})

    assert narrowed.json() == {
        **{name: made[name] for name in ("id", "createdAt", "expiresAt", "accountIds", "chats")},
        "name": "less",
        "scopes": ["chats:read"],
    }
    assert widened.json() == {
        "id": made["id"],
        "createdAt": made["createdAt"],
        "name": "less",
        "scopes": ["chats:read"],
    }
    assert (await client.get(path)).json() == widened.json()


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ({"scopes": []}, "validation_failed"),
        ({"scopes": ["x:y"]}, "unknown_scope"),
        ({"accountIds": []}, "empty_allowlist"),
        ({"chats": {}}, "empty_allowlist"),
        ({"name": "a\tb"}, "validation_failed"),
        ({"preset": "reader"}, "validation_failed"),
        ({"ttlSecs": None}, "validation_failed"),
    ],
)
async def test_a_patch_that_cannot_be_changes_nothing(
    client: httpx.AsyncClient, patch: dict[str, Any], code: str
) -> None:
    made = await make(client)
    del made["secret"]

    assert_problem(await client.patch(f"{KEYS}/{made['id']}", json=patch), 422, code)
    assert (await client.get(f"{KEYS}/{made['id']}")).json() == made


async def test_an_account_that_is_gone_stays_in_the_list(
    client: httpx.AsyncClient, account: str, account_id: str
) -> None:
    made = await make(client, accountIds=[account_id])
    await client.delete(account)

    renamed = await client.patch(
        f"{KEYS}/{made['id']}", json={"name": "late", "accountIds": [account_id]}
    )

    assert renamed.json()["accountIds"] == [account_id]


async def test_a_narrowed_key_is_narrow_from_its_next_request_on(
    client: httpx.AsyncClient, gateway: Gateway
) -> None:
    made = await make(client, preset="assistant")
    token = made["secret"].encode()
    await gateway.keys.authenticate(token)

    await client.patch(f"{KEYS}/{made['id']}", json={"scopes": ["chats:read"]})

    principal = gateway.keys.cached(token) or await gateway.keys.authenticate(token)
    assert principal.scopes == {"chats:read"}


async def test_a_rotated_key_has_the_same_grant_lineage_and_end(
    client: httpx.AsyncClient, gateway: Gateway
) -> None:
    old = await make(client, chats={"read": {"ids": [5]}}, ttlSecs=86_400)

    response = await client.post(f"{KEYS}/{old['id']}/rotate", json={})

    new = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"{KEYS}/{new['id']}"
    assert new["id"] != old["id"]
    for name in ("name", "scopes", "chats", "expiresAt"):
        assert new[name] == old[name]
    assert (await gateway.keys.authenticate(new["secret"].encode())).lineage == old["id"]
    assert await presented(gateway, old["secret"]) == "key_expired"


async def test_the_old_key_goes_on_for_its_grace_and_no_longer(
    serve: Serve, clock: MovableClock
) -> None:
    async with serve() as (gateway, client):
        old = await make(client)
        new = (await client.post(f"{KEYS}/{old['id']}/rotate", json={"graceSecs": 600})).json()

        assert await presented(gateway, old["secret"]) == "ok"
        clock.ahead = timedelta(seconds=601)
        assert await presented(gateway, old["secret"]) == "key_expired"
        assert await presented(gateway, new["secret"]) == "ok"


async def test_a_grace_never_outlives_the_key(client: httpx.AsyncClient) -> None:
    old = await make(client, ttlSecs=60)
    await client.post(f"{KEYS}/{old['id']}/rotate", json={"graceSecs": 86_400})

    assert (await client.get(f"{KEYS}/{old['id']}")).json()["expiresAt"] == old["expiresAt"]


async def test_a_lineage_has_at_most_two_live_keys(client: httpx.AsyncClient) -> None:
    first = await make(client)
    grace = {"graceSecs": 60}
    second = (await client.post(f"{KEYS}/{first['id']}/rotate", json=grace)).json()

    third = await client.post(f"{KEYS}/{second['id']}/rotate", json=grace)
    again = await client.post(f"{KEYS}/{first['id']}/rotate", json=grace)
    at_once = await client.post(f"{KEYS}/{second['id']}/rotate")

    assert_problem(third, 409, "too_many_keys")
    assert_problem(again, 409, "too_many_keys")
    assert at_once.status_code == 201
    assert len((await client.get(KEYS)).json()["items"]) == 3


@pytest.mark.parametrize("grace_secs", [-1, 86_401])
async def test_a_grace_is_at_most_a_day(client: httpx.AsyncClient, grace_secs: int) -> None:
    old = await make(client)
    response = await client.post(f"{KEYS}/{old['id']}/rotate", json={"graceSecs": grace_secs})

    assert_problem(response, 422, "validation_failed")


async def test_the_rotation_again_shows_no_secret(client: httpx.AsyncClient) -> None:
    old = await make(client)
    path = f"{KEYS}/{old['id']}/rotate"

    first = await client.post(path, headers=ONE_INTENT)
    again = await client.post(path, headers=ONE_INTENT)

    assert again.json()["id"] == first.json()["id"]
    assert again.json()["secretShown"] is True
    assert "secret" not in again.json()


async def test_a_revoked_key_is_refused_at_once_and_for_good(
    client: httpx.AsyncClient, gateway: Gateway
) -> None:
    made = await make(client)
    assert await presented(gateway, made["secret"]) == "ok"
    path = f"{KEYS}/{made['id']}"

    first = await client.delete(path)
    assert await presented(gateway, made["secret"]) == "key_revoked"
    second = await client.delete(path)

    assert (first.status_code, second.status_code) == (204, 204)
    assert (await client.get(path)).json()["isRevoked"] is True
    assert_problem(await client.patch(path, json={"name": "x"}), 409, "key_ended")
    assert_problem(await client.post(f"{path}/rotate"), 409, "key_ended")


async def test_an_expired_key_is_told_so_and_cannot_be_brought_back(
    serve: Serve, clock: MovableClock
) -> None:
    async with serve() as (gateway, client):
        made = await make(client, ttlSecs=30)
        assert await presented(gateway, made["secret"]) == "ok"
        clock.ahead = timedelta(seconds=31)

        assert await presented(gateway, made["secret"]) == "key_expired"
        extended = await client.patch(f"{KEYS}/{made['id']}", json={"expiresAt": None})
        assert_problem(extended, 409, "key_ended")


async def test_only_the_whole_key_learns_that_it_was_revoked(
    client: httpx.AsyncClient, gateway: Gateway
) -> None:
    made = await make(client)
    await client.delete(f"{KEYS}/{made['id']}")
    other = await make(client)

    swapped = other["secret"].replace(other["id"], made["id"])
    flipped = made["secret"][:-1] + ("0" if made["secret"][-1] != "0" else "1")

    assert await presented(gateway, swapped) == "invalid_token"
    assert await presented(gateway, flipped) == "invalid_token"


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE", "rotate"])
async def test_another_owners_key_and_none_are_not_told_apart(
    client: httpx.AsyncClient, gateway: Gateway, method: str
) -> None:
    stranger = await gateway.vault.owner("stranger")
    record = await gateway.keys.find(gateway.owner, (await make(client))["id"])
    theirs = await gateway.keys.create(
        type(record.id)("ak" + "b" * 16), stranger, record.grant, None
    )
    answers = []
    for key_id in (theirs.record.id, "ak" + "c" * 16, "self2", "ak"):
        path = f"{KEYS}/{key_id}"
        if method == "rotate":
            response = await client.post(f"{path}/rotate", json={})
        else:
            body = {"name": "x"} if method == "PATCH" else None
            response = await client.request(method, path, json=body)
        problem = assert_problem(response, 403, "access_denied")
        answers.append(
            {k: problem[k] for k in problem.keys() - {"requestId", "instance", "actionId"}}
        )

    assert answers[0] == answers[1] == answers[2] == answers[3]
    assert await presented(gateway, theirs.token) == "ok"
    assert len((await client.get(KEYS)).json()["items"]) == 1


async def test_a_human_is_told_that_only_a_key_ends_itself(client: httpx.AsyncClient) -> None:
    problem = assert_problem(await client.delete(f"{KEYS}/self"), 403, "agent_key_required")

    assert "DELETE /api/v1/agent-keys/{key}" in problem["remedy"]


async def test_the_list_is_paged_newest_first(client: httpx.AsyncClient) -> None:
    ids = [(await make(client, name=f"key {n}"))["id"] for n in range(3)]

    first = (await client.get(KEYS, params={"limit": 2})).json()
    rest = (await client.get(KEYS, params={"limit": 2, "cursor": first["next"]})).json()

    assert [each["id"] for each in first["items"]] + [each["id"] for each in rest["items"]] == [
        *reversed(ids)
    ]
    assert "next" not in rest
    wrong = await client.get(KEYS, params={"cursor": "AAAA"})
    assert_problem(wrong, 422, "validation_failed")


async def test_what_has_ended_is_listed_for_thirty_days_and_then_forgotten(
    serve: Serve, clock: MovableClock
) -> None:
    async with serve() as (_, client):
        revoked, expired = await make(client), await make(client, ttlSecs=60)
        await client.delete(f"{KEYS}/{revoked['id']}")
        clock.ahead = timedelta(days=29)
        listed = (await client.get(KEYS)).json()["items"]
        assert [(each["id"], each.get("isRevoked", False)) for each in listed] == [
            (expired["id"], False),
            (revoked["id"], True),
        ]
        clock.ahead = timedelta(days=31)
        assert (await client.get(KEYS)).json() == {"items": []}
    async with serve() as (gateway, client):
        async with asyncio.timeout(10):
            while await presented(gateway, revoked["secret"]) != "invalid_token":
                await asyncio.sleep(0.02)
        assert_problem(await client.get(f"{KEYS}/{revoked['id']}"), 403, "access_denied")


async def test_when_a_key_was_used_last_is_told_to_the_minute_and_survives_a_restart(
    serve: Serve,
) -> None:
    async with serve() as (gateway, client):
        made = await make(client)
        assert "lastUsedAt" not in (await client.get(f"{KEYS}/{made['id']}")).json()
        before = datetime.now(UTC).replace(second=0, microsecond=0)
        await presented(gateway, made["secret"])
        used_at = (await client.get(f"{KEYS}/{made['id']}")).json()["lastUsedAt"]
        assert datetime.fromisoformat(used_at) >= before
        assert datetime.fromisoformat(used_at).second == 0
    async with serve() as (_, client):
        assert (await client.get(f"{KEYS}/{made['id']}")).json()["lastUsedAt"] == used_at


async def test_keys_and_revocations_survive_a_restart(serve: Serve) -> None:
    async with serve() as (_, client):
        alive, dead = await make(client), await make(client)
        await client.delete(f"{KEYS}/{dead['id']}")
    async with serve() as (gateway, _):
        assert await presented(gateway, alive["secret"]) == "ok"
        assert await presented(gateway, dead["secret"]) == "key_revoked"


async def test_an_owner_has_at_most_so_many_live_keys(
    environment: dict[str, str], serve: Serve
) -> None:
    environment["AGENT_KEY_MAX_LIVE"] = "2"
    async with serve() as (_, client):
        first = await make(client)
        await make(client)
        refusal = await client.post(KEYS, json=READER)
        assert_problem(refusal, 409, "too_many_keys")
        await client.delete(f"{KEYS}/{first['id']}")
        assert (await client.post(KEYS, json=READER)).status_code == 201


async def test_a_server_with_a_longest_life_gives_no_key_a_longer_one(
    environment: dict[str, str], serve: Serve
) -> None:
    environment["AGENT_KEY_MAX_TTL_SECS"] = "3600"
    async with serve() as (_, client):
        unlimited = await refused(client, "validation_failed")
        too_long = await refused(client, "validation_failed", ttlSecs=3601)
        made = await make(client, ttlSecs=3600)
        path = f"{KEYS}/{made['id']}"
        forever = await client.patch(path, json={"expiresAt": None})
        longer = await client.patch(path, json={"ttlSecs": 7200})

        assert unlimited == [
            {"pointer": "/ttlSecs", "code": "missing", "allowed": ["1..3600 seconds"]}
        ]
        assert too_long[0]["code"] == "out_of_range"
        assert_problem(forever, 422, "validation_failed")
        assert_problem(longer, 422, "validation_failed")
        assert (await client.patch(path, json={"name": "fine"})).status_code == 200


async def test_acts_on_a_key_are_in_the_audit_log_by_its_id(client: httpx.AsyncClient) -> None:
    made = await make(client)
    path = f"{KEYS}/{made['id']}"
    await client.patch(path, json={"name": "other"})
    await client.post(f"{path}/rotate", json={"graceSecs": 60})
    await client.delete(path)

    entries = (await client.get(f"{API}/audit", params={"key": made["id"]})).json()["items"]

    told = [(e["action"], e["kind"], e.get("target")) for e in reversed(entries)]
    assert told == [
        (action, kind, made["id"])
        for action in ("key:create", "key:update", "key:rotate", "key:revoke")
        for kind in ("intent", "outcome")
    ]


async def test_a_foreign_text_in_the_path_is_in_no_audit_line(
    client: httpx.AsyncClient, gateway: Gateway
) -> None:
    await client.delete(f"{KEYS}/call-me-on-491511234567")

    assert b"4915112" not in (gateway.settings.data_dir / "audit.log").read_bytes()


async def test_a_folder_of_one_account_is_never_taken_for_one_of_another(
    client: httpx.AsyncClient, account_id: str, dc: DataCentre, scene: Scene
) -> None:
    scene.alice.folders.append(Folder(2, "Agent", [scene.bob.id]))
    second = await client.post(
        f"{API}/telegram/login/session", json={"session": dc.mint(scene.carol)}
    )
    made = await make(client, accountIds=[account_id], chats={"read": {"folders": [2]}})

    moved = await client.patch(
        f"{KEYS}/{made['id']}", json={"accountIds": [second.json()["accountId"]]}
    )

    problem = assert_problem(moved, 422, "validation_failed")
    assert problem["errors"] == [{"pointer": "/chats", "code": "missing"}]


async def test_chats_by_id_stay_when_the_accounts_change(
    client: httpx.AsyncClient, account_id: str, dc: DataCentre, scene: Scene
) -> None:
    await client.post(f"{API}/telegram/login/session", json={"session": dc.mint(scene.carol)})
    made = await make(client, accountIds=[account_id], chats={"read": {"ids": ["@bob_b"]}})

    widened = await client.patch(f"{KEYS}/{made['id']}", json={"accountIds": None})

    assert widened.json()["chats"] == made["chats"]
    assert made["chats"]["read"] == {"ids": [scene.bob.id]}


async def test_references_of_several_accounts_are_not_one_chat(
    client: httpx.AsyncClient, account_id: str, dc: DataCentre, scene: Scene
) -> None:
    second = await client.post(
        f"{API}/telegram/login/session", json={"session": dc.mint(scene.carol)}
    )
    both = [account_id, second.json()["accountId"]]

    errors = await refused(
        client, "validation_failed", accountIds=both, chats={"read": {"ids": ["me"]}}
    )

    assert [each["code"] for each in errors] == ["one_account_needed"]
    assert (await make(client, accountIds=both[1:], chats={"read": {"ids": ["me"]}}))["chats"][
        "read"
    ] == {"ids": [scene.carol.id]}
