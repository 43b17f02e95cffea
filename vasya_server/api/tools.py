"""Which operations an agent is offered as tools over MCP, under which name, with which of their fields.

A tool is one operation, never a chain of them: the adapter only turns what stands here, in OpenAPI as `x-vasya-mcp`, into
what the protocol wants. Whoever logs in, decides, reads the audit log or ends an account does it elsewhere.

Source: https://modelcontextprotocol.io/specification/2026-07-28/server/tools
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vasya_server.api.tools_reading import READING
from vasya_server.api.tools_writing import WRITING

if TYPE_CHECKING:
    from vasya_server.api.tool import Tool

TOOLS: Final[dict[str, tuple[Tool, ...]]] = {**READING, **WRITING}
# What of an operation a tool is made of.
_KEPT: Final = ("parameters", "requestBody", "responses", "x-scope", "x-mutating", "x-vasya-mcp")
_REFERENCE: Final = re.compile(r"#/components/schemas/(\w+)")


def packaged(document: dict[str, Any]) -> dict[str, Any]:
    """Return what of an OpenAPI document tools are made of: the adapter carries it for when no server answers."""
    paths = {
        path: {
            method: {name: operation[name] for name in _KEPT if name in operation}
            for method, operation in item.items()
            if "x-vasya-mcp" in operation
        }
        for path, item in document["paths"].items()
    }
    paths = {path: item for path, item in paths.items() if item}
    for item in paths.values():
        for operation in item.values():
            answers = operation["responses"].items()
            operation["responses"] = {status: told for status, told in answers if status[0] == "2"}
    known = document["components"]["schemas"]
    used: set[str] = set()
    found = _named(paths)
    while found:
        used |= found
        found = {name for each in found for name in _named(known[each])} - used
    return {"paths": paths, "components": {"schemas": {name: known[name] for name in sorted(used)}}}


def _named(schema: Any) -> set[str]:  # noqa: ANN401 — JSON
    """Return the components that are named anywhere in *schema*."""
    return set(_REFERENCE.findall(msgspec.json.encode(schema).decode()))
