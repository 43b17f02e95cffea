"""What a human may give: never more than was named, never more than they hold, never for longer than allowed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vasya_server.auth.principal import Principal, PrincipalKind
from vasya_server.auth.scopes import Preset, Scope
from vasya_server.errors import ScopeRequired, UnknownScope, ValidationFailed
from vasya_server.ids import OwnerId
from vasya_server.operations.grants import checked_end, checked_name, checked_scopes

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DESTRUCTIVE = {
    "accounts:delete",
    "chats:moderate",
    "chats:delete",
    "messages:forward",
    "messages:delete",
    "webhooks:write",
}

names = st.lists(st.sampled_from([scope.value for scope in Scope]), unique=True)
presets = st.none() | st.sampled_from([preset.value for preset in Preset])
held = st.frozensets(st.sampled_from(Scope))


def human(scopes: frozenset[Scope] = frozenset(Scope)) -> Principal:
    return Principal(kind=PrincipalKind.JWT, owner=OwnerId("own_a"), scopes=scopes, is_human=True)


@given(names, presets)
def test_a_key_is_given_what_was_named_and_what_the_preset_stands_for(
    named: list[str], preset: str | None
) -> None:
    if not named and preset is None:
        with pytest.raises(ValidationFailed):
            checked_scopes(human(), named, preset)
        return

    given_ = checked_scopes(human(), named, preset)

    assert given_ >= set(named)
    assert given_ & DESTRUCTIVE == set(named) & DESTRUCTIVE
    if preset is None:
        assert given_ == set(named)


@given(names, presets, held)
def test_no_key_holds_what_its_maker_does_not(
    named: list[str], preset: str | None, scopes: frozenset[Scope]
) -> None:
    wanted = set(named) | ({*Preset(preset).scopes} if preset is not None else set())
    if wanted and wanted <= scopes:
        assert checked_scopes(human(scopes), named, preset) == wanted
    else:
        with pytest.raises(ScopeRequired if wanted else ValidationFailed):
            checked_scopes(human(scopes), named, preset)


@given(names, st.text(max_size=20).filter(lambda text: text not in {s.value for s in Scope}))
def test_what_is_no_scope_is_never_given(named: list[str], other: str) -> None:
    with pytest.raises(UnknownScope):
        checked_scopes(human(), [*named, other])


@given(st.text(max_size=64))
def test_a_name_is_taken_as_it_is_or_not_at_all(name: str) -> None:
    try:
        assert checked_name(name) is name
    except ValidationFailed:
        assert name != name.strip() or any(not c.isprintable() for c in name)


@given(st.integers(1, 31_536_000), st.integers(1, 31_536_000))
def test_no_key_lives_longer_than_the_server_allows(ttl_secs: int, most: int) -> None:
    try:
        ends_at_ms = checked_end(NOW, None, ttl_secs, max_ttl_secs=most)
    except ValidationFailed:
        assert ttl_secs > most
    else:
        assert ends_at_ms == 1_772_366_400_000 + ttl_secs * 1000
        assert ttl_secs <= most


def test_an_end_in_another_zone_is_the_same_moment() -> None:
    at = datetime.fromisoformat("2026-03-01T14:00:00+01:00")

    assert checked_end(NOW, at, None, max_ttl_secs=3600) == 1_772_370_000_000


@pytest.mark.parametrize("at", [NOW, NOW - timedelta(seconds=1)])
def test_an_end_that_has_passed_is_refused(at: datetime) -> None:
    with pytest.raises(ValidationFailed):
        checked_end(NOW, at, None, max_ttl_secs=None)
