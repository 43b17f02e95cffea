"""Passes MCP requests on to a server with an agent key, for clients that cannot send one: the conformance suite.

python -m tests.mcp.forwarding http://127.0.0.1:8787   [port]   (the key comes from VASYA_AGENT_KEY)
"""

from __future__ import annotations

import http.client
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# What belongs to one connection and not to what is passed on (RFC 9110, 7.6.1).
_HOPS = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Forwarder(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    target: tuple[str, int]
    key: str

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = ((name.lower(), value) for name, value in self.headers.items())
        headers = {name: value for name, value in said if name not in _HOPS}
        # Only our own name becomes the server's: whoever says another one must be refused by it.
        if headers.get("host", "").partition(":")[0] in {"localhost", "127.0.0.1"}:
            headers["host"] = f"{self.target[0]}:{self.target[1]}"
        headers["authorization"] = f"Bearer {self.key}"
        connection = http.client.HTTPConnection(*self.target, timeout=60)
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOPS:
                self.send_header(name, value)
        # A stream of events has no length, so that the end of the connection is the end of the answer.
        self.send_header("Connection", "close")
        self.end_headers()
        while piece := answer.read1(65536):
            self.wfile.write(piece)
        connection.close()
        self.close_connection = True

    do_GET = do_POST = do_DELETE = _pass_on  # noqa: N815 — as the library calls them

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — as it is called
        """Say nothing."""


def main() -> None:
    """Serve until interrupted, and print where."""
    address = urlsplit(sys.argv[1])
    Forwarder.target = (address.hostname or "127.0.0.1", address.port or 80)
    Forwarder.key = os.environ["VASYA_AGENT_KEY"]
    port = int(sys.argv[2]) if sys.argv[2:] else 0
    with ThreadingHTTPServer(("127.0.0.1", port), Forwarder) as server:
        sys.stdout.write(f"LISTENING http://localhost:{server.server_port}/mcp\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
