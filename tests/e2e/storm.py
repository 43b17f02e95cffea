"""Hundreds of messages a second while the server is killed again and again, and what became of every one.

The data centre is another process, lives on, and is the witness: what it has is what must have been told, once and in
order, to everybody who listened.
"""

from __future__ import annotations

import http.client
import json
import random
import signal
import socket
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.e2e.consumers import LATER, Poller, Receiver, StreamReader
from tests.e2e.processes import Api, Host, exchange, import_account
from tests.e2e.told import Told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.processes import Json, SandboxControl

TOKEN = "token-of-one-storm-and-of-no-other"
SETTINGS = {
    "VASYA_LOCAL_TOKEN": TOKEN,
    "VASYA_OUTBOUND_LOOPBACK": "on",
    **{f"VASYA_LIMIT_{name}_BURST": "1000000" for name in ("READ", "MUTATE")},
    "VASYA_LIMIT_CHAT_PER_HOUR": "1000000",
}
# Writes to the owner in every kind of chat, and is an admin of the channel.
WRITER = "lucia_fernandez"
GROUP, SUPERGROUP, CHANNEL, OWN_CHANNEL = (
    "Friday football",
    "City Bulletin: comments",
    "City Bulletin",
    "Mira's Notes",
)
CATCH_UP_SECS = 90.0
STANDSTILL_SECS = 20.0
# How long a server lives: from dying while it connects to some time of its own.
SHORTEST_LIFE_SECS, LONGEST_LIFE_SECS = 0.1, 3.0
# Once in so many kills Telegram also forgets what it could have told of the channel.
FORGET_EVERY = 4


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Background:
    """Does something over and over in a thread of its own."""

    def __init__(self, step: Callable[[], None], every_secs: float) -> None:
        self._step, self._every_secs = step, every_secs
        self._is_over = threading.Event()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._is_over.wait(self._every_secs):
            try:
                self._step()
            except BaseException as error:  # noqa: BLE001 — told by `stop`
                self.failure = error
                return

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join(CATCH_UP_SECS)
        if self.failure is not None:
            raise self.failure


class People:
    """What the writer does beside writing: edits, deletes and reacts to messages that were just sent."""

    def __init__(self, sandbox: SandboxControl, traffic: str, rng: random.Random) -> None:
        self._sandbox, self._traffic, self._rng = sandbox, traffic, rng
        self._owner = sandbox.users[0]["id"]
        self._touched: set[tuple[int, int]] = set()
        # By the ids that the owner knows.
        self.deleted: set[int] = set()
        self.acts: Counter[str] = Counter()

    def act(self) -> None:
        chats = self._sandbox.ask("GET", f"/traffic/{self._traffic}")["chats"]
        chat = self._rng.choice(chats)
        key = (chat["chat"], chat["lastId"])
        if not chat["lastId"] or key in self._touched:
            return
        self._touched.add(key)
        kind = self._rng.choice(["edit", "delete", "react"])
        self.acts[kind] += 1
        act = {"by": WRITER, "chat": chat["chat"]}
        if kind == "edit":
            text = f"edited {self.acts[kind]}"
            self._sandbox.ask("POST", "/edit", {**act, "id": key[1], "text": text})
        elif kind == "react":
            self._sandbox.ask("POST", "/react", {**act, "id": key[1], "emoji": "👍"})
        else:
            gone = self._sandbox.ask("POST", "/delete", {**act, "ids": [key[1]]})["ids"]
            for box in (str(self._owner), str(chat["chat"])):
                self.deleted |= set(gone.get(box, ()))


class Owner:
    """What the owner sends through the gateway: every text with a key, and repeated until it is answered."""

    def __init__(self, api: Api, chats: list[int]) -> None:
        self._api, self._chats = api, chats
        self.answers: dict[str, int] = {}
        self.repeats = 0
        self.is_over = False

    def send(self) -> None:
        number = len(self.answers)
        text, chat = f"own {number}", self._chats[number % len(self._chats)]
        headers = {
            "Authorization": f"Bearer {self._api.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"storm-{number}",
        }
        url = f"{self._api.url}/api/v1/accounts/me/chats/{chat}/messages"
        give_up_at = time.monotonic() + CATCH_UP_SECS
        while time.monotonic() < give_up_at:
            try:
                status, answer = exchange("POST", url, {"text": text, "format": "plain"}, headers)
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                status, answer = 0, None
            if status in {200, 201}:
                self.answers[text] = answer["id"]
                return
            assert status in {0, 409, *LATER}, answer
            self.repeats += 1
            time.sleep(0.1)
        raise AssertionError(f"{text} is not answered: {answer}")


