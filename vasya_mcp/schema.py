"""What of an OpenAPI document becomes the schema of a tool: plain, whole and small.

Clients drop or refuse tools whose schema has references, combinators at the root or nullable unions.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]

# What says how a value is shown, and nothing of what it may be.
_LEFT_OUT: Final = frozenset({"title", "deprecated", "examples", "example", "x-untrusted"})


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
    made: Json = {}
    for key, value in schema.items():
        match key, value:
            case ("properties", dict()):
                made[key] = {name: inlined(each, components) for name, each in value.items()}
            case (("items" | "additionalProperties"), dict()):
                made[key] = inlined(value, components)
            case ("prefixItems", list()):
                made[key] = [inlined(each, components) for each in value]
            case ("enum", list()):
                made[key] = [each for each in value if each is not None]
            case ("default", None):
                continue
            case _ if key in _LEFT_OUT:
                continue
            case (_, float()) if value.is_integer():
                made[key] = int(value)
            case _:
                made[key] = value
    return made


def described(schema: Json, description: str | None) -> Json:
    """Return *schema* with another description; None leaves it its own."""
    return schema if description is None else {**schema, "description": description}


def object_of(properties: Json, required: list[str]) -> Json:
    """Return the schema of a tool's arguments."""
    made: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return made | ({"required": required} if required else {})
