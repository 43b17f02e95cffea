"""Read queries and bodies into Structs, and say which field is wrong and what would have been right.

msgspec decodes; where it refuses, every field is tried by itself, so that all faults are named at once, and told apart
by type rather than by the text of an exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import inspect

from vasya_server.api.refusals import EncodingInvalid, MalformedJson
from vasya_server.errors import FieldError, ValidationFailed
from vasya_server.model.base import Input, Query
from vasya_server.model.message import MessageId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Q = TypeVar("Q", bound=Query)
B = TypeVar("B", bound=Input)

# Taken by every change at Telegram, whatever else it takes.
DRY_RUN: Final = "dryRun"
# Parameters of paths that are numbers.
_NUMBERS: Final = ("message", "topic", "folder")
_BOOLEANS: Final = {"true": True, "false": False}
_MAX_NAME_CHARACTERS: Final = 64


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a Struct: its names, its annotation, and the type behind unions and metadata."""

    attribute: str
    name: str
    is_required: bool
    annotation: Any
    kind: inspect.Type


@cache
def _fields(of: type[msgspec.Struct]) -> dict[str, _Field]:
    info = inspect.type_info(of)
    if not isinstance(info, inspect.StructType):
        raise TypeError(of)
    kinds = {field.name: _main_type(field.type) for field in info.fields}
    return {
        field.encode_name: _Field(
            field.name, field.encode_name, field.required, field.type, kinds[field.name]
        )
        for field in msgspec.structs.fields(of)
    }


@cache
def _default(of: type[Query]) -> Any:  # noqa: ANN401 — of that class
    """Return what an empty query says; None where something has to be said."""
    return None if any(field.is_required for field in _fields(of).values()) else of()


def _main_type(kind: inspect.Type) -> inspect.Type:
    while True:
        if isinstance(kind, inspect.Metadata):
            kind = kind.type
        elif isinstance(kind, inspect.UnionType):
            kind = next(t for t in kind.types if not isinstance(t, inspect.NoneType))
        else:
            return kind


def read_query(raw: bytes, into: type[Q]) -> Q:
    """Read a query string.

    Raises:
        EncodingInvalid: It is not UTF-8.
        ValidationFailed: A parameter is unknown, repeated, missing or has no allowed value.
    """
    if not raw and (nothing_said := _default(into)) is not None:
        return nothing_said  # type: ignore[no-any-return]  # of that class, kept by it
    fields = _fields(into)
    given: dict[str, str] = {}
    faults: list[FieldError] = []
    for name, value in _pairs(raw):
        if name not in fields:
            faults.append(FieldError(f"?{name[:_MAX_NAME_CHARACTERS]}", "unknown", tuple(fields)))
        elif name in given:
            faults.append(FieldError(f"?{name}", "repeated"))
        else:
            given[name] = value
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in given:
            try:
                values[field.attribute] = _read_value(given[name], field)
            except (msgspec.ValidationError, ValueError):
                faults.append(_fault(f"?{name}", field))
        elif field.is_required:
            faults.append(FieldError(f"?{name}", "missing", _allowed(field.kind)))
    if faults:
        raise ValidationFailed(*faults)
    return into(**values)


def take_dry_run(raw: bytes) -> tuple[bool, bytes]:
    """Tell whether a change is only to be rehearsed, and return the rest of its query.

    Raises:
        EncodingInvalid: The query is not UTF-8.
        ValidationFailed: `dryRun` is repeated, or neither true nor false.
    """
    if not raw:
        return False, raw
    pairs = _pairs(raw)
    said = [value for name, value in pairs if name == DRY_RUN]
    if not said:
        return False, raw
    if len(said) > 1:
        raise ValidationFailed(FieldError(f"?{DRY_RUN}", "repeated"))
    if said[0] not in _BOOLEANS:
        raise ValidationFailed(FieldError(f"?{DRY_RUN}", "not_allowed", tuple(_BOOLEANS)))
    rest = [pair for pair in pairs if pair[0] != DRY_RUN]
    return _BOOLEANS[said[0]], urlencode(rest).encode()


def read_body(raw: bytes, into: type[B]) -> B:
    """Read a JSON body.

    Raises:
        MalformedJson: It is not JSON, or nested too deeply.
        EncodingInvalid: It is not UTF-8, or a text in it contains NUL.
        ValidationFailed: A field is unknown, missing or has no allowed value.
    """
    try:
        try:
            value = msgspec.json.decode(raw, type=into)
        except msgspec.ValidationError as error:
            raise ValidationFailed(*_body_faults(msgspec.json.decode(raw), into)) from error
    except UnicodeDecodeError as error:
        raise EncodingInvalid from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedJson from error
    if b"\\u0000" in raw and any("\0" in text for text in _texts(msgspec.to_builtins(value))):
        raise EncodingInvalid
    return value


