"""Who is bound by which limit, and under which name each bucket is kept.

Agent keys are bound by lineage, so that rotating a key does not refill its buckets. Humans have more, and one bucket for all their
tokens of one owner. The key of a bucket names nobody: random ids and keyed digests only.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from vasya_server.crypto.derive import Purpose, length_prefixed
from vasya_server.errors import RateLimited
from vasya_server.limits.downloads import Downloads
from vasya_server.limits.gcra import Quota
from vasya_server.limits.transfers import Transfers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vasya_server.crypto.master_key import MasterKey
    from vasya_server.ids import AccountId, OwnerId
    from vasya_server.limits.buckets import Buckets
    from vasya_server.limits.budgets import Budgets
    from vasya_server.limits.gcra import Verdict
    from vasya_server.limits.turns import Turns
    from vasya_server.settings import Settings

_MINUTE_SECS: Final = 60
_HOUR_SECS: Final = 3600
_DAY_SECS: Final = 86_400
_DIGEST_BYTES: Final = 16
# What one subscriber of an IPv6 network usually has; a bucket per address would be no limit.
_IPV6_NETWORK_BITS: Final = 64


class Caller(Protocol):
    """What the limits have to know of a principal."""

    @property
    def owner(self) -> OwnerId:
        """Whom it acts for."""

    @property
    def lineage(self) -> str:
        """Whose limits it shares."""

    @property
    def is_human(self) -> bool:
        """Tell whether a human's limits are its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """The quotas that the settings make."""

    read: Quota
    mutate: Quota
    human_read: Quota
    human_mutate: Quota
    chat: Quota
    newpeer: Quota
    login: Quota
    login_day: Quota
    authfail: Quota
    file: Quota


def quotas_of(settings: Settings) -> Quotas:
    """Make the quotas that *settings* ask for."""
    s, times = settings, settings.limit_human_factor
    reads, changes = s.limit_read_per_min, s.limit_mutate_per_min
    read, mutate = "VASYA_LIMIT_READ_PER_MIN", "VASYA_LIMIT_MUTATE_PER_MIN"
    hour, day = s.limit_login_per_hour, s.limit_login_per_day
    chat, failures = s.limit_chat_per_hour, s.limit_authfail_per_min
    chats, files = s.limit_new_chats_per_day, s.limit_files_per_min
    return Quotas(
        read=Quota("read", reads, _MINUTE_SECS, s.limit_read_burst, read),
        mutate=Quota("mutate", changes, _MINUTE_SECS, s.limit_mutate_burst, mutate),
        human_read=Quota("read", reads * times, _MINUTE_SECS, s.limit_read_burst * times, read),
        human_mutate=Quota(
            "mutate", changes * times, _MINUTE_SECS, s.limit_mutate_burst * times, mutate
        ),
        chat=Quota("chat", chat, _HOUR_SECS, chat, "VASYA_LIMIT_CHAT_PER_HOUR"),
        newpeer=Quota("newpeer", chats, _DAY_SECS, chats, "VASYA_LIMIT_NEW_CHATS_PER_DAY"),
        login=Quota("login", hour, _HOUR_SECS, hour, "VASYA_LIMIT_LOGIN_PER_HOUR"),
        login_day=Quota("login_day", day, _DAY_SECS, day, "VASYA_LIMIT_LOGIN_PER_DAY"),
        authfail=Quota(
            "authfail", failures, _MINUTE_SECS, failures, "VASYA_LIMIT_AUTHFAIL_PER_MIN"
        ),
        file=Quota("file", files, _MINUTE_SECS, files, "VASYA_LIMIT_FILES_PER_MIN"),
    )


