"""No route can change anything but through `operations.perform`: claimed, written down, and answered once."""

from __future__ import annotations

import ast
import inspect
import typing
from pathlib import Path

import pytest

import vasya_server.app  # noqa: F401 — importing the application declares every operation
from vasya_server.api import routes
from vasya_server.api.routes import OPERATIONS, Access, Call, Kind, Operation, mutation, read
from vasya_server.audit.actions import Action
from vasya_server.operations import Ready, local

SERVER = Path(routes.__file__).parents[1]
CHANGES = [operation for operation in OPERATIONS if operation.kind is not Kind.NONE]


def calls_of(name: str) -> set[str]:
    """Return the modules of the server that call something of that name."""
    found = set()
    for path in SERVER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func
                if name == (
                    called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
                ):
                    found.add(path.relative_to(SERVER).as_posix())
    return found


@pytest.mark.parametrize("operation", CHANGES, ids=lambda o: o.name)
def test_a_change_cannot_be_made_without_what_perform_makes_ready(operation: Operation) -> None:
    hints = typing.get_type_hints(operation.handler)
    second = list(inspect.signature(operation.handler).parameters)[1]

    assert operation.mutation is not None
    assert hints[second] is Ready


def test_a_change_that_takes_nothing_ready_cannot_be_declared() -> None:
    async def change_things(_call: Call) -> None:
        """Change things behind everybody's back."""

    with pytest.raises(TypeError, match="takes a Ready"):
        mutation("POST", "/things", Access.HUMAN, local(Action.ACCOUNT_UPDATE))(change_things)


def test_a_read_that_wants_to_change_something_cannot_be_declared() -> None:
    async def read_things(_call: Call, _ready: Ready) -> None:
        """Change things while reading."""

    with pytest.raises(TypeError, match="takes a Ready"):
        read("/things", Access.HUMAN)(read_things)


def test_only_the_path_makes_anything_ready() -> None:
    demo = "cli/demo.py"  # has a READY line of its own

    assert calls_of("Ready") - {demo} == {"operations/path.py"}


def test_the_api_has_one_way_into_the_path() -> None:
    # The owner's chat locks and revokes; whatever else changes comes by HTTP.
    assert calls_of("perform") == {"api/mutating.py", "owner_chat/commands.py"}
    assert calls_of("perform_approved") == {"api/mutating.py"}
    assert calls_of("carry_out_approved") == {"api/approved.py", "operations/approved.py"}
    assert calls_of("carry_out") == {"api/binding.py", "operations/path.py"}


def test_the_api_never_speaks_to_telegram_itself() -> None:
    changing = {path for path in calls_of("mutate") if not path.startswith("telegram/")}

    assert changing == set()


def test_what_is_declared_here_is_not_left_behind() -> None:
    assert "/things" not in {operation.path for operation in OPERATIONS}
