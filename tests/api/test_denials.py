"""What was refused, and whose credential was not good, is in the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.problems import assert_problem

if TYPE_CHECKING:
    import httpx

    from vasya_server.gateway import Gateway

AUDIT = "/api/v1/audit"


async def test_an_account_out_of_reach_is_told_with_the_operation(
    client: httpx.AsyncClient, gateway: Gateway
) -> None:
    refused = await client.get("/api/v1/accounts/acc_aaaaaaaaaaaaaaaaaaaaaaaaaa")
    await gateway.denials.flush()

    assert_problem(refused, 403, "access_denied")
    entry = (await client.get(AUDIT)).json()["items"][0]
    assert (entry["kind"], entry["action"]) == ("denied", "access:denied")
    assert entry["operation"] == "get_account"
    assert entry["result"]["code"] == "access_denied"


async def test_a_wrong_credential_is_counted_in_the_whole_log(
    anonymous: httpx.AsyncClient, gateway: Gateway
) -> None:
    for _ in range(3):
        headers = {"Authorization": "Bearer vl_wrong"}
        assert_problem(await anonymous.get(AUDIT, headers=headers), 401, "invalid_token")
    await gateway.denials.flush(is_last=True)

    log = (gateway.settings.data_dir / "audit.log").read_text()
    assert '"act":"auth:failed"' in log
    assert '"n":3' in log
    assert "127.0.0.1" not in log


async def test_a_request_without_a_credential_is_not_noted(
    anonymous: httpx.AsyncClient, gateway: Gateway
) -> None:
    assert_problem(await anonymous.get(AUDIT), 401, "missing_token")
    await gateway.denials.flush(is_last=True)

    assert "auth:failed" not in (gateway.settings.data_dir / "audit.log").read_text()
