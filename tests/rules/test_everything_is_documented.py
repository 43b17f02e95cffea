"""The API's description is complete, linted, and the one in the repository."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import vasya_server.app  # noqa: F401 — importing the application declares every operation
from vasya_server.api.openapi import document
from vasya_server.api.problems import PROBLEMS
from vasya_server.api.routes import OPERATIONS, Kind, Operation
from vasya_server.auth.policy import ASKABLE
from vasya_server.model.preview import Preview
from vasya_server.owner_chat.words import title_of

COMMITTED = Path(__file__).parents[2] / "docs" / "api" / "openapi.json"
SENTENCE = re.compile(r"[.:;?!)`](?=\s|$)")
CODE = re.compile(r"`([a-z_]+)`")
ACCESS_EXTENSIONS = {"x-scope", "x-human-only", "x-public", "x-any-principal"}


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document(OPERATIONS)


@pytest.mark.parametrize(
    "operation",
    [o for o in OPERATIONS if o.access in ASKABLE and o.kind is Kind.TELEGRAM],
    ids=lambda o: o.name,
)
def test_the_owners_chat_has_words_for_whatever_a_human_can_be_asked_about(
    operation: Operation,
) -> None:
    assert operation.mutation is not None
    kind = operation.mutation.action.value
    preview = Preview(kind=kind, account_id="acc")
    assert kind not in title_of("x", preview)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.name)
def test_a_description_has_two_sentences_the_effect_and_one_error(operation: Operation) -> None:
    text = " ".join(operation.description.split())
    codes = [code for code in CODE.findall(text) if code in PROBLEMS]

    assert len(re.findall(r"\.(?=\s|$)", text)) >= 2, text
    if operation.name != "get_health":  # the one operation that only the edge can refuse says so
        assert codes, text
    for status, code in re.findall(r"\b([45]\d\d) `([a-z_]+)`", text):
        assert PROBLEMS[code].status == int(status)


def test_each_operation_says_who_may_in_exactly_one_way(described: dict[str, Any]) -> None:
    for path in described["paths"].values():
        for operation in path.values():
            assert len(ACCESS_EXTENSIONS & set(operation)) == 1, operation["operationId"]
            assert operation["x-mutating"] in set(Kind)


def test_every_parameter_in_a_path_is_described(described: dict[str, Any]) -> None:
    for path, item in described["paths"].items():
        for operation in item.values():
            named = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    text = json.dumps(described)

    for name in set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
        assert name in described["components"]["schemas"]


def test_what_strangers_wrote_is_marked_untrusted(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]

    for schema, field in [
        ("Message", "text"),
        ("CompactMessage", "text"),
        ("Chat", "title"),
        ("Sender", "name"),
        ("LastMessage", "text"),
        ("Candidate", "title"),
        ("Button", "text"),
    ]:
        assert schemas[schema]["properties"][field]["x-untrusted"] is True, (schema, field)


def test_the_committed_description_is_this_one(described: dict[str, Any]) -> None:
    """Mend it with `make openapi`."""
    assert json.loads(COMMITTED.read_text()) == json.loads(json.dumps(described))
