"""The command line. One module per command; each imports what it alone needs, so that none pays for another.

Exit codes: 0 ok, 1 a finding or a refusal, 2 usage, 69 server or data centre unreachable, 75 data dir locked, 77 needs a
human or a credential, 78 configuration, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import re
import textwrap
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from vasya_server import __version__, errors
from vasya_server.cli import standard_files
from vasya_server.settings import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

EX_REFUSED: Final = 1
EX_UNREACHABLE: Final = 69
EX_NEEDS_HUMAN: Final = 77
EX_INTERRUPTED: Final = 130

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MAX_TTL: Final = timedelta(days=366)

# What an owner may set by a name of its own, and the form of its value; the server knows what is allowed.
_SETTABLE: Final = {
    "send-gate": re.compile(r".+"),
    "time-zone": re.compile(r".+"),
    "takeover-secs": re.compile(r"[0-9]{1,9}"),
    "event-retention-secs": re.compile(r"[0-9]{1,9}"),
    "webhook-content": re.compile(r"on|off"),
    "disabled-scopes": re.compile(r".+"),
    "pacing": re.compile(r"human|off"),
    "owner-chat": re.compile(r"on|off"),
    "owner-chat-account": re.compile(r".+"),
    "owner-chat-digest": re.compile(r"[0-9]{2}:[0-9]{2}|off"),
}

_SETTINGS_BY_FLAG: Final = {
    "--data-dir": "VASYA_DATA_DIR",
    "--host": "VASYA_HOST",
    "--port": "VASYA_PORT",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a refusal is a sentence on standard error, never a traceback."""
    try:
        with standard_files.usable():
            return _run(_parser().parse_args(argv))
    except standard_files.ReaderGone:
        return EX_REFUSED
    except errors.VasyaError as refusal:
        return _explain(refusal)
    except KeyboardInterrupt:
        standard_files.say("")
        return EX_INTERRUPTED


def exit_code_of(refusal: errors.VasyaError) -> int:
    """Return what the process says to its parent about *refusal*."""
    match refusal:
        case errors.StartupRefused():
            return refusal.exit_code
        case errors.TelegramTimeout() | errors.TelegramUnavailable():
            return EX_UNREACHABLE
        case errors.KeychainLocked() | errors.AccountReauthRequired() | errors.PermissionDenied():
            return EX_NEEDS_HUMAN
    return getattr(refusal, "exit_code", EX_REFUSED)


def _explain(refusal: errors.VasyaError) -> int:
    from vasya_server.cli.refusals import told

    standard_files.say(f"vasya-server: {told(refusal)}")
    return exit_code_of(refusal)


