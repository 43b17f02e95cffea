"""The one way in which tests look at a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

MEMBERS = {
    "type",
    "title",
    "status",
    "code",
    "detail",
    "instance",
    "requestId",
    "isRetryable",
    "remedy",
}


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that *response* is a whole problem+json of that status and code, and return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["code"] == code, problem
    assert problem["status"] == status
    assert problem["type"] == f"urn:vasya:problem:{code}"
    assert set(problem) >= MEMBERS
    assert problem["instance"] == f"urn:vasya:request:{problem['requestId']}"
    assert response.headers["x-request-id"] == problem["requestId"]
    return problem