class Storm:
    """One server, one data centre, three consumers, and somebody who kills the server.

    Args:
        seed: Decides when it is killed and what people do.
    """

    def __init__(self, folder: Path, sandbox: SandboxControl, seed: int) -> None:
        self._sandbox, self._rng = sandbox, random.Random(seed)  # noqa: S311 — repeatable
        data_dir = folder / "data"
        import_account(data_dir, sandbox, sandbox.users[0])
        self._host = Host(folder, data_dir, sandbox, port=free_port(), settings=SETTINGS)
        self._receiver = Receiver()

    def run(self, *, kills: int, per_second: int) -> Told:
        """Kill the server *kills* times while so many messages come, and return what came of it."""
        try:
            return self._run(kills, per_second)
        finally:
            self._host.stop(signal.SIGKILL)
            self._receiver.stop()

    def _run(self, kills: int, per_second: int) -> Told:
        api = Api(self._host.serve().url, TOKEN)
        chats = self._chats(api)
        before = {chat: set(self._there(chat)) for chat in chats.values()}
        status, hook = api.call("POST", "/webhooks", {"url": self._receiver.url})
        assert status == 201, hook
        self._receiver.trust(hook["secret"])
        while not api.get("/accounts")["items"][0].get("isConnected"):
            time.sleep(0.05)
        status, key = api.call(
            "POST", "/agent-keys", {"name": "Listener", "scopes": ["events:read"]}
        )
        assert status == 201, key
        agent = Api(api.url, key["secret"])
        begin = agent.get("/events/poll?direction=all")["next"]
        stream, poller = StreamReader(agent, begin), Poller(agent, begin)

        began_at = time.monotonic()
        people, owner, sent, forgotten = self._storm(api, chats, kills, per_second)
        secs = time.monotonic() - began_at

        expected = {
            chat: {key: text for key, text in self._there(chat).items() if key not in before[chat]}
            for chat in chats.values()
        }
        log = self._caught_up(api, begin, expected)
        posted = self._receiver.bodies
        wanted = [event for event in log if not event["data"].get("isOutgoing")]
        self._wait(lambda: min(len(stream.events), len(poller.events)), len(log))
        self._wait(lambda: sum(b["data"]["seq"] >= log[0]["seq"] for b in posted), len(wanted))
        drained_secs = time.monotonic() - began_at - secs
        self._host.stop()
        for consumer in (stream, poller):
            consumer.stop()
        for listener in (stream, poller, self._receiver):
            if listener.failure is not None:
                raise listener.failure
        return Told(
            log=log,
            streamed=stream.events[: len(log)],
            polled=poller.events[: len(log)],
            posted=[body for body in posted if body["data"]["seq"] <= log[-1]["seq"]],
            expected=expected,
            deleted=people.deleted,
            own=owner.answers,
            forgotten=forgotten,
            figures={
                "kills": kills,
                "seconds": round(secs, 1),
                "sent a second": round(sent / secs),
                "events": len(log),
                "stream connections": stream.connections,
                "poll connections": poller.connections,
                "webhook posts": len(posted),
                "webhook posts repeated": self._receiver.repeats,
                "own sends": len(owner.answers),
                "own sends repeated": owner.repeats,
                "caught up after seconds": round(drained_secs, 1),
                **people.acts,
            },
        )

    def _storm(
        self, api: Api, chats: dict[str, int], kills: int, per_second: int
    ) -> tuple[People, Owner, int, int | None]:
        me = self._sandbox.users[0]["id"]
        order = {
            "from": WRITER,
            "to": [me, *(chats[title] for title in (GROUP, SUPERGROUP, CHANNEL))],
            "text": "said",
            "perSecond": per_second,
            "count": 60_000,
        }
        traffic = self._sandbox.ask("POST", "/traffic", order)["id"]
        people = People(self._sandbox, traffic, self._rng)
        owner = Owner(api, [chats[title] for title in (WRITER, GROUP, SUPERGROUP, OWN_CHANNEL)])
        busy = [Background(people.act, 0.05), Background(owner.send, 0.05)]
        forgotten = None
        for number in range(1, kills + 1):
            time.sleep(self._rng.uniform(SHORTEST_LIFE_SECS, LONGEST_LIFE_SECS))
            self._host.stop(signal.SIGKILL)
            if number % FORGET_EVERY == 0:
                forgotten = chats[CHANNEL]
                self._sandbox.ask("POST", "/forget", {"box": forgotten})
            self._host.serve()
        time.sleep(SHORTEST_LIFE_SECS)
        for each in busy:
            each.stop()
        sent = self._sandbox.ask("DELETE", f"/traffic/{traffic}")["sent"]
        return people, owner, sent, forgotten

    def _chats(self, api: Api) -> dict[str, int]:
        """Return the ids of the chats that take part, by title or username."""
        found = {
            c.get("username") or c["title"]: c["id"]
            for c in api.get("/accounts/me/chats?limit=100")["items"]
        }
        found |= {c["title"]: c["id"] for c in api.get("/accounts/me/chats?limit=100")["items"]}
        return {name: found[name] for name in (WRITER, GROUP, SUPERGROUP, CHANNEL, OWN_CHANNEL)}

    def _there(self, chat: int) -> dict[int, str]:
        """Return what the owner has in a chat, as the data centre knows it."""
        me = self._sandbox.users[0]["id"]
        found = self._sandbox.ask("GET", f"/messages?user={me}&chat={chat}&limit=100000")
        return {message["id"]: message["text"] for message in found["messages"]}

    def _caught_up(self, api: Api, begin: str, expected: dict[int, dict[int, str]]) -> list[Json]:
        """Return the log, once it has every message and nothing has come for a second; later than that is lost."""
        missing = {(chat, each) for chat, found in expected.items() for each in found}
        log: list[Json] = []
        cursor, quiet_at = begin, time.monotonic() + CATCH_UP_SECS
        while time.monotonic() < quiet_at:
            page = api.get(f"/events/poll?direction=all&limit=200&wait=1&cursor={cursor}")
            cursor = page["next"]
            log += page["items"]
            missing -= {
                (e["chat"]["id"], e["data"]["message"]["id"])
                for e in page["items"]
                if e["type"] == "message.new"
            }
            if not missing and not page["items"]:
                break
        return log

    @staticmethod
    def _wait(reached: Callable[[], int], goal: int) -> None:
        """Wait for a consumer as long as it comes nearer; what it has not got then is lost, which the findings say."""
        seen, give_up_at = -1, 0.0
        while (now := reached()) < goal:
            if now > seen:
                seen, give_up_at = now, time.monotonic() + STANDSTILL_SECS
            if time.monotonic() > give_up_at:
                return
            time.sleep(0.1)
