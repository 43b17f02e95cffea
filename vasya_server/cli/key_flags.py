"""What `vasya-server keys create` takes: a key is given what is named, and whom it reaches is never left to a default."""

from __future__ import annotations

import argparse
import re
from typing import Final

_SPAN: Final = re.compile(r"([1-9][0-9]{0,8})([smhdw])")
_UNIT_SECS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AMOUNT: Final = re.compile(r"100000|[0-9]{1,5}")
_ID: Final = re.compile(r"-?[0-9]{1,16}")


def add_to(create: argparse.ArgumentParser) -> None:
    """Add the flags."""
    create.add_argument("--name", required=True, help="What you will know it by.")
    create.add_argument("--preset", help="chat_reader, reader, drafter or assistant.")
    create.add_argument(
        "--scope",
        action="append",
        metavar="SCOPE",
        help="A scope, like messages:send; more than once for more. A destructive one is given only so.",
    )
    reach = create.add_mutually_exclusive_group(required=True)
    reach.add_argument(
        "--account", action="append", help="Id or alias; more than once for more accounts."
    )
    reach.add_argument(
        "--all-accounts", action="store_true", help="Every account, and those that come later."
    )
    for half, may in (("read", "it may read"), ("write", "it may write to")):
        create.add_argument(
            f"--{half}",
            action="append",
            type=_chat,
            default=[],
            metavar="CHAT",
            help=f"A chat that {may}: an id, @name, +phone or me; more than once for more.",
        )
        create.add_argument(
            f"--{half}-folder",
            action="append",
            type=int,
            default=[],
            metavar="FOLDER",
            help=f"The id of a Telegram folder whose chats {may}.",
        )
    _add_budgets_to(create)
    _add_rules_to(create)
    create.epilog = (
        "Without --read and --write it reaches every chat; with one of them, the other is the same. A list that begins "
        "with a minus, like a group's, is written --read=-100123."
    )


def _add_budgets_to(create: argparse.ArgumentParser) -> None:
    for flag, what in (("sends", "messages it may send"), ("new-chats", "new chats it may begin")):
        create.add_argument(
            f"--{flag}-per-day",
            type=_amount,
            metavar="N",
            help=f"How many {what} in any 24 hours; 0: none.",
        )


def _add_rules_to(create: argparse.ArgumentParser) -> None:
    create.add_argument(
        "--undo-secs",
        type=int,
        metavar="SECS",
        help="For how long each of its messages waits at Telegram and can be taken back: 60 to 86400.",
    )
    create.add_argument(
        "--for", dest="ttl_secs", type=span, metavar="TIME", help="How long it lives, like 30d."
    )
    create.add_argument(
        "--approval",
        action="append",
        type=_rule,
        default=[],
        metavar="SCOPE=RULE",
        help=(
            "When you are asked before a change of that scope is made: never, first_contact, outside_write or always. "
            "More than once for more scopes."
        ),
    )
    create.add_argument(
        "--approval-ttl",
        dest="approval_ttl_secs",
        type=span,
        metavar="TIME",
        help="How long a question waits for your answer, like 12h; a day when not said.",
    )


def span(text: str) -> int:
    """Read a length of time like `30d` into seconds."""
    if (found := _SPAN.fullmatch(text)) is None:
        raise argparse.ArgumentTypeError("must be a number and s, m, h, d or w, like 30d")
    return int(found[1]) * _UNIT_SECS[found[2]]


def _amount(text: str) -> int:
    if (found := _AMOUNT.fullmatch(text)) is None:
        raise argparse.ArgumentTypeError("must be a whole number, 0 to 100000")
    return int(found[0])


def _chat(text: str) -> int | str:
    return int(text) if _ID.fullmatch(text) else text


def _rule(text: str) -> tuple[str, str]:
    scope, equals, rule = text.partition("=")
    if not (scope and equals and rule):
        raise argparse.ArgumentTypeError("must be a scope, = and a rule, like messages:send=always")
    return scope, rule
