"""Reads tools out of the OpenAPI document of the REST server: one operation each, cut to what a key may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import mcp_types as types
from jsonschema import Draft202012Validator

from vasya_mcp.schema import Json, described, inlined, object_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_KEY: Final = "idempotencyKey"
_FILES: Final = "files"
_KEY_SCHEMA: Final = {
    "type": "string",
    "description": "Same key, same content: done once.",
}
_FILES_SCHEMA: Final = {
    "type": "array",
    "items": {"type": "string"},
    "maxItems": 10,
    "description": "Names of files in the upload folder.",
}
_ACCOUNT_SCHEMA: Final = {"type": "string", "description": "An account's id or alias."}
# Names that the structured answer of any change may have beside its own, by their JSON types.
_PLAIN: Final = {"string", "integer", "number", "boolean", "array", "object"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a key may do, as the server tells it."""

    scopes: frozenset[str]
    accounts: tuple[str, ...]

    @property
    def can_write(self) -> bool:
        """Tell whether there is anything that it could want to take back."""
        return any(not scope.endswith(":read") and scope != "stt:use" for scope in self.scopes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool, and the operation behind it.

    Args:
        scope: What opens it; None: any key.
        body_fields: Names that go into the JSON body.
        list_fields: Names of the query that are comma lists.
        fixed: What is always said.
        answer: Names of the answer that are told as structured content; without any, all of it is text.
    """

    name: str
    title: str
    description: str
    annotations: types.ToolAnnotations
    scope: str | None
    method: str
    path: str
    properties: Json
    required: tuple[str, ...]
    body_fields: frozenset[str]
    list_fields: frozenset[str]
    fixed: Json
    answer: tuple[str, ...]
    output: Json | None
    is_change: bool
    is_file: bool
    takes_files: bool
    limit: int | None
    # Making one takes longer than the rest of a call; there are few kinds of callers.
    _validators: dict[str, Draft202012Validator] = field(
        default_factory=dict, compare=False, repr=False
    )

    def definition(self, reach: Reach | None, *, can_upload: bool) -> types.Tool:
        """Return what a client is told, for a key with that reach."""
        return types.Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=self.schema(reach, can_upload=can_upload),
            output_schema=self.output,
            annotations=self.annotations,
        )

    def schema(self, reach: Reach | None, *, can_upload: bool) -> Json:
        """Return the schema of its arguments: an account is asked for where there is a choice."""
        properties = dict(self.properties)
        required = list(self.required)
        if "{account}" in self.path and (reach is None or len(reach.accounts) != 1):
            properties["account"] = _ACCOUNT_SCHEMA
            if reach is not None:
                required.append("account")
        if self.takes_files and can_upload:
            properties[_FILES] = _FILES_SCHEMA
        if self.is_change and not self.annotations.idempotent_hint:
            properties[_KEY] = _KEY_SCHEMA
        return object_of(properties, required)

    def faults(self, arguments: Json, reach: Reach | None, *, can_upload: bool) -> list[str]:
        """Return what is wrong with *arguments*, at most five sentences."""
        is_asked = reach is None or len(reach.accounts) != 1
        kind = f"{is_asked} {reach is None} {can_upload}"
        validator = self._validators.get(kind)
        if validator is None:
            schema = self.schema(reach, can_upload=can_upload)
            validator = self._validators[kind] = Draft202012Validator(schema)
        found = list(validator.iter_errors(arguments))
        return [
            f"{'/'.join(map(str, each.path)) or 'arguments'}: {each.message[:300]}"
            for each in found[:5]
        ]

    def is_open_to(self, reach: Reach) -> bool:
        """Tell whether a key with that reach is offered it."""
        if self.name == "tg_cancel_action":
            return reach.can_write
        return self.scope is None or self.scope in reach.scopes


def read_tools(document: Json) -> dict[str, Tool]:
    """Return the tools of an OpenAPI document, by name."""
    components = document.get("components", {}).get("schemas", {})
    found: dict[str, Tool] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for said in operation.get("x-vasya-mcp", ()):
                tool = _tool(method.upper(), path, operation, said, components)
                found[tool.name] = tool
    return dict(sorted(found.items()))


def _tool(method: str, path: str, operation: Json, said: Json, components: Json) -> Tool:
    parameters = {each["name"]: each for each in operation.get("parameters", ())}
    body = _body(operation, components)
    known = {name: inlined(each["schema"], components) for name, each in parameters.items()}
    for name, each in parameters.items():
        known[name].setdefault("description", each.get("description", ""))
    known |= body.get("properties", {})
    # A server of another version may not know all of them.
    fields = {name: text for name, text in said.get("fields", {}).items() if name in known}
    required = {name for name, each in parameters.items() if each.get("required")}
    required |= set(body.get("required", ()))
    return Tool(
        name=said["tool"],
        title=said["title"],
        description=said["description"],
        annotations=_annotations(said),
        scope=operation.get("x-scope"),
        method=method,
        path=path,
        properties={name: described(known[name], text) for name, text in fields.items()},
        required=tuple(name for name in fields if name in required),
        body_fields=frozenset(body.get("properties", ())),
        list_fields=frozenset(
            name for name, each in parameters.items() if each["schema"].get("type") == "array"
        ),
        fixed=said.get("fixed", {}),
        answer=tuple(said.get("answer", ())),
        output=_output(operation, said, components),
        is_change=operation.get("x-mutating") != "none",
        is_file=said.get("isFile", False),
        takes_files=said.get("takesFiles", False),
        limit=known["limit"].get("maximum") if "limit" in fields else None,
    )


def _annotations(said: Json) -> types.ToolAnnotations:
    return types.ToolAnnotations(
        read_only_hint=said.get("isReadOnly", False),
        destructive_hint=said.get("isDestructive", False),
        idempotent_hint=said.get("isIdempotent", False),
        open_world_hint=said.get("isOpenWorld", True),
    )


def _body(operation: Json, components: Json) -> Json:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return {} if schema is None else inlined(schema, components)


def _output(operation: Json, said: Json, components: Json) -> Json | None:
    """Return the schema of the structured answer: what is named, by its type alone."""
    if not said.get("answer"):
        return None
    known: Json = {}
    for schema in _answers(operation, components):
        known |= schema.get("properties", {})
    return {
        "type": "object",
        "properties": {name: _type_of(known.get(name, {})) for name in said["answer"]},
    }


def _answers(operation: Json, components: Json) -> Iterable[Json]:
    for status, answer in operation["responses"].items():
        schema = answer.get("content", {}).get("application/json", {}).get("schema")
        if status[0] == "2" and schema is not None:
            whole = inlined(schema, components)
            yield from _options(whole)


def _options(schema: Json) -> Sequence[Json]:
    options: Sequence[Json] = schema.get("anyOf", [schema])
    return options


def _type_of(schema: Json) -> Json:
    kind: Any = "string" if "enum" in schema else schema.get("type")
    return {"type": kind} if kind in _PLAIN else {}
