"""The console script `vasya-sandbox`."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vasya_sandbox import state, world_demo
from vasya_sandbox.control import Control
from vasya_sandbox.dc import DataCentre
from vasya_sandbox.keeper import Keeper, write_private
from vasya_sandbox.model import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_sandbox.state import KeyRecord


class UserInfo(msgspec.Struct, kw_only=True, rename="camel"):
    """How a developer becomes one of the sandbox's people."""

    id: int
    name: str
    username: str | None
    phone: str
    code: str
    password: str | None
    session: str


class Info(msgspec.Struct, kw_only=True, rename="camel"):
    """What a client needs to know of a running sandbox."""

    address: str
    dc_id: int
    public_key: str
    control: str
    users: list[UserInfo]


class Exit(Exception):
    """End with a status of sysexits.h and a sentence on standard error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _loopback(text: str) -> str:
    try:
        is_loopback = ipaddress.ip_address(text).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise argparse.ArgumentTypeError(f"{text} is not a loopback address such as 127.0.0.1")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004 - the highest port
        raise argparse.ArgumentTypeError(f"{text} is not a port (0 to 65535; 0 takes a free one)")
    return int(text)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="vasya-sandbox",
        description="A Telegram data centre on this machine, for tests and demos.",
    )
    parser.add_argument("--host", type=_loopback, default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=_port, default=0, help="0 takes a free one")
    parser.add_argument("--control-port", type=_port, default=0, help="0 takes a free one")
    parser.add_argument(
        "--world", choices=("demo", "empty"), default="demo", help="what a new state begins with"
    )
    parser.add_argument("--state", type=Path, help="file that keeps everything over restarts")
    parser.add_argument("--info", type=Path, help="JSON file to write for clients")
    parser.add_argument(
        "--exit-with-stdin",
        action="store_true",
        help="end when standard input does: a parent that is killed leaves nothing behind",
    )
    return parser.parse_args(argv)


def _open_world(path: Path | None, kind: str) -> tuple[World, list[KeyRecord]]:
    """Return the kept world, or a new one.

    Raises:
        Exit: The state is there but unreadable.
    """
    if path is not None and path.exists():
        try:
            return state.load(path.read_bytes(), time.time)
        except (OSError, state.UnreadableState) as error:
            raise Exit(os.EX_CONFIG, f"cannot read the state in {path}: {error}") from error
    return (world_demo.build(time.time) if kind == "demo" else World(time.time)), []


def _write_info(path: Path, dc: DataCentre, control_url: str) -> None:
    pem = path.with_suffix(".pem").absolute()
    write_private(pem, dc.rsa_key.public_pem.encode())
    users = [
        UserInfo(
            id=user.id,
            name=f"{user.first_name} {user.last_name}".strip(),
            username=user.username or None,
            phone=f"+{user.phone}",
            code=user.code,
            password=user.password or None,
            session=dc.mint(user, is_stable=True),
        )
        for user in dc.world.users.values()
        if not user.is_bot
    ]
    info = Info(
        address=_join(dc.address),
        dc_id=dc.dc_id,
        public_key=str(pem),
        control=control_url,
        users=users,
    )
    write_private(path, msgspec.json.format(msgspec.json.encode(info)))


def _join(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _run(args: argparse.Namespace) -> None:
    world, keys = _open_world(args.state, args.world)
    keeper = Keeper(args.state) if args.state else None
    dc = DataCentre(world, on_change=keeper.touch if keeper else None)
    dc.restore_keys(keys)
    control = Control(dc)
    for start, port in ((dc.start, args.port), (control.start, args.control_port)):
        try:
            await start(args.host, port)
        except OSError as error:
            # asyncio's own text repeats the address.
            reason = os.strerror(error.errno) if error.errno else error
            where = _join((args.host, port))
            raise Exit(os.EX_TEMPFAIL, f"cannot listen on {where}: {reason}") from error
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    if args.exit_with_stdin:
        _watch_stdin(stopped)
    try:
        if args.info:
            _write_info(args.info, dc, control.url)
        if keeper:
            keeper.keep(dc)
    except OSError as error:
        raise Exit(os.EX_CANTCREAT, f"cannot write {error.filename}: {error.strerror}") from error
    print(f"LISTENING {_join(dc.address)} control {control.url}", flush=True)
    await stopped.wait()
    await control.stop()
    await dc.stop()
    if keeper:
        keeper.save()


def _watch_stdin(stopped: asyncio.Event) -> None:
    def on_readable() -> None:
        if not os.read(0, 4096):
            asyncio.get_running_loop().remove_reader(0)
            stopped.set()

    asyncio.get_running_loop().add_reader(0, on_readable)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; returns the exit status."""
    args = _arguments(argv)
    logging.basicConfig(stream=sys.stderr, format="vasya-sandbox: %(levelname)s %(message)s")
    try:
        asyncio.run(_run(args))
    except Exit as error:
        print(f"vasya-sandbox: {error}", file=sys.stderr)
        return error.status
    return 0
