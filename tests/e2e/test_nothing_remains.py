"""A whole life of an account through the installed server, and then a search for everything personal that it was given.

Whatever was sent, typed, asked for or refused is in no log line, no audit line, no file of the data directory and no
refusal, in no encoding. Telegram is a data centre in this process, so that the session's own key can be looked for too.
"""

from __future__ import annotations

import asyncio
import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import vasya_server.app  # noqa: F401 — importing the application declares every operation
from tests.e2e.needles import forms, found
from tests.e2e.processes import API_ID, DEADLINE_SECS, MASTER_KEY, Process, run, start
from vasya_sandbox import images
from vasya_sandbox.dc import DataCentre
from vasya_sandbox.faults import Action, Fault
from vasya_sandbox.model import World
from vasya_server.api.routes import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vasya_sandbox.records import User
    from vasya_server.api.routes import Operation

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

TOKEN = "vl_" + "3c9a71e5" * 8
PHONE = "99966218437"
SECRETS = {
    "text": "Marzipan Żubr им. quokka",
    "edited text": "Nougat Łoś им. wombat",
    "caption": "Pistachio Ĝirafo okapi",
    "search term": "Pamplemousse9241",
    "text of a friend": "bergamot Pamplemousse9241 sorbet",
    "file name": "Quarterly-Ocelot-7731.txt",
    "file": "tangerine ledger of the Ocelot",
    "phone": PHONE,
    "phone as typed": "+999 66 218437",
    "phone without its country": "66218437",
    "phone of a friend": "99966219958",
    "login code": "81635274",
    "wrong login code": "29471836",
    "password": "brügge-Otter-4471",
    "wrong password": "Wrong-Heron-5519",
    "first name": "Zéphyrine",
    "last name": "Quillfeather",
    "username": "zephyrine_q77",
    "name of a friend": "Ottoline",
    "username of a friend": "ottoline_bw",
    "title": "Xanadu Kajak Ünion",
    "unknown chat": "Brobdingnag_5577",
    "unknown path": "wunderkammer-4488",
    "idempotency key": "rent-for-mrs-Quillon-8832",
    "error of Telegram": "GALAXY_PANGOLIN_6612",
    "token": TOKEN,
    "wrong token": "vl_" + "91ab44f0" * 8,
    "wrong key": "vk_ak7700cafe7700beef_" + "5d" * 36,
    "wrong jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ6ZXBoIn0.Zm9yZ2VkLWJ5LWEtcGFuZ29saW4",
    "api hash": "6f1c0d9b8a7e4f3d2c1b0a9f8e7d6c5b",
    "api hash of the owner": "a1b0c2d3e4f5968778695a4b3c2d1e0f",
    "provider key": "dg-Axolotl-2260-b7f4e19c83d5",
    "master key": MASTER_KEY,
}
# None of them could be an alias, which is stored as it is given.
# What the answers must hold, or the run has not carried what is looked for.
CARRIED = {
    *("text", "edited text", "caption", "search term", "text of a friend", "file name", "file"),
    *("first name", "last name", "username", "name of a friend", "username of a friend", "title"),
}
# Of the others it sees at least what they refuse.
OPERATIONS_CARRIED_OUT = 50
STATUSES = {400, 401, 403, 404, 405, 406, 409, 413, 415, 421, 422, 429, 502, 503, 504}


def _without_preview(body: bytes) -> bytes:
    """Return a refusal without what it says would have been done: that is told to the one who wants it, and kept nowhere."""
    problem = json.loads(body) if body else {}
    problem.pop("preview", None)
    return json.dumps(problem, ensure_ascii=False).encode()


