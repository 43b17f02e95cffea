"""Which chats a rule allows: ids and folders without exceptions, for every set of them."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from vasya_server.auth.chat_lists import ChatRule

# Few enough that sets of them overlap.
IDS = st.sampled_from([7, 8, 9, -5, -1_000_000_000_005])
SETS = st.frozensets(IDS)
FOLDERS = st.frozensets(st.integers(2, 4))
RULES = st.builds(ChatRule, ids=SETS, folders=FOLDERS, excepted=SETS)


@given(RULES, IDS, SETS)
def test_an_exception_wins_over_whatever_else_is_said(
    rule: ChatRule, chat_id: int, in_folders: frozenset[int]
) -> None:
    without = msgspec.structs.replace(rule, excepted=rule.excepted | {chat_id})

    assert not without.allows(chat_id, in_folders)


@given(RULES, IDS, SETS)
def test_a_chat_that_is_named_or_in_a_folder_is_allowed_where_it_is_no_exception(
    rule: ChatRule, chat_id: int, in_folders: frozenset[int]
) -> None:
    is_named = chat_id in rule.ids or chat_id in in_folders
    if is_named and chat_id not in rule.excepted:
        assert rule.allows(chat_id, in_folders)


@given(RULES, IDS)
def test_a_rule_that_names_chats_or_folders_allows_nothing_else(
    rule: ChatRule, chat_id: int
) -> None:
    if rule.is_list and chat_id not in rule.ids:
        assert not rule.allows(chat_id, ())


@given(SETS, IDS)
def test_exceptions_alone_leave_every_other_chat(excepted: frozenset[int], chat_id: int) -> None:
    rule = ChatRule(excepted=excepted)

    assert not rule.is_list
    assert rule.allows(chat_id, ()) == (chat_id not in excepted)


@given(RULES, IDS, SETS, SETS)
def test_more_in_the_folders_never_takes_a_chat_away(
    rule: ChatRule, chat_id: int, in_folders: frozenset[int], more: frozenset[int]
) -> None:
    if rule.allows(chat_id, in_folders):
        assert rule.allows(chat_id, in_folders | more)


@given(RULES, IDS)
def test_a_folder_that_holds_nothing_grants_nothing(rule: ChatRule, chat_id: int) -> None:
    of_folders = ChatRule(folders=rule.folders | {2}, excepted=rule.excepted)

    assert not of_folders.allows(chat_id, ())


@given(RULES)
def test_a_rule_is_the_same_after_it_was_stored(rule: ChatRule) -> None:
    assert msgspec.json.decode(msgspec.json.encode(rule), type=ChatRule) == rule
