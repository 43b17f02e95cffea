"""Clients of the events as people write them: they come back to where they stopped, however often the server dies."""

from __future__ import annotations

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from standardwebhooks.webhooks import Webhook

if TYPE_CHECKING:
    from tests.e2e.processes import Api, Json

# Shorter than the two seconds that the server asks for: what is told again and what is new meet more often.
RETRY_SECS = 0.2
PATIENCE_SECS = 40.0
# What a server that stops or starts may answer, and a client takes for "later".
LATER = {429, 503, 504}


class Refused(Exception):
    """The server refused what it must not refuse."""


class Consumer:
    """Follows events from a cursor on in a thread of its own, over as many connections as it takes."""

    def __init__(self, api: Api, cursor: str) -> None:
        self.events: list[Json] = []
        self.connections = 0
        self.failure: Exception | None = None
        self._api = api
        self._cursor = cursor
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def follow(self, connection: http.client.HTTPConnection) -> None:
        """Follow on one connection until it ends."""
        raise NotImplementedError

    def ask(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        query: dict[str, str],
        headers: dict[str, str],
    ) -> http.client.HTTPResponse:
        """Return the answer to a GET.

        Raises:
            ConnectionError: The server cannot answer now.
            Refused: It does not want to.
        """
        connection.request(
            "GET",
            f"/api/v1{path}?{urlencode({'direction': 'all', **query})}",
            headers={"Authorization": f"Bearer {self._api.token}", **headers},
        )
        answer = connection.getresponse()
        if answer.status in LATER:
            raise ConnectionError(answer.read().decode())
        if answer.status != 200:
            raise Refused(answer.read().decode())
        return answer

    def stop(self) -> None:
        """End, after the server has."""
        self._is_over.set()
        self._thread.join(PATIENCE_SECS)

    def _run(self) -> None:
        while not self._is_over.is_set():
            connection = http.client.HTTPConnection(
                urlsplit(self._api.url).netloc, timeout=PATIENCE_SECS
            )
            try:
                self.follow(connection)
            except (OSError, http.client.HTTPException):
                pass
            except Exception as error:  # noqa: BLE001 — told by whoever looks at the consumer
                self.failure = error
                return
            finally:
                connection.close()
            self._is_over.wait(RETRY_SECS)


class StreamReader(Consumer):
    """An EventSource: an event counts when its blank line has come, and its id is where the next connection begins."""

    # The last comment: it says why the server ended the stream.
    last_words = ""

    def follow(self, connection: http.client.HTTPConnection) -> None:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": self._cursor}
        block: dict[str, str] = {}
        answer = self.ask(connection, "/events", {}, headers)
        self.connections += 1
        for line in answer:
            if not line.endswith(b"\n"):
                return  # cut off
            name, _, value = line.decode().rstrip("\n").partition(":")
            if line.startswith(b":"):
                self.last_words = value.strip()
            if line != b"\n":
                block[name] = value.removeprefix(" ")
                continue
            if "data" in block:
                event = json.loads(block["data"])
                assert (event["id"], event["type"]) == (block["id"], block["event"])
                self.events.append(event)
            self._cursor = block.get("id", self._cursor)
            block = {}


class Poller(Consumer):
    """A long poll after the other, each from the `next` of the one before."""

    def follow(self, connection: http.client.HTTPConnection) -> None:
        is_first = True
        while not self._is_over.is_set():
            query = {"cursor": self._cursor, "wait": "10", "limit": "200"}
            page = json.loads(self.ask(connection, "/events/poll", query, {}).read())
            self.connections += is_first
            is_first = False
            self.events += page["items"]
            self._cursor = page["next"]


class Receiver:
    """A webhook's receiver: verifies what comes, and knows a delivery that comes again by its `webhook-id`."""

    def __init__(self) -> None:
        self.bodies: list[Json] = []
        self.repeats = 0
        self.failure: Exception | None = None
        self._verifier: Webhook | None = None
        self._seen: dict[str, bytes] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.receiver = self
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def trust(self, secret: str) -> None:
        """Verify with *secret*; without one nothing is taken."""
        self._verifier = Webhook(secret)

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        """Take one delivery, and return the status of the answer."""
        if self._verifier is None:
            return 503
        try:
            self._verifier.verify(body, headers)
            delivery = headers["webhook-id"]
            if delivery in self._seen:
                assert self._seen[delivery] == body
                self.repeats += 1
                return 204
            self._seen[delivery] = body
            self.bodies.append(json.loads(body))
        except Exception as error:  # noqa: BLE001 — told by whoever looks at the receiver
            self.failure = error
            return 400
        return 204

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    receiver: Receiver


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(length := int(self.headers["content-length"]))
        if len(body) < length:  # whoever sent it was killed
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.send_response_only(self.server.receiver.take(body, headers))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""