class Caller:
    """A client that keeps what it is answered, refusals apart."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.answers: list[bytes] = []
        self.refusals: list[bytes] = []
        self.statuses: set[int] = set()

    async def __call__(self, method: str, path: str, **request: Any) -> httpx.Response:
        response = await self.client.request(method, f"/api/v1{path}", **request)
        if response.is_success:
            self.answers.append(response.content)
        else:
            self.refusals.append(_without_preview(response.content))
        self.statuses.add(response.status_code)
        return response

    async def begin(self, path: str, content: bytes) -> None:
        """Announce a body that is too large, and send its beginning."""
        url = self.client.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        head = (
            f"POST /api/v1{path} HTTP/1.1\r\nHost: {url.host}:{url.port}\r\nConnection: close\r\n"
            f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
            "Content-Length: 20000000\r\n\r\n"
        )
        writer.write(head.encode() + content)
        answer = await reader.read()
        writer.close()
        self.refusals.append(answer)
        self.statuses.add(int(answer.split()[1]))

    async def get(self, path: str, **request: Any) -> Any:
        return await self.ok("GET", path, **request)

    async def ok(self, method: str, path: str, **request: Any) -> Any:
        """Do what must succeed, and return the answer."""
        response = await self(method, path, **request)
        assert response.is_success, response.text
        is_json = response.headers.get("content-type") == "application/json"
        return response.json() if is_json else None


class Stage:
    """The people, their Telegram, and the server."""

    def __init__(self, dc: DataCentre, owner: User, friend: User, data_dir: Path) -> None:
        self.dc, self.owner, self.friend, self.data_dir = dc, owner, friend, data_dir

    def session_keys(self) -> dict[str, bytes]:
        """Return the authorization keys that the server holds, as what is looked for."""
        keys = [
            a.key.key for user in (self.owner, self.friend) for a in self.dc.authorizations_of(user)
        ]
        return {f"session key {n}": key[:32] for n, key in enumerate(keys)}

    def fail(self, request: str, action: Action, **fault: Any) -> None:
        self.dc.faults.add(Fault(action=action, request=request, **fault))


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    world = World()
    owner = world.add_user(
        SECRETS["first name"],
        SECRETS["last name"],
        SECRETS["username"],
        phone=PHONE,
        password=SECRETS["password"],
        code=SECRETS["login code"],
    )
    friend = world.add_user(
        SECRETS["name of a friend"],
        username=SECRETS["username of a friend"],
        phone=SECRETS["phone of a friend"],
    )
    world.add_group(SECRETS["title"], owner, [friend])
    world.post(friend, owner, SECRETS["text of a friend"])
    dc = DataCentre(world)
    await dc.start()
    yield Stage(dc, owner, friend, tmp_path / "data")
    await dc.stop()


@pytest.fixture
async def server(stage: Stage, tmp_path: Path) -> AsyncIterator[Process]:
    pem = tmp_path / "dc.pem"
    pem.write_text(stage.dc.rsa_key.public_pem)
    process = start(
        tmp_path,
        *("vasya-server", "serve", "--data-dir", str(stage.data_dir), "--port", "0"),
        settings={
            "SESSION_MASTER_KEY": MASTER_KEY,
            "VASYA_LOCAL_TOKEN": TOKEN,
            "VASYA_TELEGRAM_DC": f"{stage.dc.dc_id}@127.0.0.1:{stage.dc.address[1]}",
            "VASYA_PACING": "off",
            "VASYA_TELEGRAM_DC_KEY": str(pem),
            "TELEGRAM_API_ID": API_ID,
            "TELEGRAM_API_HASH": SECRETS["api hash"],
            "VASYA_READ_DEADLINE_SECS": "1",
            "VASYA_SEND_DEADLINE_SECS": "2",
            "VASYA_AUDIT_ROTATE_BYTES": "8192",
        },
    )
    yield process
    await asyncio.to_thread(process.stop)


@pytest.fixture
async def call(server: Process) -> AsyncIterator[Caller]:
    url = await asyncio.to_thread(server.line, "LISTENING ")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=DEADLINE_SECS, trust_env=False
    ) as client:
        yield Caller(client)


async def test_nothing_personal_remains_anywhere(
    stage: Stage, server: Process, call: Caller, tmp_path: Path
) -> None:
    account = await log_in(call)
    await log_in_otherwise(call, stage)
    keys = stage.session_keys()
    assert len(keys) == 2
    secrets: dict[str, str | bytes] = {
        **SECRETS,
        **keys,
        "raw master key": bytes.fromhex(MASTER_KEY),
    }
    agent_key = await use(call, account)
    secrets |= {"agent key": agent_key, "secret of the agent key": secret_of(agent_key)}
    await be_refused(call, account)
    await meet_faults(call, account, stage)
    await call_everything(call, account)
    while_it_runs = places(stage, server, call)
    assert (await call.ok("DELETE", f"/accounts/{account}"))["isLoggedOut"] is True
    assert await asyncio.to_thread(server.stop) == 0
    afterwards = places(stage, server, call)

    answered = {"answers": b"\n".join(call.answers)}
    assert {name for _, name in found(secrets, answered)} >= CARRIED
    assert call.statuses >= STATUSES
    assert {"vasya.db", "vasya.db-wal", "audit.log", "audit.reserve"} <= set(while_it_runs)
    assert sum(name.startswith("audit-") for name in afterwards) > 1
    assert len(carried_out(server)) >= OPERATIONS_CARRIED_OUT
    assert found(secrets, while_it_runs) == [("embedded.json", "token")]
    assert found(secrets, afterwards) == []
    verified = await asyncio.to_thread(
        run,
        *("vasya-server", "audit", "verify", "--data-dir", str(stage.data_dir)),
        settings={"SESSION_MASTER_KEY": MASTER_KEY},
    )
    assert verified.returncode == 0, verified.stdout
    for name, secret in secrets.items():
        for form in forms(secret):
            planted = {"planted": b"x" + form + b"x"}
            assert found({name: secret}, planted) == [("planted", name)]


def places(stage: Stage, server: Process, call: Caller) -> dict[str, bytes]:
    """Return everything in which something may remain, by its name."""
    files = [path for path in stage.data_dir.rglob("*") if path.is_file()]
    return {
        **{str(path.relative_to(stage.data_dir)): path.read_bytes() for path in files},
        "stderr": server.stderr.encode(),
        "stdout": "\n".join(server.said).encode(),
        "refusals": b"\n".join(call.refusals),
    }


def carried_out(server: Process) -> set[tuple[str, str]]:
    """Return which operations succeeded at least once, as the server's own log has it."""
    lines = [json.loads(line) for line in server.stderr.splitlines()]
    requests = [line for line in lines if line["logger"] == "vasya.access"]
    return {(line["method"], line["route"]) for line in requests if line["status"] < 400}


