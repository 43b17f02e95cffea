"""The endpoints of the contract are the application's routes: none is missing, and what goes beyond is named."""

from __future__ import annotations

from pathlib import Path

import vasya_server.app  # noqa: F401 — importing the application declares every operation
from vasya_server.api.routes import OPERATIONS

CONTRACT = Path(__file__).parent / "contract.txt"
# Beyond the contract, each for something that the contract promises elsewhere.
MORE = {
    ("POST", "/tokens/revoke"),
    ("GET", "/accounts/{account}/users/{user}/photos/{photo}"),
    ("GET", "/accounts/{account}/chats/{chat}/photos/{photo}"),
}


def contract() -> set[tuple[str, str]]:
    found = set()
    for line in CONTRACT.read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        *methods, path = line.split()
        path = path.replace("…", "/accounts/{account}")
        found |= {(method, path) for method in methods}
    return found


def test_every_endpoint_of_the_contract_is_a_route_and_every_other_route_is_known() -> None:
    routes = {(operation.method, operation.path) for operation in OPERATIONS}
    assert routes - contract() == MORE
    assert contract() - routes == set()
