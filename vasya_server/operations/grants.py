"""What a human may give an agent key, read from what they ask for: scopes, accounts, chats, time.

Nothing is guessed and nothing is widened on the way: a list that would allow nothing is refused and never taken for no
list, and a destructive scope is there only where it was named (D-5.4, D-5.5).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from vasya_server.auth.chat_lists import ChatLists, ChatRule
from vasya_server.auth.policy import ASKABLE, ApprovalRule
from vasya_server.auth.scopes import Preset, Scope
from vasya_server.clock import to_ms
from vasya_server.errors import (
    EmptyAllowlist,
    FieldError,
    ScopeRequired,
    UnknownScope,
    ValidationFailed,
)
from vasya_server.model.key import BudgetsInput
from vasya_server.telegram.folders import suitable_folder
from vasya_server.telegram.peers import resolve_listed
from vasya_server.telegram.view import AccountView

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from vasya_server.auth.policy import Policy
    from vasya_server.auth.principal import Principal
    from vasya_server.ids import AccountId, OwnerId
    from vasya_server.model.key import ChatHalf, ChatsInput
    from vasya_server.telegram.accounts import Accounts

_MARKED_ID: Final = re.compile(r"-?[1-9][0-9]{0,15}")
_MAX_ID: Final = 2**53
# A time may be written in a zone in which the calendar goes on for longer than in UTC, in which keys are told.
_END_OF_TIME: Final = datetime(9999, 12, 31, tzinfo=UTC)


def checked_name(name: str) -> str:
    """Return *name* if it shows as what it is: keys are told apart by their names when a human decides something.

    Raises:
        ValidationFailed: It has control or invisible characters, or blanks around it.
    """
    if not name.isprintable() or name != name.strip():
        raise ValidationFailed(FieldError("/name", "wrong_form"))
    return name


def checked_scopes(
    principal: Principal, names: Collection[str], preset: str | None = None
) -> frozenset[str]:
    """Return the scopes that are named, and those of the preset; never more than *principal* holds itself.

    Raises:
        UnknownScope: A name is no scope's.
        ValidationFailed: None is named, one is named twice, or there is no such preset.
        ScopeRequired: The human's own credential is narrowed and lacks one.
    """
    known = {scope.value: scope for scope in Scope}
    unknown = [index for index, name in enumerate(names) if name not in known]
    if unknown:
        allowed = tuple(sorted(known))
        raise UnknownScope(*(FieldError(f"/scopes/{i}", "unknown", allowed) for i in unknown))
    if len(set(names)) != len(names):
        raise ValidationFailed(FieldError("/scopes", "repeated"))
    if preset is not None and preset not in set[str](Preset):
        raise ValidationFailed(FieldError("/preset", "not_allowed", tuple(sorted(Preset))))
    scopes = {known[name] for name in names}
    scopes |= Preset(preset).scopes if preset is not None else set()
    if not scopes:
        raise ValidationFailed(FieldError("/scopes", "missing", tuple(sorted(known))))
    if beyond := scopes - principal.scopes:
        raise ScopeRequired(min(beyond).value)
    return frozenset(scope.value for scope in scopes)


def checked_approval(rules: Mapping[str, str], scopes: frozenset[str]) -> dict[str, ApprovalRule]:
    """Return when a human is asked, by the scopes of the key.

    Raises:
        ValidationFailed: A rule is about a scope that the key has not, or under which nothing is changed at Telegram: it would never ask.
    """
    allowed = tuple(sorted(scope.value for scope in ASKABLE if scope in scopes))
    wrong = [
        FieldError(f"/approval/{name.replace('~', '~0').replace('/', '~1')}", "unknown", allowed)
        for name in rules
        if name not in allowed
    ]
    if wrong:
        raise ValidationFailed(*wrong)
    return {name: ApprovalRule(rule) for name, rule in rules.items()}


def checked_accounts(
    accounts: Accounts,
    owner: OwnerId,
    ids: Iterable[str] | None,
    had: frozenset[AccountId] | None = None,
) -> frozenset[AccountId] | None:
    """Return the accounts that are named, or None for all.

    Args:
        had: What the key had before: an account that is gone stays in a list, so that no list ever becomes empty.

    Raises:
        EmptyAllowlist: None is named.
        ValidationFailed: One is not the owner's; whether it is anybody's is not told.
    """
    if ids is None:
        return None
    own = {account.id for account in accounts.list(owner)} | (had or set())
    chosen = list(ids)
    if not chosen:
        raise EmptyAllowlist(FieldError("/accountIds", "empty"))
    strangers = [index for index, each in enumerate(chosen) if each not in own]
    if strangers:
        raise ValidationFailed(*(FieldError(f"/accountIds/{i}", "unknown") for i in strangers))
    return frozenset(each for each in own if each in chosen)


async def checked_chats(
    accounts: Accounts,
    principal: Principal,
    account_ids: frozenset[AccountId] | None,
    chats: ChatsInput | None,
) -> ChatLists | None:
    """Return the chats that are named, each by its id, or None for all.

    What names a chat differently for every account (a name may move, `me` is another chat for each) is resolved once, and
    so it needs the one account that it is said of; a marked id means the same everywhere and is taken as it is.

    Raises:
        EmptyAllowlist: A half names nothing.
        ValidationFailed: A reference or a folder needs exactly one account, or the account knows no such chat.
        FolderUnsuitable: A folder has rules, is shared, or is not there.
    """
    if chats is None:
        return None
    given = [half for half in (chats.read, chats.write) if half is not None]
    if not given:
        raise EmptyAllowlist(FieldError("/chats", "empty"))
    one = _the_one(accounts, principal, account_ids)
    rules = {}
    for name, half in (("read", chats.read), ("write", chats.write)):
        if half is not None:
            rules[name] = await _rule(one, half, f"/chats/{name}")
    read = rules.get("read") or rules["write"]
    return ChatLists(read=read, write=rules.get("write") or read)


def require_no_folders(chats: ChatLists | None) -> None:
    """See that a key whose accounts change, and whose chats do not, names no folder: they are another account's.

    Raises:
        ValidationFailed: It does, so that its chats have to be said anew.
    """
    if chats is not None and (chats.read.folders or chats.write.folders):
        raise ValidationFailed(FieldError("/chats", "missing"))


def with_budgets(policy: Policy, budgets: BudgetsInput | None) -> Policy:
    """Return *policy* with these budgets and no others."""
    given = budgets or BudgetsInput()
    return msgspec.structs.replace(
        policy, sends_per_day=given.sends_per_day, new_chats_per_day=given.new_chats_per_day
    )


def checked_end(
    now: datetime, at: datetime | None, ttl_secs: int | None, *, max_ttl_secs: int | None
) -> int | None:
    """Return when a key ends (in ms since the epoch), or None for never.

    Raises:
        ValidationFailed: Both are given, it is over already, or later than the server allows.
    """
    if at is not None and ttl_secs is not None:
        raise ValidationFailed(FieldError("/ttlSecs", "exclusive", ("expiresAt", "ttlSecs")))
    field = "/ttlSecs" if at is None else "/expiresAt"
    if ttl_secs is not None:
        at = now + timedelta(seconds=ttl_secs)
    allowed = () if max_ttl_secs is None else (f"1..{max_ttl_secs} seconds",)
    if at is None:
        if max_ttl_secs is not None:
            raise ValidationFailed(FieldError(field, "missing", allowed))
        return None
    is_beyond = max_ttl_secs is not None and at - now > timedelta(seconds=max_ttl_secs)
    if at <= now or is_beyond or at >= _END_OF_TIME:
        raise ValidationFailed(FieldError(field, "out_of_range", allowed))
    return to_ms(at)


def _the_one(
    accounts: Accounts, principal: Principal, account_ids: frozenset[AccountId] | None
) -> AccountView | None:
    for account in accounts.list(principal.owner):
        if account_ids == frozenset([account.id]):
            return AccountView(account, principal)
    return None


async def _rule(account: AccountView | None, half: ChatHalf, pointer: str) -> ChatRule:
    if not (half.ids or half.folders or half.excepted):
        raise EmptyAllowlist(FieldError(pointer, "empty"))
    for folder_id in half.folders:
        if account is None:
            raise ValidationFailed(FieldError(f"{pointer}/folders", "one_account_needed"))
        await suitable_folder(account, folder_id)
    return ChatRule(
        ids=await _ids(account, half.ids, f"{pointer}/ids"),
        folders=frozenset(half.folders),
        excepted=await _ids(account, half.excepted, f"{pointer}/except"),
    )


async def _ids(
    account: AccountView | None, references: Iterable[int | str], pointer: str
) -> frozenset[int]:
    return frozenset(
        [await _id(account, each, f"{pointer}/{i}") for i, each in enumerate(references)]
    )


async def _id(account: AccountView | None, reference: int | str, pointer: str) -> int:
    if isinstance(reference, str) and _MARKED_ID.fullmatch(reference):
        reference = int(reference)
    if isinstance(reference, int):
        if not 0 < abs(reference) < _MAX_ID:
            raise ValidationFailed(FieldError(pointer, "out_of_range"))
        return reference
    if account is None:
        raise ValidationFailed(FieldError(pointer, "one_account_needed"))
    try:
        return await resolve_listed(account, reference)
    except ValidationFailed as error:
        raise ValidationFailed(FieldError(pointer, "unknown")) from error
