"""The denominator of what asks Telegram nothing: the JSON of standard input from a bare Litestar handler on the same server."""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

import uvicorn
from litestar import Litestar, get

BODY: dict[str, Any] = json.loads(sys.stdin.read())


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
