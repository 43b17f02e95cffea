"""What of an OpenAPI document becomes the schema of a tool: plain, whole and small.

Clients drop or refuse tools whose schema has references, combinators at the root or nullable unions.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]

_MANY: Final = 8
# An id is whatever a list told: its bounds say nothing.
_ANY_ID: Final = 2**31 - 1

# What the server checks and tells of by itself: a model pays for each word of a list that it reads with every request.
_LEFT_OUT: Final = frozenset(
    {
        *("title", "deprecated", "examples", "example", "x-untrusted"),
        *("default", "format", "pattern", "minLength", "maxLength"),
        *("exclusiveMinimum", "exclusiveMaximum"),
    }
)


def inlined(schema: Json, components: Json) -> Json:
    """Return *schema* without references, without null, and without what only a reader of documentation needs."""
    if "$ref" in schema:
        return inlined(components[schema["$ref"].rpartition("/")[2]], components)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        kept = [inlined(each, components) for each in options if each.get("type") != "null"]
        rest = {key: value for key, value in schema.items() if key not in {"anyOf", "oneOf"}}
        if len(kept) == 1:
            return _plain({**rest, **kept[0]}, components)
        return _plain({**rest, "anyOf": kept}, components)
    return _plain(schema, components)


def _plain(schema: Json, components: Json) -> Json:
    if _is_many_flags(schema):
        told = {"description": schema["description"]} if "description" in schema else {}
        return {"type": "object", **told, "additionalProperties": {"type": "boolean"}}
    return {
        key: _part(key, value, components)
        for key, value in schema.items()
        if not _is_left_out(key, value, schema)
    }


def _part(key: str, value: object, components: Json) -> object:
    match key, value:
        case ("properties", dict()):
            return {name: inlined(each, components) for name, each in value.items()}
        case (("items" | "additionalProperties"), dict()):
            return described(inlined(value, components), "")
        case ("prefixItems", list()):
            return [inlined(each, components) for each in value]
        case ("enum", list()):
            return [each for each in value if each is not None]
        case _:
            return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_left_out(key: str, value: object, schema: Json) -> bool:
    is_bound_of_ids = key in {"minimum", "maximum"} and schema.get("maximum", 0) >= _ANY_ID
    return key in _LEFT_OUT or is_bound_of_ids or (key, value) == ("required", [])


def _is_many_flags(schema: Json) -> bool:
    """Tell whether it is a list of switches so long that their names alone say enough; the server knows each."""
    properties = schema.get("properties", {}).values()
    return len(properties) > _MANY and all(each.get("type") == "boolean" for each in properties)


def described(schema: Json, description: str | None) -> Json:
    """Return *schema* with another description; None leaves it its own, an empty one takes it away."""
    if description is None:
        return schema
    bare = {key: value for key, value in schema.items() if key != "description"}
    return bare | ({"description": description} if description else {})


def object_of(properties: Json, required: list[str]) -> Json:
    """Return the schema of a tool's arguments."""
    made: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return made | ({"required": required} if required else {})
