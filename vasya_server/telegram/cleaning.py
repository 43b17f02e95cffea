"""Every string of an answer that a stranger controls, found by its annotation and sanitised (D-11.4).

`Untrusted` on a field is all it takes: whoever adds one cannot forget to clean it, and whoever builds an object passes it
through `clean` once. Where nothing is suspicious that costs a look at each string, and no object is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import inspect
from msgspec.structs import replace

from vasya_server.model.base import Sanitized, Wire
from vasya_server.telegram.untrusted import is_clean, sanitize, sanitize_formatted

if TYPE_CHECKING:
    from collections.abc import Callable

    from vasya_server.telegram.untrusted import Cleaned

T = TypeVar("T", bound=Wire)


def clean(thing: T) -> T:
    """Return *thing* without what a reader cannot see, saying in its `sanitized` what was taken out of it."""
    if not _is_suspect(thing):
        return thing
    tally = _Tally()
    cleaned: T = _clean_struct(thing, tally)
    if "sanitized" not in thing.__struct_fields__:
        return cleaned
    told = Sanitized(removed=tally.removed, classes=sorted(tally.classes))
    return replace(cleaned, sanitized=told)


@dataclass(slots=True)
class _Tally:
    """What was taken out of one object and its parts."""

    removed: int = 0
    classes: set[str] = field(default_factory=set)

    def count(self, cleaned: Cleaned) -> str:
        self.removed += cleaned.removed
        self.classes.update(cleaned.classes)
        return cleaned.text


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where the strings of a struct are.

    Args:
        names: Its fields that are strangers' strings, or may hold some.
        values: Takes their values out of a struct, as a tuple.
        is_formatted: It has a `text` whose `entities` must move with it.
    """

    names: tuple[str, ...]
    values: Callable[[Any], tuple[Any, ...]]
    is_formatted: bool


class _Plans(dict[type[msgspec.Struct], _Plan]):
    """The plan of every struct that was seen."""

    def __missing__(self, kind: type[msgspec.Struct]) -> _Plan:
        info = inspect.type_info(kind)
        assert isinstance(info, inspect.StructType)  # noqa: S101 — of a struct, it is
        names = tuple(part.name for part in info.fields if holds_untrusted(part.type))
        plan = self[kind] = _Plan(names, _taker(names), {"text", "entities"} <= {*names})
        return plan


_PLANS = _Plans()


def _taker(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if not names:
        return lambda _: ()
    take = attrgetter(*names)
    return take if len(names) > 1 else lambda thing: (take(thing),)


def holds_untrusted(kind: inspect.Type) -> bool:
    """Tell whether values of that type are, or may have in them, strings that a stranger controls."""
    match kind:
        case inspect.Metadata():
            marks = kind.extra_json_schema or {}
            return bool(marks.get("x-untrusted")) or holds_untrusted(kind.type)
        case inspect.UnionType():
            return any(map(holds_untrusted, kind.types))
        case inspect.ListType():
            return holds_untrusted(kind.item_type)
        case inspect.StructType():
            return any(holds_untrusted(part.type) for part in kind.fields)
    return False


def _is_suspect(thing: Any) -> bool:
    """Tell whether anything has to be taken out: nearly never, so that this is what cleaning costs."""
    for value in _PLANS[type(thing)].values(thing):
        if value:
            kind = type(value)
            if kind is str:
                if not (value.isascii() and value.isprintable()) and not is_clean(value):
                    return True
            elif kind is list:
                for item in value:
                    if not is_clean(item) if type(item) is str else _is_suspect(item):
                        return True
            elif _is_suspect(value):
                return True
    return False


def _clean_struct(thing: Any, tally: _Tally) -> Any:
    plan = _PLANS[type(thing)]
    values = zip(plan.names, plan.values(thing), strict=True)
    changes = {name: _clean_value(value, tally) for name, value in values if value}
    if plan.is_formatted:
        text, entities = sanitize_formatted(thing.text, changes.get("entities", []))
        changes |= {"text": text.text, "entities": entities}
    return replace(thing, **changes)


def _clean_value(value: Any, tally: _Tally) -> Any:
    if isinstance(value, str):
        return tally.count(sanitize(value))
    if isinstance(value, list):
        return [_clean_value(item, tally) for item in value]
    return _clean_struct(value, tally)
