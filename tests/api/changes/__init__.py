"""Every change at Telegram: how it is asked for, which guards it meets, and what it sends. All of it is written by hand.

A module of this package is one part of the contract. It has `changes(scene)`, what is asked for in an order in which all of
it succeeds, and where a body can reach for a message of a chat, `reaching(chat, message)`: such bodies by their type.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from tests.api.conftest import Scene
    from vasya_server.model.base import Input

Answer: TypeAlias = tuple[int, str]

SHUT = (403, "sending_disabled")
ASKED = (202, "awaiting_approval")
SPENT = (429, "budget_exhausted")
HELD = (409, "owner_active")
FROZEN = (403, "account_frozen")
DONE = (0, "")

# In the order of the contract.
GUARDS = (
    "server gate",
    "owner's gate",
    "account's gate",
    "approval",
    "frozen",
    "budget",
    "takeover",
    "none",
)
# What makes messages, and what makes none.
MESSAGE = (SHUT, SHUT, SHUT, ASKED, FROZEN, SPENT, HELD, DONE)
CHANGE = (SHUT, SHUT, SHUT, ASKED, FROZEN, DONE, DONE, DONE)


class Change(NamedTuple):
    """One change at Telegram.

    Args:
        path: Behind the account, with its query.
        guards: What it is answered where that guard of GUARDS is up.
        sends: The methods that make the change; a dry run and a refusal send none of them.
        title: How its chat is called.
    """

    method: str
    path: str
    body: Any
    guards: tuple[Answer, ...]
    sends: tuple[str, ...]
    title: str | None = "Bob"


PARTS = tuple(sorted(each.name for each in pkgutil.iter_modules(__path__)))


def changes(part: str, scene: Scene) -> dict[str, Change]:
    """Return the changes of one part, by the names of their operations, in the order in which all succeed."""
    found: dict[str, Change] = import_module(f"{__name__}.{part}").changes(scene)
    return found


def all_changes(scene: Scene) -> dict[str, Change]:
    """Return the changes of all parts."""
    return {name: change for part in PARTS for name, change in changes(part, scene).items()}


def reaching(chat: str, message: int) -> dict[type[Input], list[dict[str, Any]]]:
    """Return bodies that reach for a message of *chat*, by their type."""
    found: dict[type[Input], list[dict[str, Any]]] = {}
    for part in PARTS:
        made = getattr(import_module(f"{__name__}.{part}"), "reaching", None)
        found |= made(chat, message) if made else {}
    return found
