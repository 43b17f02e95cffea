"""What a caller may say to the log: fields of a fixed form, so that no text of a person fits into any of them (D-7.7)."""

from __future__ import annotations

import re
from copy import copy
from enum import StrEnum
from typing import Final

import msgspec

from vasya_server.audit.actions import Action

MAX_RESULT_IDS: Final = 200

_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_OWNER: Final = re.compile(r"own_[a-z2-7]{26}")
_ACCOUNT: Final = re.compile(r"acc_[a-z2-7]{26}")
_ACTION: Final = re.compile(r"act_[a-z2-7]{26}")
_KEY: Final = re.compile(r"ak[0-9a-f]{16}")
_LINEAGE: Final = re.compile(r"user|kl_[a-z0-9]{1,32}|ak[0-9a-f]{16}")
_TARGET: Final = re.compile(rf"p:[0-9a-f]{{16}}|{_KEY.pattern}|whk_[a-z2-7]{{26}}")
_ADDRESS: Final = re.compile(r"a:[0-9a-f]{16}")
_DIGEST: Final = re.compile(r"[0-9a-f]{16,64}")
# Ids that this server makes, and UUIDs; whatever else a client calls its request may be somebody's name or number.
PLAIN_REQUEST_ID: Final = re.compile(r"req_[a-p]{26}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REQUEST: Final = re.compile(rf"{PLAIN_REQUEST_ID.pattern}|r:[0-9a-f]{{16}}")
_MAX_ID: Final = 2**53


def _check(form: re.Pattern[str], value: str | None) -> None:
    if value is not None and form.fullmatch(value) is None:
        # The value itself stays out of the message: it may be what must never be written down.
        raise ValueError(f"internal error: a field of an audit entry must match {form.pattern}")


class EntryKind(StrEnum):
    """Where in the life of an act an entry stands."""

    INTENT = "intent"
    OUTCOME = "outcome"
    REPLAY = "replay"
    DENIED = "denied"
    DRY_RUN = "dry_run"
    ASKED = "asked"
    DECIDED = "decided"
    AUTH = "auth"
    ADMIN = "admin"
    SYSTEM = "system"


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts.

    Args:
        type: `embedded`, `jwt`, `agent_key`, `owner_chat`, `system`, or `anonymous` where no credential was proved.
        owner: For whom; only what the system itself does has none.
        key: The agent key's public id.
    """

    type: str
    owner: str | None = None
    key: str | None = None
    lineage: str | None = None

    def __post_init__(self) -> None:
        _check(_WORD, self.type)
        _check(_OWNER, self.owner)
        _check(_KEY, self.key)
        _check(_LINEAGE, self.lineage)


SYSTEM: Final = Actor(type="system")
ANONYMOUS: Final = Actor(type="anonymous")


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Args:
        status: `done`, `failed`, `aborted`, `unknown`, or another word; never a sentence.
        code: The stable code of the refusal.
        ids: Messages that were made or touched.
    """

    status: str
    code: str | None = None
    ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check(_WORD, self.status)
        _check(_WORD, self.code)
        if len(self.ids) > MAX_RESULT_IDS or any(abs(number) > _MAX_ID for number in self.ids):
            raise ValueError("internal error: these are no ids of messages")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What one line will say; the journal adds number, time, boot, chain and MAC.

    Args:
        target: The chat, as `Audit.pseudonym` names it; or the agent key or webhook that the act is about, by
            its id.
        request_id: As `Audit.request_id` gives it.
        fingerprint: Hexadecimal, 16 to 64 characters.
        idempotency: The client's key, as `Audit.digest` gives it.
        operation: The name of the operation that was refused.
        address: Who came without a credential, as `Audit.address` names the network address.
        count: For how many like it the entry stands; None is one.
        reduces_risk: The act must take effect even where it cannot be written down yet (a gate closed, a log-out).
    """

    kind: EntryKind
    action: Action
    actor: Actor = SYSTEM
    account_id: str | None = None
    target: str | None = None
    action_id: str | None = None
    request_id: str | None = None
    fingerprint: str | None = None
    idempotency: str | None = None
    operation: str | None = None
    address: str | None = None
    count: int | None = None
    result: Result | None = None
    reduces_risk: bool = False

    def __post_init__(self) -> None:
        _check(_ACCOUNT, self.account_id)
        _check(_TARGET, self.target)
        _check(_ACTION, self.action_id)
        _check(_REQUEST, self.request_id)
        _check(_DIGEST, self.fingerprint)
        _check(_DIGEST, self.idempotency)
        _check(_WORD, self.operation)
        _check(_ADDRESS, self.address)
        if self.count is not None and not 0 < self.count < _MAX_ID:
            raise ValueError("internal error: an entry stands for at least one")

    def later(self, kind: EntryKind, result: Result | None) -> Entry:
        """Return what is said of a later moment of the same act.

        Nothing of it has to be checked: a result checks itself, and all else is as it was checked in this one.
        """
        entry = copy(self)
        msgspec.structs.force_setattr(entry, "kind", kind)
        msgspec.structs.force_setattr(entry, "result", result)
        return entry

    @property
    def key_id(self) -> str | None:
        """Return the agent key that acts, or that is acted on: under it the entry is found."""
        target = self.target
        return target if target is not None and target.startswith("ak") else self.actor.key

    @property
    def may_wait(self) -> bool:
        """Tell whether the unit is stored while the log cannot be written, its line following later.

        The outcome of what has happened already is not lost with the log; what has not begun does not begin.
        """
        return self.reduces_risk or self.kind is EntryKind.OUTCOME