async def log_in(call: Caller) -> str:
    """Log the owner in with a code and a password, each wrong at first, under an application of the owner's own."""
    login = "/telegram/login"
    own = {"apiId": int(API_ID), "apiHash": SECRETS["api hash of the owner"]}
    await call.ok("PUT", "/telegram/credentials", json=own)
    await call.get("/telegram/credentials")
    begun = await call.ok("POST", f"{login}/code", json={"phone": SECRETS["phone as typed"]})
    account: str = begun["accountId"]
    await call.get(f"{login}/{account}")
    for code in ("wrong login code", "login code"):
        await call("POST", f"{login}/verify", json={"accountId": account, "code": SECRETS[code]})
    for password in ("wrong password", "password"):
        body = {"accountId": account, "password": SECRETS[password]}
        done = await call("POST", f"{login}/password", json=body)
    assert done.json()["status"] == "authorized"
    await call.ok("DELETE", "/telegram/credentials")
    await call.ok("PATCH", f"/accounts/{account}", json={"alias": "main"})
    return account


async def log_in_otherwise(call: Caller, stage: Stage) -> None:
    """Take over the friend's session, and begin two logins that come to nothing."""
    body = {"session": stage.dc.mint(stage.friend)}
    await call.ok("POST", "/telegram/login/session", json=body)
    await call("POST", "/telegram/login/session", json={"session": "1" + "QuokkaLedger" * 29})
    begun = await call.ok("POST", "/telegram/login/qr")
    await call.ok("DELETE", f"/telegram/login/{begun['accountId']}")
    begun = await call.ok("POST", "/telegram/login/code", json={"phone": "+" + PHONE})
    await call.ok("POST", "/telegram/login/resend", json={"accountId": begun["accountId"]})
    await call.ok("DELETE", f"/telegram/login/{begun['accountId']}")


async def upload(call: Caller, account: str, name: object, content: bytes) -> str:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    path = f"/accounts/{account}/uploads"
    made = await call.ok("POST", path, content=content, headers=headers)
    return str(made["uploadId"])


def secret_of(agent_key: str) -> bytes:
    """Return the random part of *agent_key*: its id, which stands before it, is no secret."""
    return bytes.fromhex(agent_key.rpartition("_")[2][:64])


