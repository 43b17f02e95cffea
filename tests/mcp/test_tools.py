"""What clients are told of tools: names, schemas, hints and size, by the rules that clients enforce (docs/api/mcp.md)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import vasya_server.app  # noqa: F401 — importing the application declares every operation
from vasya_mcp.catalogue import packaged_document
from vasya_mcp.tools import Reach, Tool, read_tools
from vasya_server.api.openapi import document
from vasya_server.api.routes import OPERATIONS
from vasya_server.api.tools import TOOLS
from vasya_server.auth.scopes import Preset, Scope

# Written by hand from the contract: what each tool is, for a client that asks its user before anything else.
READ, CHANGE, AGAIN, LOSS, LOSS_AGAIN = "RI", "", "I", "D", "DI"
HINTS = {
    "tg_cancel_action": AGAIN,
    "tg_catch_up": READ,
    "tg_check_action": READ,
    "tg_create_chat": CHANGE,
    "tg_delete_messages": LOSS_AGAIN,
    "tg_edit_message": AGAIN,
    "tg_find_chat": READ,
    "tg_forward_messages": LOSS,
    "tg_get_chat": READ,
    "tg_get_media": READ,
    "tg_join_chat": AGAIN,
    "tg_leave_chat": AGAIN,
    "tg_list_chats": READ,
    "tg_list_folders": READ,
    "tg_list_members": READ,
    "tg_manage_member": LOSS_AGAIN,
    "tg_mark_read": AGAIN,
    "tg_press_button": CHANGE,
    "tg_react": AGAIN,
    "tg_read_messages": READ,
    "tg_save_draft": AGAIN,
    "tg_search_messages": READ,
    "tg_send_media": CHANGE,
    "tg_send_message": CHANGE,
    "tg_send_poll": CHANGE,
    "tg_transcribe": READ,
    "tg_update_chat": AGAIN,
    "tg_wait_events": READ,
    "tg_whoami": READ,
}
NEVER = re.compile(
    "login|password|session|import|export|keys|audit|approve|reject|lockdown|settings"
)
# As a client counts them: four characters of JSON a token, which is more than a tokenizer makes of English.
CHARS_PER_TOKEN = 4
DOCUMENT: dict[str, Any] = json.loads(json.dumps(document(OPERATIONS)))
ALL = read_tools(DOCUMENT)
ONE_ACCOUNT = ("acc_" + "a" * 26,)
FULL = Reach(scopes=frozenset(scope.value for scope in Scope), accounts=ONE_ACCOUNT)


def told(tool: Tool, reach: Reach = FULL) -> dict[str, Any]:
    definition = tool.definition(reach, can_upload=True)
    return definition.model_dump(by_alias=True, exclude_none=True)


def tokens(reach: Reach) -> int:
    offered = [told(each, reach) for each in ALL.values() if each.is_open_to(reach)]
    return (
        len(json.dumps({"tools": offered}, ensure_ascii=False, separators=(",", ":")))
        // CHARS_PER_TOKEN
    )


def parts(schema: Any) -> list[dict[str, Any]]:
    """Return every schema within *schema*."""
    if isinstance(schema, list):
        return [part for each in schema for part in parts(each)]
    if not isinstance(schema, dict):
        return []
    return [schema, *(part for each in schema.values() for part in parts(each))]


def test_there_are_these_tools_with_these_hints() -> None:
    found = {
        name: "R" * bool(hints.read_only_hint)
        + "D" * bool(hints.destructive_hint)
        + "I" * bool(hints.idempotent_hint)
        for name, hints in ((name, tool.annotations) for name, tool in ALL.items())
    }
    assert found == HINTS


def test_every_tool_has_a_title_and_all_four_hints() -> None:
    for tool in ALL.values():
        said = told(tool)
        assert said["title"], tool.name
        assert set(said["annotations"]) == {
            *("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"),
        }, tool.name


def test_names_are_short_enough_for_every_client() -> None:
    for name in ALL:
        assert re.fullmatch("tg_[a-z_]{2,40}", name)
        assert len(f"mcp__vasya__{name}") <= 60


def test_the_list_is_sorted() -> None:
    assert list(ALL) == sorted(ALL)


@pytest.mark.parametrize("tool", ALL.values(), ids=lambda tool: tool.name)
def test_schemas_are_ones_that_no_client_refuses(tool: Tool) -> None:
    said = told(tool)
    schema = said["inputSchema"]
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert not {"anyOf", "oneOf", "allOf", "$schema"} & set(schema)
    for part in parts(schema):
        assert not {"$ref", "$defs", "x-untrusted"} & set(part)
        assert part.get("type") != "null"
        assert not isinstance(part.get("type"), list)
    if "outputSchema" in said:
        assert said["outputSchema"]["type"] == "object"
        assert not parts_with(said["outputSchema"], "$ref")


def parts_with(schema: Any, key: str) -> list[dict[str, Any]]:
    return [part for part in parts(schema) if key in part]


def test_what_a_tool_names_is_there() -> None:
    """A server of another version may lack a field; this one lacks none that it names."""
    by_name = {operation.name: operation for operation in OPERATIONS}
    assert set(TOOLS) <= set(by_name)
    for operation_name, said in TOOLS.items():
        path = by_name[operation_name].path
        for tool in said:
            assert set(ALL[tool.tool].properties) == set(tool.fields), tool.tool
            assert all(
                f"{{{name}}}" in path or name in ALL[tool.tool].properties for name in tool.fields
            )


def test_what_is_told_as_structured_content_is_nothing_that_other_people_wrote() -> None:
    for operation_name, said in TOOLS.items():
        untrusted = untrusted_names(operation_name)
        for tool in said:
            assert not set(tool.answer) & untrusted, tool.tool


def untrusted_names(operation_name: str) -> set[str]:
    """Return the names of an operation's answers below which anything that other people wrote may stand."""
    schemas = DOCUMENT["components"]["schemas"]

    def holds(schema: Any, seen: frozenset[str] = frozenset()) -> bool:
        for part in parts(schema):
            if part.get("x-untrusted"):
                return True
            name = part.get("$ref", "").rpartition("/")[2]
            if name and name not in seen and holds(schemas[name], seen | {name}):
                return True
        return False

    operation = next(
        each
        for item in DOCUMENT["paths"].values()
        for each in item.values()
        if each["operationId"] == operation_name
    )
    found: set[str] = set()
    for status, answer in operation["responses"].items():
        if status[0] != "2":
            continue
        for part in parts(answer):
            name = part.get("$ref", "").rpartition("/")[2]
            fields = schemas[name].get("properties", {}) if name else {}
            found |= {field for field, schema in fields.items() if holds(schema)}
    return found


