"""`vasya-server audit`: verify, tail, show; the whole log, which is the operator's, beside a running server or without one."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
from typing import TYPE_CHECKING, Final

from vasya_server.cli import EX_REFUSED
from vasya_server.cli.audit_lines import Reader, files, lines
from vasya_server.cli.standard_files import ReaderGone, answer, say
from vasya_server.cli.terminal import plain
from vasya_server.errors import ConfigurationInvalid, MasterKeyMismatch
from vasya_server.settings import load

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from vasya_server.audit.verify import Heads, Verdict
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.settings import Settings

_POLL_MS: Final = 250
_REASONS: Final = {
    "mac": "it is not as this server wrote it, or this server did not write it",
    "prev": "it does not follow the line before it: two histories were joined",
    "seq": "another number stands in its place: lines are missing, repeated or out of order",
    "truncated": "it was written and is gone, as is whatever followed it",
    "unreadable": "the file that should hold it cannot be read",
}


def run(flags: dict[str, str | None], arguments: argparse.Namespace) -> int:
    """Do what was asked with the log; return 1 where it is not whole, or has no such line."""
    # A copy: a later command of the same process still finds the secrets.
    settings = load(dict(os.environ), flags)
    if not settings.data_dir.is_dir():
        raise ConfigurationInvalid(f"There is no data dir at {settings.data_dir}.")
    match arguments.action:
        case "verify":
            return _verify(settings, is_json=arguments.json)
        case "tail":
            return _tail(
                settings.data_dir,
                arguments.lines,
                follows=arguments.follow,
                is_json=arguments.json,
            )
        case _:
            return _show(settings.data_dir, arguments.seq, is_json=arguments.json)


def _verify(settings: Settings, *, is_json: bool) -> int:
    from vasya_server.audit.verify import judge, walk
    from vasya_server.crypto.derive import Purpose

    key = _key(settings)
    mac_key = key.derive(Purpose.AUDIT_MAC)
    key.close()
    before = _heads(settings.data_dir)
    walked = walk(settings.data_dir, mac_key)
    verdict = judge(walked, before, _heads(settings.data_dir))
    print(_json(verdict) if is_json else _sentence(verdict))
    return 0 if verdict.is_ok else EX_REFUSED


def _key(settings: Settings) -> MasterKey:
    """Return the master key, proved to be this data dir's: another would call every line forged."""
    from vasya_server.cli.data_dir import ID_FILE
    from vasya_server.crypto.keychain import OsKeychain
    from vasya_server.crypto.master_key import load_master_key
    from vasya_server.gateway import DATABASE_FILE
    from vasya_server.sessions.key_check import is_key_of

    try:
        instance = (settings.data_dir / ID_FILE).read_text("ascii").strip()
    except FileNotFoundError:
        instance = ""
    key, _ = load_master_key(
        settings, data_dir_id=instance, may_create=False, keychain=OsKeychain()
    )
    if is_key_of(settings.data_dir / DATABASE_FILE, key) is False:
        raise MasterKeyMismatch
    return key


def _heads(data_dir: Path) -> Heads:
    from vasya_server.audit.verify import Heads
    from vasya_server.gateway import DATABASE_FILE
    from vasya_server.store.audit import HEAD, HeadRow
    from vasya_server.store.beside import read_beside

    for row in read_beside(data_dir / DATABASE_FILE, HEAD, HeadRow):
        return Heads(row.seq, row.written_seq, row.line_hash.hex())
    return Heads(0, 0)


def _json(verdict: Verdict) -> str:
    told = {
        "isOk": verdict.is_ok,
        "verified": verdict.verified,
        "firstBadSeq": verdict.first_bad_seq,
        "reason": verdict.reason.value if verdict.reason else None,
        "waiting": verdict.waiting or None,
    }
    return json.dumps({name: value for name, value in told.items() if value is not None})


def _sentence(verdict: Verdict) -> str:
    if verdict.reason is not None:
        return (
            f"bad  line {verdict.first_bad_seq}: {verdict.reason.value} ({_REASONS[verdict.reason]}); "
            f"{verdict.verified} lines before it are good"
        )
    waiting = f"; {verdict.waiting} more wait in the database" if verdict.waiting else ""
    return f"ok   {verdict.verified} lines are whole and genuine{waiting}"


def _tail(data_dir: Path, count: int, *, follows: bool, is_json: bool) -> int:
    """Print the newest lines, oldest of them first, and then, where asked for, those that are written meanwhile."""
    shown = _plain if is_json else _row
    with contextlib.closing(Reader(data_dir)) as reader:
        newest = reader.newest(count)
        for raw in newest:
            print(shown(raw))
        if follows:
            _follow(reader, shown)
        elif not newest:
            say("There are no lines yet.")
    return 0


def _follow(reader: Reader, shown: Callable[[bytes], str]) -> None:
    """Print lines as they come, until a signal, or until nobody reads them any more, which a poll of the pipe tells."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    watch = select.poll()
    watch.register(sys.stdout, 0)
    try:
        answer("", end="")
        while not watch.poll(_POLL_MS):
            for raw in reader.coming():
                answer(shown(raw))
    except (KeyboardInterrupt, ReaderGone):
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


def _show(data_dir: Path, seq: int, *, is_json: bool) -> int:
    for path in files(data_dir):
        for raw in lines(path):
            fields = _fields(raw)
            if fields.get("seq") == seq:
                print(_plain(raw) if is_json else json.dumps(fields, indent=2))
                return 0
    say(f"There is no line {seq}.")
    return EX_REFUSED


def _fields(raw: bytes) -> dict[str, object]:
    """Return what a line says, as far as it can be read: it may be what somebody else wrote there."""
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _row(raw: bytes) -> str:
    fields = _fields(raw)
    if not fields:
        return f"?  {_plain(raw)[:100]}"
    actor, result = fields.get("actor"), fields.get("res")
    told = [fields.get("seq"), fields.get("ts"), fields.get("kind"), fields.get("act")]
    told += [actor.get("key") or actor.get("t")] if isinstance(actor, dict) else []
    told += [fields.get("acc"), fields.get("tgt"), fields.get("op")]
    told += [result.get("status"), result.get("code")] if isinstance(result, dict) else []
    return plain("  ".join(str(each) for each in told if each is not None))


def _plain(raw: bytes) -> str:
    return plain(raw.decode("utf-8", "replace"))
