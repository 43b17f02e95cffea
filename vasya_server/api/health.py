"""Whether the server lives, and whether it can work."""

from __future__ import annotations

from vasya_server.api.routes import Access, Call, read
from vasya_server.errors import StorageFailed
from vasya_server.model.account import AccountStatus
from vasya_server.model.service import Health, Readiness


@read("/health", Access.PUBLIC)
async def get_health(_call: Call) -> Health:
    """Tell that the process answers.

    It says nothing else and needs no credential, so that anybody may watch it. Answers 421 `host_not_allowed` to a
    `Host` that is not this server's.
    """
    return Health(status="ok")


@read("/ready", Access.ANY_PRINCIPAL)
async def get_readiness(call: Call) -> Readiness:
    """Tell whether storage answers, the audit log can be written, and how many accounts are there and connected.

    Without the audit log nothing is changed (503 `audit_unavailable`) and reading works. Accounts connect when they
    are needed, so that none being connected is no fault. Answers 401 `missing_token` without a credential.
    """
    accounts = call.gateway.accounts.list(call.who.owner, call.who.account_ids)
    statuses = [account.status for account in accounts]
    has_storage = await _has_storage(call)
    has_audit = await call.gateway.audit.is_writable()
    return Readiness(
        is_ready=has_storage and has_audit,
        storage=has_storage,
        audit=has_audit,
        master_key=True,
        accounts=len(statuses),
        accounts_connected=statuses.count(AccountStatus.CONNECTED),
    )


async def _has_storage(call: Call) -> bool:
    try:
        await call.gateway.db.ping()
    except StorageFailed:
        return False
    return True
