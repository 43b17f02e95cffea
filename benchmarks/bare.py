"""The denominator of reads that ask Telegram nothing: the same JSON from a bare Litestar handler on the same server."""

from __future__ import annotations

import socket
import sys
from typing import Any

import uvicorn
from litestar import Litestar, get

BODY = {
    "kind": "embedded",
    "scopes": [f"scope:{n}" for n in range(21)],
    "accounts": [{"accountId": "acc_aaaaaaaaaaaaaaaaaaaaaaaaaa"}],
    "now": "2026-01-01T00:00:00Z",
    "timeZone": "UTC",
}


@get("/bare")
async def bare() -> dict[str, Any]:
    return BODY


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    app = Litestar([bare], openapi_config=None, logging_config=None)
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", access_log=False, log_level="error"
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