async def use(call: Caller, account: str) -> str:
    """Do what an account is for, and return the agent key that was made on the way."""
    friend = f"/accounts/{account}/chats/@{SECRETS['username of a friend']}"
    messages = f"{friend}/messages"
    key = {"Idempotency-Key": SECRETS["idempotency key"]}
    for path in ("", "/chats", f"/chats/@{SECRETS['username']}"):
        await call.get(f"/accounts/{account}{path}")
    for name in ("username of a friend", "title"):
        await call.get(f"/accounts/{account}/resolve", params={"q": SECRETS[name]})
    phone = {"q": "+" + SECRETS["phone of a friend"]}
    await call("GET", f"/accounts/{account}/resolve", params=phone)
    sent = await call.ok("POST", messages, json={"text": SECRETS["text"]}, headers=key)
    await call.ok("POST", messages, json={"text": SECRETS["text"]}, headers=key)
    reused = await call("POST", messages, json={"text": SECRETS["caption"]}, headers=key)
    assert reused.status_code == 422
    note = await upload(call, account, SECRETS["file name"], SECRETS["file"].encode())
    body = {"text": SECRETS["caption"], "media": [note]}
    filed = await call.ok("POST", messages, json=body)
    photos = [
        await upload(call, account, f"{SECRETS['file name']}.jpg", images.landscape(n, 400, 300))
        for n in range(2)
    ]
    album = await call.ok("POST", messages, json={"text": SECRETS["caption"], "media": photos})
    for params in ({"q": SECRETS["search term"]}, {"limit": 5}, {"view": "compact"}):
        await call.get(messages, params=params)
    own = f"{messages}/{sent['id']}"
    await call.get(own)
    await call.ok("PATCH", own, json={"text": SECRETS["edited text"]})
    for change in ("reaction", "pin"):
        await call.ok(
            "PUT", f"{own}/{change}", json={"emoji": "👍"} if change == "reaction" else None
        )
        await call.ok("DELETE", f"{own}/{change}")
    await call.ok("POST", f"{friend}/read", json={})
    await call.ok("POST", f"{friend}/typing")
    await call.get(f"{messages}/{filed['id']}/media")
    await call.get(f"{messages}/{album['id']}/thumb")
    forward = {"fromChat": f"@{SECRETS['username of a friend']}", "messageIds": album["albumIds"]}
    await call.ok("POST", f"/accounts/{account}/chats/me/messages/forward", json=forward)
    await call.ok("DELETE", f"{messages}/{filed['id']}", params={"forEveryone": "true"})
    several = {"ids": album["albumIds"], "forEveryone": True}
    await call.ok("POST", f"{messages}/delete", json=several)
    (done,) = (await call.get("/audit", params={"limit": 1}))["items"]
    await call.get(f"/actions/{done['actionId']}")
    for path in ("audit/verify", "activity", "whoami", "ready", "accounts", "openapi.json"):
        await call.get(f"/{path}")
    await call.ok("PUT", "/providers/deepgram", json={"key": SECRETS["provider key"]})
    made = await call.ok("POST", "/agent-keys", json={"name": "agent", "preset": "reader"})
    agent_key: str = made["secret"]
    await call.get("/whoami", headers={"Authorization": f"Bearer {agent_key}"})
    return agent_key


async def be_refused(call: Caller, account: str) -> None:
    """Be refused in every way, with something personal in whatever is refused."""
    base, text = f"/accounts/{account}", SECRETS["text"]
    messages = f"{base}/chats/me/messages"
    for chat in ("unknown chat", "unknown path", "phone without its country", "search term"):
        for form in ("@{}", "{}", "https%3A%2F%2Ft.me%2F{}", "tg:{}", "%2B{}"):
            chats = f"{base}/chats/" + form.format(SECRETS[chat])
            await call("GET", f"{chats}/messages")
            await call("POST", f"{chats}/messages", json={"text": text})
    for name in ("text", "search term", "phone as typed", "first name", "title"):
        value = SECRETS[name]
        for params in ({"limit": value}, {"cursor": value}, {"after": value}, {"since": value}):
            await call("GET", messages, params=params)
        await call("GET", f"{base}/resolve", params={"q": [value, value]})
        await call("GET", f"{messages}/{value}")
        await call("GET", f"/accounts/{value}/chats")
        await call("GET", f"/telegram/login/{value}")
        await call("GET", f"/actions/{value}")
        await call("GET", "/audit", params={"since": value, "account": value, "action": value})
        for body in (
            {"text": [value]},
            {"text": value, "media": [value]},
            {"text": value, "topic": value},
        ):
            await call("POST", messages, json=body)
        await call("POST", messages, json={"text": text, "quote": value, "replyTo": 1})
        await call("POST", "/telegram/login/code", json={"phone": value, "code": value})
        await call("PATCH", base, json={"alias": value})
        await call("PUT", f"{messages}/1/reaction", json={"emoji": value})
    code = {"accountId": account, "code": SECRETS["login code"]}
    await call("POST", "/telegram/login/verify", json=code)
    is_json = {"Content-Type": "application/json"}
    raw = str(text).encode()
    await call("POST", messages, content=b'{"text": "' + raw, headers=is_json)
    await call("POST", messages, content=b'{"text": "' + raw + b'\xff"}', headers=is_json)
    await call("POST", messages, content=raw, headers={"Content-Type": "text/plain"})
    await call.begin(messages, raw)
    await call("GET", messages, headers={"Accept": f"text/{SECRETS['unknown path']}"})
    await call(
        "POST",
        messages,
        json={"text": text},
        headers={"Idempotency-Key": SECRETS["idempotency key"] * 20},
    )
    await call("PUT", f"/{SECRETS['unknown path']}?q={SECRETS['search term']}")
    await call("PUT", messages, json={"text": text})
    await call("GET", "/whoami", headers={"Host": f"{SECRETS['unknown path']}.example"})
    await call("GET", "/whoami", headers={"Origin": f"https://{SECRETS['unknown path']}.example"})
    for name in ("wrong token", "wrong key", "wrong jwt"):
        await call("GET", "/whoami", headers={"Authorization": f"Bearer {SECRETS[name]}"})
    closed = await call.ok("PATCH", base, json={"canSend": False})
    assert closed["accountId"] == account
    await call("POST", messages, json={"text": text})
    await call.ok("PATCH", base, json={"canSend": True})