def test_no_tool_logs_in_decides_or_ends_an_account() -> None:
    for tool in ALL.values():
        assert not NEVER.search(tool.name)
        assert not NEVER.search(tool.path.removeprefix("/api/v1"))


def test_the_list_is_small_enough_to_be_read_with_every_request() -> None:
    reader = Reach(
        scopes=frozenset(scope.value for scope in Preset.READER.scopes), accounts=ONE_ACCOUNT
    )
    assert tokens(FULL) <= 5_500
    assert tokens(reader) <= 2_500


def test_a_reader_is_offered_what_reads() -> None:
    reader = Reach(
        scopes=frozenset(scope.value for scope in Preset.READER.scopes), accounts=ONE_ACCOUNT
    )
    offered = {name for name, tool in ALL.items() if tool.is_open_to(reader)}
    assert offered == {name for name, hints in HINTS.items() if hints == READ} - {"tg_transcribe"}


def test_an_account_is_asked_for_where_there_is_a_choice() -> None:
    tool = ALL["tg_list_chats"]
    two = Reach(scopes=FULL.scopes, accounts=("acc_a", "acc_b"))
    assert "account" not in told(tool)["inputSchema"]["properties"]
    assert "account" in told(tool, two)["inputSchema"]["required"]


def test_descriptions_are_short_and_hold_nothing_of_anybody() -> None:
    for tool in ALL.values():
        sentences = re.findall(r"[.:;](?: |$)", tool.description)
        assert 1 <= len(sentences) <= 5, tool.name
        assert len(tool.description) <= 330, tool.name


def test_the_packaged_list_is_the_servers() -> None:
    assert read_tools(packaged_document()) == ALL
