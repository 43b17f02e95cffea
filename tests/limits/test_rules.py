"""Who is bound by what, and what a bucket's name gives away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from vasya_server.auth.principal import Principal, PrincipalKind
from vasya_server.crypto.master_key import MasterKey
from vasya_server.errors import RateLimited
from vasya_server.ids import KeyId, OwnerId
from vasya_server.limits.buckets import Buckets
from vasya_server.limits.budgets import Budgets
from vasya_server.limits.rules import Limits, require_allowed
from vasya_server.limits.turns import Turns
from vasya_server.settings import load
from vasya_server.store.database import Query

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.limits.conftest import StandingClock
    from vasya_server.limits.gcra import Verdict
    from vasya_server.store.database import Database

PHONE = "+1 (555) 010-2030"
CHAT = "acc_a/user:42"


def agent(lineage: str, key_id: str = "ak_1", owner: str = "own_a") -> Principal:
    return Principal(
        kind=PrincipalKind.AGENT_KEY,
        owner=OwnerId(owner),
        scopes=frozenset(),
        is_human=False,
        lineage=lineage,
        key_id=KeyId(key_id),
    )


def person(owner: str = "own_a", *, is_human: bool = True) -> Principal:
    return Principal(
        kind=PrincipalKind.JWT, owner=OwnerId(owner), scopes=frozenset(), is_human=is_human
    )


@pytest.fixture
def buckets(db: Database, clock: StandingClock) -> Buckets:
    return Buckets(db, clock)


@pytest.fixture
def make(db: Database, clock: StandingClock, buckets: Buckets) -> Callable[[bytes], Limits]:
    """Return what makes limits over the same buckets under a master key."""

    def make(key: bytes) -> Limits:
        turns = Turns(buckets, clock, is_on=True)
        return Limits(buckets, load({}), MasterKey(key), Budgets(db, clock), turns)

    return make


@pytest.fixture
def limits(make: Callable[[bytes], Limits]) -> Limits:
    return make(bytes(range(32)))


def left(limits: Limits, who: Principal) -> dict[str, int]:
    return {verdict.quota.name: verdict.left[0] for verdict in limits.look(who)}


def names(verdicts: list[Verdict], *, allowed: bool) -> list[str]:
    return [verdict.quota.name for verdict in verdicts if verdict.is_allowed is allowed]


async def test_a_key_has_the_numbers_of_the_settings_and_a_human_ten_times_as_many(
    limits: Limits,
) -> None:
    assert left(limits, agent("kl_1")) == {"read": 60, "mutate": 30}
    assert left(limits, person()) == {"read": 600, "mutate": 300}


async def test_a_rotated_key_has_its_predecessors_buckets(limits: Limits) -> None:
    limits.take_read(agent("kl_1", "ak_old"))
    limits.take_mutation(agent("kl_1", "ak_old"), None)

    assert left(limits, agent("kl_1", "ak_new")) == {"read": 59, "mutate": 29}


async def test_another_key_and_another_owner_have_their_own(limits: Limits) -> None:
    for _ in range(60):
        limits.take_read(agent("kl_1"))

    assert not limits.take_read(agent("kl_1")).is_allowed
    assert left(limits, agent("kl_2")) == {"read": 60, "mutate": 30}
    assert left(limits, agent("kl_1", owner="own_b")) == {"read": 60, "mutate": 30}
    assert left(limits, person()) == {"read": 600, "mutate": 300}


async def test_a_narrowed_token_is_bound_as_a_key_and_takes_nothing_from_its_human(
    limits: Limits,
) -> None:
    narrowed = person(is_human=False)
    for _ in range(60):
        limits.take_read(narrowed)

    assert not limits.take_read(narrowed).is_allowed
    assert left(limits, person())["read"] == 600


async def test_a_key_has_a_bucket_for_each_chat(limits: Limits) -> None:
    for _ in range(20):
        require_allowed(limits.take_mutation(agent("kl_1"), CHAT))

    refused = limits.take_mutation(agent("kl_1"), CHAT)

    assert names(refused, allowed=False) == ["chat"]
    require_allowed(limits.take_mutation(agent("kl_1"), "acc_a/user:43"))
    require_allowed(limits.take_mutation(agent("kl_2"), CHAT))


async def test_a_human_has_no_bucket_for_a_chat(limits: Limits) -> None:
    for _ in range(300):
        require_allowed(limits.take_mutation(person(), CHAT))

    assert names(limits.take_mutation(person(), CHAT), allowed=False) == ["mutate"]


async def test_what_one_bucket_refuses_is_taken_from_none(limits: Limits) -> None:
    for _ in range(21):
        limits.take_mutation(agent("kl_1"), CHAT)

    assert left(limits, agent("kl_1"))["mutate"] == 10


async def test_a_refusal_names_its_buckets_the_longest_wait_and_who_may_raise_them(
    limits: Limits,
) -> None:
    for _ in range(10):
        limits.take_mutation(agent("kl_1"), None)
    for _ in range(20):
        limits.take_mutation(agent("kl_1"), CHAT)

    with pytest.raises(RateLimited) as refused:
        require_allowed(limits.take_mutation(agent("kl_1"), CHAT))

    assert refused.value.violated == ("mutate", "chat")
    assert refused.value.retry_after_secs == 180
    assert refused.value.remedy is not None
    assert "Only the operator" in refused.value.remedy
    assert "VASYA_LIMIT_MUTATE_PER_MIN and VASYA_LIMIT_CHAT_PER_HOUR" in refused.value.remedy


async def test_a_phone_number_has_three_codes_an_hour_however_it_is_written(
    limits: Limits, clock: StandingClock
) -> None:
    for phone in (PHONE, "15550102030", "+1-555-010-2030"):
        require_allowed(limits.take_login(phone))

    assert names(limits.take_login(PHONE), allowed=False) == ["login"]
    clock.secs += 1200
    require_allowed(limits.take_login(PHONE))
    require_allowed(limits.take_login("+15550102031"))


async def test_a_phone_number_has_five_codes_a_day(limits: Limits, clock: StandingClock) -> None:
    for _ in range(5):
        require_allowed(limits.take_login(PHONE))
        clock.secs += 1200

    assert names(limits.take_login(PHONE), allowed=False) == ["login_day"]


async def test_what_is_no_number_costs_nothing(limits: Limits) -> None:
    assert limits.take_login("nobody") == []


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        pytest.param("192.0.2.1", "192.0.2.2", False, id="two IPv4 addresses"),
        pytest.param("2001:db8::1", "2001:db8::ffff:2", True, id="one IPv6 network"),
        pytest.param("2001:db8::1", "2001:db8:0:1::1", False, id="two IPv6 networks"),
        pytest.param("::ffff:192.0.2.1", "192.0.2.1", True, id="IPv4 in IPv6"),
        pytest.param("::ffff:192.0.2.1", "::ffff:192.0.2.2", False, id="two of those"),
        pytest.param("::1", "::2", False, id="IPv6 loopback is no network"),
        pytest.param("", "127.0.0.1", False, id="no address at all"),
    ],
)
async def test_wrong_credentials_are_counted_by_address(
    limits: Limits, one: str, other: str, *, is_same: bool
) -> None:
    for _ in range(10):
        assert limits.take_failure(one).is_allowed

    assert not limits.take_failure(one).is_allowed
    assert limits.take_failure(other).is_allowed is not is_same


async def test_no_name_number_or_address_is_stored(
    limits: Limits, buckets: Buckets, db: Database
) -> None:
    class Row(msgspec.Struct, frozen=True):
        bucket: str

    limits.take_login(PHONE)
    limits.take_failure("192.0.2.1")
    limits.take_mutation(agent("kl_1"), CHAT)
    limits.take_read(person())
    await buckets.save()

    keys = [row.bucket for row in await db.all(Query("SELECT bucket FROM limits"), Row)]

    assert len(keys) == 6
    for clear in ("5550102030", "192.0.2.1", "user:42", ":42", "acc_a"):
        assert not any(clear in key for key in keys)


async def test_another_master_key_gives_other_names(make: Callable[[bytes], Limits]) -> None:
    one, other = make(bytes(range(32))), make(bytes(range(32, 64)))
    for _ in range(10):
        one.take_failure("192.0.2.1")

    assert not one.take_failure("192.0.2.1").is_allowed
    assert other.take_failure("192.0.2.1").is_allowed