class Limits:
    """The limits of one process: the buckets of callers, the budgets of keys, the turns of accounts, and files."""

    def __init__(
        self, buckets: Buckets, settings: Settings, key: MasterKey, budgets: Budgets, turns: Turns
    ) -> None:
        self.budgets = budgets
        self.turns = turns
        self.transfers = Transfers(settings)
        self.downloads = Downloads(buckets, settings)
        self._buckets = buckets
        self._quotas = quotas_of(settings)
        self._keyed = key.digest(Purpose.LIMIT_INDEX)

    def take_read(self, who: Caller) -> Verdict:
        """Take what every request costs."""
        quota = self._quotas.human_read if who.is_human else self._quotas.read
        return self._buckets.take(quota, _key(who))

    def take_mutation(self, who: Caller, chat: str | None) -> list[Verdict]:
        """Take what a change costs, from every bucket or from none.

        Args:
            chat: Account and chat that it is made in, the same for every way of saying them; None where it is in none.
        """
        if who.is_human:
            return self._take_all((self._quotas.human_mutate, _key(who)))
        wanted = [(self._quotas.mutate, _key(who))]
        if chat is not None:
            digest = self._digest("chat", who.owner, who.lineage, chat)
            wanted.append((self._quotas.chat, digest))
        return self._take_all(*wanted)

    def take_new_chat(self, account_id: AccountId) -> Verdict:
        """Take what the first message to somebody costs, from all keys together: Telegram counts by the account."""
        return self._buckets.take(self._quotas.newpeer, account_id)

    def give_back_new_chat(self, account_id: AccountId, verdict: Verdict) -> None:
        """Put it back, because nothing was sent."""
        self._buckets.give_back(verdict, account_id)

    def look_new_chat(self, account_id: AccountId) -> Verdict:
        """Tell how many new chats keys may still begin from the account."""
        return self._buckets.look(self._quotas.newpeer, account_id)

    def take_login(self, phone: str) -> list[Verdict]:
        """Take what asking for a login code costs, whoever asks: Telegram counts by the number, too.

        Args:
            phone: In any notation; without a digit it is none, and costs nothing.
        """
        digits = "".join(character for character in phone if character in "0123456789")
        if not digits:
            return []
        key = self._digest("phone", digits)
        return self._take_all((self._quotas.login, key), (self._quotas.login_day, key))

    def take_failure(self, address: str) -> Verdict:
        """Count a wrong credential of *address*."""
        return self._buckets.take(self._quotas.authfail, self._digest("from", network_of(address)))

    def take_file(self, address: str) -> Verdict:
        """Take what opening a link to a file costs, for *address*: nobody else is known."""
        return self._buckets.take(self._quotas.file, self._digest("from", network_of(address)))

    def look(self, who: Caller) -> list[Verdict]:
        """Tell what is left to a caller, whatever the chat."""
        quotas, key = self._quotas, _key(who)
        if who.is_human:
            mine = (quotas.human_read, quotas.human_mutate)
        else:
            mine = (quotas.read, quotas.mutate)
        return [self._buckets.look(quota, key) for quota in mine]

    def _take_all(self, *wanted: tuple[Quota, str]) -> list[Verdict]:
        verdicts = [self._buckets.take(quota, key) for quota, key in wanted]
        if all(verdict.is_allowed for verdict in verdicts):
            return verdicts
        for verdict, (_, key) in zip(verdicts, wanted, strict=True):
            self._buckets.give_back(verdict, key)
        return [
            self._buckets.look(quota, key) if verdict.is_allowed else verdict
            for verdict, (quota, key) in zip(verdicts, wanted, strict=True)
        ]

    def _digest(self, kind: str, *parts: str) -> str:
        return self._keyed(length_prefixed(kind, *parts))[:_DIGEST_BYTES].hex()


def require_allowed(verdicts: Sequence[Verdict]) -> None:
    """See that no bucket is empty.

    Raises:
        RateLimited: One or more are.
    """
    refused = [verdict for verdict in verdicts if not verdict.is_allowed]
    if not refused:
        return
    settings = " and ".join(verdict.quota.setting for verdict in refused)
    raise RateLimited(
        tuple(verdict.quota.name for verdict in refused),
        max(verdict.retry_after_secs for verdict in refused),
        "Wait for retryAfterSecs, then repeat the request with the same Idempotency-Key. "
        f"Only the operator of the server can raise the limit, with {settings}.",
    )


def _key(who: Caller) -> str:
    """Name a caller's own buckets: a token that was narrowed to scopes may not empty those of the human behind it."""
    return f"{who.owner}/human" if who.is_human else f"{who.owner}/{who.lineage}"


def network_of(address: str) -> str:
    """Return what an address is counted under."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:  # a Unix socket has none
        return address
    if isinstance(ip, ipaddress.IPv4Address) or ip.is_loopback:
        return address
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, _IPV6_NETWORK_BITS), strict=False))
