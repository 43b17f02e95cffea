"""What one running server holds, opened in the order in which its parts may refuse to start."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from vasya_server.audit.denials import Denials
from vasya_server.audit.journal import Journal
from vasya_server.audit.log import Audit
from vasya_server.audit.reserve import Reserve
from vasya_server.audit.stopping import StoppingJournal
from vasya_server.auth.denied_tokens import DeniedTokens
from vasya_server.auth.jwt import JwtRules, JwtVerifier
from vasya_server.auth.tokens import Tokens
from vasya_server.crypto.cursor import Cursors
from vasya_server.idempotency.claims import Claims
from vasya_server.sessions.vault import Vault
from vasya_server.store.migrate import migrate, schema_version
from vasya_server.store.sqlite import open_sqlite
from vasya_server.telegram.accounts import Accounts
from vasya_server.telegram.endpoint import Endpoint
from vasya_server.telegram.login import Logins

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from vasya_server.auth.embedded import EmbeddedToken
    from vasya_server.clock import Clock
    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.ids import OwnerId
    from vasya_server.settings import Settings
    from vasya_server.store.database import Database

DATABASE_FILE = "vasya.db"
LOCAL_OWNER = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The parts of a running server; there is one per process.

    Args:
        owner: Whose accounts the embedded token reaches.
        token: The embedded token; None in JWT mode, and where nothing listens (commands that work on the data dir).
        denied: The JWTs that are taken no more, in whichever mode.
        tokens: Verifies JWTs; None in embedded mode, which takes none.
    """

    settings: Settings
    clock: Clock
    key: MasterKey
    db: Database
    audit: Audit
    denials: Denials
    claims: Claims
    vault: Vault
    accounts: Accounts
    logins: Logins
    cursors: Cursors
    owner: OwnerId
    token: EmbeddedToken | None
    denied: DeniedTokens
    tokens: Tokens | None


@contextlib.asynccontextmanager
async def open_gateway(
    settings: Settings,
    *,
    clock: Clock,
    key: MasterKey,
    token: EmbeddedToken | None = None,
    is_serving: bool = False,
) -> AsyncIterator[Gateway]:
    """Open storage, prove the master key and load the accounts; disconnect and close at the end.

    The caller holds the data dir's lock. Unless it is *is_serving* or has a token, nothing is dialled: accounts connect when
    they are asked for.

    Raises:
        ConfigurationInvalid: The database is newer than this program, or not readable.
        MasterKeyMismatch: Another key sealed this data dir; nothing was written.
        StorageFailed: Acts that reduce risk were put off for a full disk, and it is full still.
    """
    async with contextlib.AsyncExitStack() as stack:
        db, vault, audit = await _open_storage(stack, settings, clock, key)
        denials = Denials(audit, clock)
        stack.push_async_callback(denials.close)
        claims = await _open_claims(stack, db, key, clock)
        denied = DeniedTokens(db, key)
        await denied.open()
        accounts = Accounts(vault, settings, clock, Endpoint(settings))
        stack.push_async_callback(accounts.close)
        await accounts.open()
        if token is not None or is_serving:
            accounts.start()
        logins = Logins(accounts, vault, settings, clock)
        stack.push_async_callback(logins.close)
        yield Gateway(
            settings=settings,
            clock=clock,
            key=key,
            db=db,
            audit=audit,
            denials=denials,
            claims=claims,
            vault=vault,
            accounts=accounts,
            logins=logins,
            cursors=Cursors(key),
            owner=await vault.owner(LOCAL_OWNER),
            token=token,
            denied=denied,
            tokens=_make_tokens(settings, denied, vault, clock),
        )


async def _open_storage(
    stack: contextlib.AsyncExitStack, settings: Settings, clock: Clock, key: MasterKey
) -> tuple[Database, Vault, Audit]:
    journal = _make_journal(settings, key, clock)
    db = await open_sqlite(settings.data_dir / DATABASE_FILE, journal)
    stack.push_async_callback(db.close)
    vault = Vault(db, key, clock)
    await _prove_key(db, vault)
    audit = Audit(db, journal, Reserve(settings.data_dir, key), folder=settings.data_dir, key=key)
    stack.push_async_callback(audit.close)
    await audit.open()
    return db, vault, audit


async def _open_claims(
    stack: contextlib.AsyncExitStack, db: Database, key: MasterKey, clock: Clock
) -> Claims:
    claims = Claims(db, key, clock)
    stack.push_async_callback(claims.close)
    await claims.open()
    return claims


def _make_tokens(
    settings: Settings, denied: DeniedTokens, vault: Vault, clock: Clock
) -> Tokens | None:
    if settings.auth_mode != "jwt":
        return None
    return Tokens(JwtVerifier(JwtRules.of(settings), clock), denied, vault.owner, clock)


def _make_journal(settings: Settings, key: MasterKey, clock: Clock) -> Journal:
    kind = partial(StoppingJournal, settings.kill_point) if settings.kill_point else Journal
    return kind(
        settings.data_dir,
        key,
        clock,
        boot=secrets.token_hex(8),
        rotate_bytes=settings.audit_rotate_bytes,
        min_free_bytes=settings.audit_min_free_bytes,
    )


async def _prove_key(db: Database, vault: Vault) -> None:
    if await schema_version(db):
        await vault.verify_key()  # under a wrong key not even a migration rewrites anything
    await migrate(db)
    await vault.verify_key()