async def meet_faults(call: Caller, account: str, stage: Stage) -> None:
    """Have Telegram fail in every way while it is given something personal."""
    messages = f"/accounts/{account}/chats/@{SECRETS['username of a friend']}/messages"
    send, search = "messages.SendMessage", "messages.Search"
    told = {"text": SECRETS["error of Telegram"]}
    for code in (400, 403, 406, 500):
        stage.fail(send, Action.RPC_ERROR, code=code, **told)
        await call("POST", messages, json={"text": SECRETS["text"]})
        stage.fail(search, Action.RPC_ERROR, code=code, times=2, **told)
        await call("GET", messages, params={"q": SECRETS["search term"]})
        stage.dc.faults.clear()
    stage.fail(send, Action.FLOOD_WAIT, secs=30)
    await call("POST", messages, json={"text": SECRETS["text"]})
    for action in (Action.SILENCE, Action.DROP, Action.DROP_AFTER):
        stage.fail(send, action, times=9)
        await call("POST", messages, json={"text": SECRETS["text"]})
        stage.fail(search, action, times=9)
        await call("GET", messages, params={"q": SECRETS["search term"]})
        stage.dc.faults.clear()
    stage.dc.drop_connections()
    await call("POST", messages, json={"text": SECRETS["text"]})
    await call("GET", messages)
    await stage.dc.stop()
    await call("POST", messages, json={"text": SECRETS["text"]})
    await call("GET", messages)
    await stage.dc.start(port=stage.dc.address[1])
    await call.ok("POST", f"/accounts/{account}/connect")


async def call_everything(call: Caller, account: str) -> None:
    """Call every operation there is with something personal in every place: one that is new is looked at too."""
    nothing: dict[str, str] = {}
    places = {"account": account, "chat": "me", "message": "1"}
    for operation in OPERATIONS:
        if operation.name == "delete_account":  # the end of the run
            continue
        for name in ("search term", "phone as typed", "unknown chat"):
            value = SECRETS[name]
            for known in (nothing, places):
                path = re.sub(r"{(\w+)}", partial(_fill, known, value), operation.path)
                await call(operation.method, path, **request_of(operation, value))


def _fill(known: dict[str, str], value: str, part: re.Match[str]) -> str:
    return known.get(part[1], value)


def request_of(operation: Operation, value: str) -> dict[str, Any]:
    """Return a request that has *value* wherever the operation takes anything."""
    request: dict[str, Any] = {}
    if operation.mutation is not None:
        request["headers"] = {"Idempotency-Key": f"{SECRETS['idempotency key']}-{operation.name}"}
    if operation.query is not None:
        request["params"] = dict.fromkeys(operation.query.__struct_encode_fields__, value)
    if operation.body is not None:
        request["json"] = dict.fromkeys(operation.body.__struct_encode_fields__, value)
    if operation.takes_file:
        request["files"] = {value: (value, b"")}
    return request