def read_path_numbers(path: Mapping[str, str]) -> dict[str, int]:
    """Read the ids out of the path that are numbers: of messages, and of what else is numbered.

    Raises:
        ValidationFailed: One is no whole number from 1 to 2³¹ - 1.
    """
    return {name: _read_path_number(path[name], name) for name in _NUMBERS if name in path}


def _read_path_number(text: str, name: str) -> int:
    try:
        return msgspec.convert(text, MessageId, strict=False)
    except msgspec.ValidationError as error:
        raise ValidationFailed(
            FieldError(f"{{{name}}}", "out_of_range", ("1..2147483647",))
        ) from error


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise EncodingInvalid from error
    if any("\0" in value for _, value in pairs):
        raise EncodingInvalid
    return pairs


def _read_value(text: str, field: _Field) -> object:
    """Read one parameter; only numbers are read leniently, or the word `null` would become no value at all."""
    match field.kind:
        case inspect.BoolType():
            if text not in _BOOLEANS:
                raise ValueError(text)
            return _BOOLEANS[text]
        case inspect.VarTupleType():
            parts = [part.strip() for part in text.split(",")]
            if len(set(parts)) != len(parts):
                raise ValueError(text)
            return msgspec.convert(parts, field.annotation, strict=False)
        case inspect.IntType() | inspect.FloatType():
            if text == "null":
                raise ValueError(text)
            return msgspec.convert(text, field.annotation, strict=False)
    return msgspec.convert(text, field.annotation)


def _body_faults(given: object, into: type[msgspec.Struct], at: str = "") -> Iterator[FieldError]:
    if not isinstance(given, dict):
        yield FieldError(at, "wrong_type", ("object",))
        return
    fields = _fields(into)
    for name in given:
        if name not in fields:
            pointer = name[:_MAX_NAME_CHARACTERS].replace("~", "~0").replace("/", "~1")
            yield FieldError(f"{at}/{pointer}", "unknown", tuple(fields))
    for name, field in fields.items():
        if name in given:
            try:
                msgspec.convert(given[name], field.annotation)
            except msgspec.ValidationError:
                yield from _inner_faults(given[name], field, f"{at}/{name}")
        elif field.is_required:
            yield FieldError(f"{at}/{name}", "missing", _allowed(field.kind))


def _inner_faults(given: object, field: _Field, at: str) -> Iterator[FieldError]:
    """Yield what is wrong with a field, or with the fields of the objects in it."""
    found: list[FieldError] = []
    match field.kind, given:
        case inspect.StructType(cls=of), dict():
            found += _body_faults(given, of, at)
        case inspect.VarTupleType(item_type=inspect.StructType(cls=of)), list():
            for index, item in enumerate(given):
                found += _body_faults(item, of, f"{at}/{index}")
    yield from found or [_fault(at, field)]


def _fault(pointer: str, field: _Field) -> FieldError:
    """Say what a value of this field may be."""
    match field.kind:
        case inspect.EnumType() | inspect.LiteralType() | inspect.BoolType():
            code = "not_allowed"
        case inspect.IntType() | inspect.FloatType():
            code = "out_of_range"
        case inspect.StrType(pattern=str()):
            code = "wrong_form"
        case inspect.StrType():
            code = "wrong_length"
        case _:
            code = "invalid"
    return FieldError(pointer, code, _allowed(field.kind))


def _allowed(kind: inspect.Type) -> tuple[str, ...]:
    match kind:
        case inspect.EnumType():
            return tuple(str(member.value) for member in kind.cls)
        case inspect.LiteralType():
            return tuple(str(value) for value in kind.values)
        case inspect.BoolType():
            return tuple(_BOOLEANS)
        case inspect.IntType() | inspect.FloatType():
            return (f"{_bound(kind.ge)}..{_bound(kind.le)}",)
        case inspect.StrType(pattern=str() as pattern):
            return (pattern,)
        case inspect.StrType():
            return (f"{_bound(kind.min_length or 0)}..{_bound(kind.max_length)} characters",)
        case (
            inspect.VarTupleType(item_type=inner)
            | inspect.ListType(item_type=inner)
            | inspect.DictType(value_type=inner)
        ):
            return _allowed(_main_type(inner))
    return ()


def _bound(limit: float | None) -> str:
    return "" if limit is None else str(limit)


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from _texts(item)
        case list() | tuple():
            for item in value:
                yield from _texts(item)
