"""What one running server holds, opened in the order in which its parts may refuse to start."""

from __future__ import annotations

import contextlib
import os
import secrets
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from vasya_server.audit.denials import Denials
from vasya_server.audit.journal import Keeping
from vasya_server.audit.log import Audit
from vasya_server.audit.reserve import Reserve
from vasya_server.audit.stopping import make_journal
from vasya_server.audit.tampered_keys import TamperedKeys
from vasya_server.auth.denied_tokens import DeniedTokens
from vasya_server.auth.jwt import JwtRules, JwtVerifier
from vasya_server.auth.keyring import Keyring
from vasya_server.auth.scopes import Scope
from vasya_server.auth.tokens import Tokens
from vasya_server.crypto.cursor import Cursors
from vasya_server.crypto.derive import Purpose
from vasya_server.delivery.means import Means
from vasya_server.delivery.retention import Retention
from vasya_server.delivery.streams import Streams
from vasya_server.delivery.webhooks import Webhooks
from vasya_server.events.log import EventLog
from vasya_server.guards import Guards, make_guards
from vasya_server.idempotency.asked import Asked
from vasya_server.idempotency.claims import Claims
from vasya_server.limits.buckets import open_buckets
from vasya_server.limits.budgets import Budgets
from vasya_server.limits.rules import Limits
from vasya_server.limits.turns import Turns
from vasya_server.sessions.owner_settings import SettingsStore
from vasya_server.sessions.providers import ProviderKeys
from vasya_server.sessions.tickets import Tickets
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
    from vasya_server.outbound import Outbound
    from vasya_server.settings import Settings
    from vasya_server.store.apart import Apart
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
    asked: Asked
    keys: Keyring
    limits: Limits
    vault: Vault
    owner_settings: SettingsStore
    events: EventLog
    streams: Streams
    accounts: Accounts
    logins: Logins
    outbound: Outbound
    guards: Guards
    webhooks: Webhooks
    tickets: Tickets
    owner: OwnerId
    token: EmbeddedToken | None
    denied: DeniedTokens
    tokens: Tokens | None

    @property
    def providers(self) -> ProviderKeys:
        """Return the owners' keys for services beside Telegram."""
        return ProviderKeys(self.db, self.key)

    @property
    def cursors(self) -> Cursors:
        """Return what writes and reads cursors."""
        return Cursors(self.key)

    @property
    def claims(self) -> Claims:
        """Return the claims of all mutations, those that wait for a human among them."""
        return self.asked.claims


class _Near(NamedTuple):
    """What stands next to Telegram."""

    events: EventLog
    accounts: Accounts
    logins: Logins


@contextlib.asynccontextmanager
async def open_gateway(
    settings: Settings,
    *,
    clock: Clock,
    key: MasterKey,
    token: EmbeddedToken | None = None,
    apart: Apart | None = None,
) -> AsyncIterator[Gateway]:
    """Open storage, prove the master key and load the accounts; disconnect and close at the end.

    The caller holds the data dir's lock. With *apart* or a token it is a server; for a command nothing is dialled, and accounts
    connect when they are asked for. What is *apart* writes the database and the audit log, and no thread of this process.

    Raises:
        ConfigurationInvalid: The database is newer than this program, or not readable.
        MasterKeyMismatch: Another key sealed this data dir; nothing was written.
        StorageFailed: Acts that reduce risk were put off for a full disk, and it is full still.
    """
    async with contextlib.AsyncExitStack() as stack:
        db, vault, audit, asked, denials = await _open_records(stack, settings, key, clock, apart)
        keys, denied = await _open_credentials(stack, settings, db, key, audit, clock)
        owner, owners, guards = await _open_owners(vault, db, key, clock, settings, asked, keys)
        near = await _open_accounts(stack, settings, vault, db, key, clock, guards)
        means = Means(settings, clock, key, db, audit, keys, near.events, near.accounts, owners)
        streams, hooks = await _open_delivery(stack, means, is_serving=bool(apart or token))
        yield Gateway(
            settings=settings,
            clock=clock,
            key=key,
            db=db,
            audit=audit,
            denials=denials,
            asked=asked,
            keys=keys,
            limits=await _open_limits(stack, settings, db, key, clock),
            vault=vault,
            owner_settings=owners,
            events=near.events,
            streams=streams,
            accounts=near.accounts,
            logins=near.logins,
            outbound=means.outbound,
            guards=guards,
            webhooks=hooks,
            tickets=Tickets(db, key, clock),
            owner=owner,
            token=token,
            denied=denied,
            tokens=_make_tokens(settings, denied, vault, clock),
        )