def _run(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "serve":
            from vasya_server.cli import serve

            return serve.run(_flags(arguments), reads_stdin=arguments.stdin_secrets)
        case "demo":
            from vasya_server.cli import demo

            return demo.run(_flags(arguments), is_mcp=arguments.mcp)
        case "login":
            from vasya_server.cli import login

            return login.run(_flags(arguments), phone=arguments.phone, is_qr=arguments.qr)
        case "accounts" | "actions" | "audit" | "keys" | "lockdown" | "settings" | "token":
            command = importlib.import_module(f"vasya_server.cli.{arguments.command}")
            exit_code: int = command.run(_flags(arguments), arguments)
            return exit_code
        case "mcp-config":
            from vasya_server.cli import mcp_config

            return mcp_config.run(arguments)
        case "doctor":
            from vasya_server.cli import doctor

            return doctor.run(_flags(arguments), is_json=arguments.json)
        case _:
            from vasya_server.cli import openapi

            return openapi.run(arguments.page)


def _flags(arguments: argparse.Namespace) -> dict[str, str | None]:
    """Return what the flags say, by the name of the setting."""
    return {name: getattr(arguments, name, None) for name in _SETTINGS_BY_FLAG.values()}


def _parser() -> argparse.ArgumentParser:
    from vasya_server.cli import mcp_config

    parser = argparse.ArgumentParser(
        prog="vasya-server",
        description="Give an agent scoped access to a person's real Telegram account over REST.",
        epilog="`vasya-server serve --help` lists every setting.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"vasya-server {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    _add_serve(commands)
    _add_demo(commands)
    _add_login(commands)
    _add_accounts(commands)
    _add_keys(commands)
    _add_actions(commands)
    _add_lockdown(commands)
    _add_settings(commands)
    _add_audit(commands)
    _add_token(commands)
    _add_doctor(commands)
    mcp_config.add_to(_command(commands, "mcp-config", "Print what an MCP client has to be told."))
    reference = _command(
        commands, "openapi", "Print the OpenAPI document, or a page of the reference."
    )
    reference.add_argument(
        "--page", choices=("openapi", "problems", "scopes", "settings", "tools"), default="openapi"
    )
    return parser


if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 — argparse names it no other way


def _command(commands: Commands, name: str, sentence: str, *flags: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=sentence, description=sentence, allow_abbrev=False)
    for flag in flags:
        setting = _SETTINGS_BY_FLAG[flag]
        row = next(row for row in SETTINGS if row.name == setting)
        metavar = flag.removeprefix("--").upper().replace("-", "_")
        command.add_argument(
            flag, dest=setting, metavar=metavar, help=f"{row.sentence} ({setting})"
        )
    return command


def _add_serve(commands: Commands) -> None:
    serve = _command(commands, "serve", "Run the gateway.", "--data-dir", "--host", "--port")
    serve.formatter_class = argparse.RawDescriptionHelpFormatter
    serve.epilog = _settings_text()
    serve.add_argument(
        "--stdin-secrets",
        action="store_true",
        help='Read one JSON line {"token", "master_key"} from standard input, then close it.',
    )


def _add_demo(commands: Commands) -> None:
    demo = _command(commands, "demo", "Run the gateway on a sandboxed Telegram of its own.")
    demo.epilog = (
        "Without --data-dir everything is in a folder vasya-demo-* of the temporary directory, which is removed at "
        "the end; what a killed demo has left there, the next demo removes. A --data-dir is never removed."
    )
    demo.add_argument(
        "--data-dir",
        dest="VASYA_DATA_DIR",
        help="Keep the demo's data here, and its Telegram beside it; otherwise both are gone at the end.",
    )
    demo.add_argument("--port", dest="VASYA_PORT", help="Port to listen on; a free one when unset.")
    demo.add_argument("--mcp", action="store_true", help="Print what an MCP client needs, too.")


def _add_login(commands: Commands) -> None:
    login = _command(commands, "login", "Log a Telegram account in.", "--data-dir")
    way = login.add_mutually_exclusive_group()
    way.add_argument("--phone", help="The number to log in, like +4915112345678.")
    way.add_argument("--qr", action="store_true", help="Draw a QR code to scan with the phone.")


def _add_accounts(commands: Commands) -> None:
    accounts = commands.add_parser("accounts", help="List, remove, export and import accounts.")
    actions = accounts.add_subparsers(dest="action", metavar="action", required=True)
    listing = _command(actions, "list", "List the accounts.", "--data-dir")
    listing.add_argument("--json", action="store_true", help="One JSON document.")
    remove = _command(
        actions, "remove", "Log an account out at Telegram and erase it here.", "--data-dir"
    )
    export = _command(
        actions,
        "export",
        "Print an account's session string, which is the account itself; needs a stopped server.",
        "--data-dir",
    )
    for command in (remove, export):
        command.add_argument("account", type=_reference, help="Account id, alias, or me.")
        command.add_argument("--yes", action="store_true", help="Do not ask.")
    bring = _command(
        actions,
        "import",
        "Take over a Telethon session string, read from standard input.",
        "--data-dir",
    )
    bring.add_argument("--json", action="store_true", help="One JSON document.")


def _add_lockdown(commands: Commands) -> None:
    lockdown = _command(
        commands,
        "lockdown",
        "Shut everything at once: close the send gate and revoke every agent key.",
        "--data-dir",
    )
    lockdown.add_argument("--json", action="store_true", help="One JSON document.")


def _add_settings(commands: Commands) -> None:
    settings = commands.add_parser("settings", help="Show and set what holds for all accounts.")
    actions = settings.add_subparsers(dest="action", metavar="action", required=True)
    show = _command(actions, "show", "Print the settings.", "--data-dir")
    change = _command(actions, "set", "Set what is named and leave the rest.", "--data-dir")
    change.add_argument(
        "pairs",
        nargs="+",
        type=_pair,
        metavar="name=value",
        help="send-gate=on, time-zone=Europe/Berlin, takeover-secs=600, event-retention-secs=86400, webhook-content=off, disabled-scopes=messages:send,messages:forward or none, pacing=human, owner-chat=on, owner-chat-account=acc_…, owner-chat-digest=09:00.",
    )
    for command in (show, change):
        command.add_argument("--json", action="store_true", help="One JSON document.")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if name not in _SETTABLE or not (equals and _SETTABLE[name].fullmatch(value)):
        named = ", ".join(f"{known}=…" for known in _SETTABLE)
        raise argparse.ArgumentTypeError(f"must be one of {named}")
    return name, value


def _add_keys(commands: Commands) -> None:
    from vasya_server.cli import key_flags

    keys = commands.add_parser("keys", help="Give agents keys, and take them away.")
    actions = keys.add_subparsers(dest="action", metavar="action", required=True)
    create = _command(actions, "create", "Make an agent key and print it, once.", "--data-dir")
    key_flags.add_to(create)
    listing = _command(actions, "list", "List the agent keys.", "--data-dir")
    show = _command(actions, "show", "Tell what a key may do.", "--data-dir")
    rotate = _command(actions, "rotate", "Make a key's successor and print it, once.", "--data-dir")
    rotate.add_argument(
        "--grace",
        type=key_flags.span,
        default=0,
        metavar="TIME",
        help="How long the old key goes on, like 10m; at most 1d, and not at all when not said.",
    )
    revoke = _command(actions, "revoke", "End a key now and for good.", "--data-dir")
    for command in (show, rotate, revoke):
        command.add_argument("key", type=_reference, help="The key's id, like ak0123456789abcdef.")
    for command in (create, listing, show, rotate):
        command.add_argument("--json", action="store_true", help="One JSON document.")


def _add_actions(commands: Commands) -> None:
    actions = commands.add_parser("actions", help="Decide about what agents ask for.")
    hows = actions.add_subparsers(dest="action", metavar="action", required=True)
    listing = _command(hows, "list", "List what waits, and what became of it.", "--data-dir")
    listing.add_argument(
        "--status", help="Only those that stand so, like awaiting_approval; a comma list."
    )
    show = _command(hows, "show", "Tell what would be done.", "--data-dir")
    approve = _command(hows, "approve", "Show what would be done, ask, and do it.", "--data-dir")
    approve.add_argument("--yes", action="store_true", help="Do not ask.")
    approve.add_argument(
        "--digest",
        help="Do it only where this is its digest, for instance from actions list --json.",
    )
    reject = _command(hows, "reject", "Refuse it: it is never done.", "--data-dir")
    cancel = _command(hows, "cancel", "Take it back for the agent: it is never done.", "--data-dir")
    for command in (show, approve, reject, cancel):
        command.add_argument("id", type=_reference, help="The action's id, like act_….")
    for command in (listing, show):
        command.add_argument("--json", action="store_true", help="One JSON document.")


def _add_audit(commands: Commands) -> None:
    audit = commands.add_parser("audit", help="Verify and read the audit log, at any time.")
    actions = audit.add_subparsers(dest="action", metavar="action", required=True)
    verify = _command(
        actions, "verify", "Check that no line was changed, removed or added.", "--data-dir"
    )
    tail = _command(actions, "tail", "Print the newest lines.", "--data-dir")
    tail.add_argument(
        "-n", dest="lines", type=_count, default=20, help="How many; 20 when not said."
    )
    tail.add_argument(
        "-f", "--follow", action="store_true", help="Go on with lines as they are written."
    )
    show = _command(actions, "show", "Print one line whole.", "--data-dir")
    show.add_argument("seq", type=_count, help="The line's number in the whole log.")
    for command in (verify, tail, show):
        command.add_argument("--json", action="store_true", help="JSON, as it is stored.")


def _add_token(commands: Commands) -> None:
    token = commands.add_parser("token", help="Make and revoke the JWTs of JWT mode.")
    actions = token.add_subparsers(dest="action", metavar="action", required=True)
    create = _command(
        actions, "create", "Sign a token with the configured secret and print it once."
    )
    create.add_argument("--owner", required=True, help="Whose token: its sub claim.")
    create.add_argument("--ttl", required=True, type=_ttl, help="How long it is good, like 12h.")
    create.add_argument(
        "--scope",
        action="append",
        help="What it opens, and human for what only people may; may be repeated. Everything when not said.",
    )
    create.add_argument("--json", action="store_true", help="One JSON document.")
    create.add_argument("--qr", action="store_true", help="Draw it, to be scanned.")
    revoke = _command(
        actions, "revoke", "Take a token no more, or all that an owner has.", "--data-dir"
    )
    revoke.add_argument("--owner", help="Whose tokens; without it the owner of VASYA_TOKEN.")
    which = revoke.add_mutually_exclusive_group(required=True)
    which.add_argument("--jti", help="The one of this name.")
    which.add_argument("--token-file", help="The one in this file; - is standard input.")
    which.add_argument("--all", action="store_true", help="All that were made until now.")


def _ttl(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", text, re.ASCII)
    if found is None or (ttl := timedelta(seconds=int(found[1]) * _UNITS[found[2]])) > _MAX_TTL:
        raise argparse.ArgumentTypeError("must be like 30m, 12h or 7d, and at most 366d")
    return ttl


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError("must be a whole number from 1")
    return int(text)


def _reference(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("an id or alias is not empty")
    return text


def _add_doctor(commands: Commands) -> None:
    doctor = _command(
        commands,
        "doctor",
        "Look for what is unsafe or unreachable.",
        "--data-dir",
        "--host",
        "--port",
    )
    doctor.add_argument("--json", action="store_true", help="One JSON document.")


def _settings_text() -> str:
    """Return the whole table of settings as help."""
    lines = ["settings, from the environment:"]
    for row in SETTINGS:
        default = (
            ""
            if row.default in {None, ""}
            else f" Default: {row.default} {row.unit}".rstrip() + "."
        )
        lines.append(f"  {row.name}")
        lines += textwrap.wrap(
            row.sentence + default, 76, initial_indent="      ", subsequent_indent="      "
        )
    return "\n".join(lines)
