"""Lists of things to do, as messages carry them.

Source: https://core.telegram.org/api/todo
"""

from __future__ import annotations

from msgspec import Struct
from telethon.tl import types as t


class ToDoList(Struct, frozen=True, omit_defaults=True, tag="to_do"):
    """A list of things to do."""

    title: str
    items: list[str]


def shown(record: ToDoList) -> t.MessageMediaToDo:
    """Return a list as everybody sees it."""
    items = [
        t.TodoItem(number, t.TextWithEntities(item, []))
        for number, item in enumerate(record.items, 1)
    ]
    return t.MessageMediaToDo(t.TodoList(t.TextWithEntities(record.title, []), items))