async def _open_records(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    key: MasterKey,
    clock: Clock,
    apart: Apart | None,
) -> tuple[Database, Vault, Audit, Asked, Denials]:
    """Open what everything else is written down in; what was put off for a full disk is stored before anybody reads it."""
    db = await _open_database(settings, key, clock, apart)
    stack.push_async_callback(db.close)
    vault = Vault(db, key, clock)
    await _prove_key(db, vault)
    audit = Audit(db, Reserve(settings.data_dir, key), folder=settings.data_dir, key=key)
    stack.push_async_callback(audit.close)
    await audit.open()
    claims = Claims(db, key, clock)
    stack.push_async_callback(claims.close)
    await claims.open()
    denials = Denials(audit, clock)
    stack.push_async_callback(denials.close)
    asked = Asked(db, clock, claims)
    stack.push_async_callback(asked.close)
    return db, vault, audit, asked, denials


async def _open_limits(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    db: Database,
    key: MasterKey,
    clock: Clock,
) -> Limits:
    budgets = Budgets(db, clock)
    await budgets.open()
    buckets = await stack.enter_async_context(open_buckets(db, clock))
    turns = Turns(buckets, clock, is_on=settings.pacing == "human")
    return Limits(buckets, settings, key, budgets, turns)


async def _open_owners(
    vault: Vault,
    db: Database,
    key: MasterKey,
    clock: Clock,
    settings: Settings,
    asked: Asked,
    keys: Keyring,
) -> tuple[OwnerId, SettingsStore, Guards]:
    """Make the local owner where there is none yet, and only then read what every owner has set, which the guards obey."""
    owner = await vault.owner(LOCAL_OWNER)
    owners = SettingsStore(db, key)
    await owners.open()
    keys.known.obey(partial(_disabled, owners))
    return owner, owners, make_guards(db, key, clock, settings, asked.claims, keys, owners)


def _disabled(owners: SettingsStore, owner: OwnerId) -> frozenset[Scope]:
    """Return the scopes that no key of *owner* has; all, where what the owner has set was changed from outside."""
    names = owners.disabled_scopes(owner)
    return frozenset(scope for scope in Scope if names is None or scope.value in names)


async def _open_accounts(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    vault: Vault,
    db: Database,
    key: MasterKey,
    clock: Clock,
    guards: Guards,
) -> _Near:
    """Open the event log, and behind it the accounts that write it."""
    events = EventLog(db, key, clock)
    stack.push_async_callback(events.close)
    await events.open()
    accounts = Accounts(vault, settings, clock, Endpoint(settings), events, guards)
    stack.push_async_callback(accounts.close)
    await accounts.open()
    stack.push_async_callback(guards.close)
    await guards.undo.open(accounts.get)
    logins = Logins(accounts, vault, settings, clock)
    stack.push_async_callback(logins.close)
    return _Near(events, accounts, logins)


async def _open_delivery(
    stack: contextlib.AsyncExitStack, means: Means, *, is_serving: bool
) -> tuple[Streams, Webhooks]:
    """Open what tells of events; of its own accord nothing dials anybody unless it *is_serving*."""
    webhooks = Webhooks(means)
    stack.push_async_callback(webhooks.close)
    await webhooks.open()
    if is_serving:
        means.accounts.start()
        webhooks.start()
        retention = Retention(
            means.db, means.events, means.owner_settings, means.settings, means.clock
        )
        stack.push_async_callback(retention.close)
        retention.start()
    streams = Streams(means.settings)
    stack.callback(streams.stop)
    return streams, webhooks


def _make_tokens(
    settings: Settings, denied: DeniedTokens, vault: Vault, clock: Clock
) -> Tokens | None:
    if settings.auth_mode != "jwt":
        return None
    return Tokens(JwtVerifier(JwtRules.of(settings), clock), denied, vault.owner, clock)


async def _open_database(
    settings: Settings, key: MasterKey, clock: Clock, apart: Apart | None
) -> Database:
    """Open the database with the journal, here or in the process that writes: that one never has the master key."""
    keeping = Keeping(
        folder=os.fsencode(settings.data_dir),
        mac_key=key.derive(Purpose.AUDIT_MAC),
        boot=secrets.token_hex(8),
        rotate_bytes=settings.audit_rotate_bytes,
        min_free_bytes=settings.audit_min_free_bytes,
        stop_at=settings.kill_point,
    )
    path = settings.data_dir / DATABASE_FILE
    if apart is None:
        return await open_sqlite(path, make_journal(keeping, clock))
    return await open_sqlite(path, apart=apart.for_journal(keeping))


async def _open_credentials(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    db: Database,
    key: MasterKey,
    audit: Audit,
    clock: Clock,
) -> tuple[Keyring, DeniedTokens]:
    """Open the keys behind the audit log, which may have had to store a revocation that found the disk full."""
    report = TamperedKeys(audit, clock).report
    keys = Keyring(db, key, clock, max_live=settings.agent_key_max_live, report=report)
    stack.push_async_callback(keys.close)
    await keys.open()
    denied = DeniedTokens(db, key)
    await denied.open()
    return keys, denied


async def _prove_key(db: Database, vault: Vault) -> None:
    if await schema_version(db):
        await vault.verify_key()  # under a wrong key not even a migration rewrites anything
    await migrate(db)
    await vault.verify_key()
