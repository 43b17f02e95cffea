"""Which addresses are connected to, when the name's are as a test says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.outbound.servers import OK, Network, Resolver, saying, serving
from vasya_server.outbound import Outbound, OutboundFailed, OutboundRefused
from vasya_server.outbound.dialling import resolved

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.outbound.certificates import Authority
    from vasya_server.settings import Settings

HOOK = "https://hooks.example/in?a=b"
# Addresses of nobody here: the test's network leads them to loopback, or nowhere.
PUBLIC, OTHER, THIRD, FOURTH = "93.184.215.14", "93.184.215.15", "2606:2800:21f::1", "93.184.215.17"


async def post(outbound: Outbound, url: str = HOOK, deadline_secs: float = 5) -> int:
    return (await outbound.post(url, b"{}", {}, deadline_secs=deadline_secs)).status


async def test_the_name_is_checked_and_the_address_is_dialled(
    strict: Settings, authority: Authority
) -> None:
    resolver = Resolver([[PUBLIC]])
    async with serving(saying(OK), authority.server_context("hooks.example")) as server:
        network = Network({PUBLIC: server.port})
        outbound = Outbound(strict, resolve=resolver, network=network)

        assert await post(outbound) == 200

    assert resolver.asked == [("hooks.example", 443)]
    assert network.dialled == [(PUBLIC, 443)]
    assert server.server_names == ["hooks.example"]
    assert server.received[0].headers["host"] == ["hooks.example"]


async def test_a_name_that_is_bound_anew_to_this_machine_is_refused_at_the_next_attempt(
    strict: Settings, authority: Authority
) -> None:
    resolver = Resolver([[PUBLIC], ["127.0.0.1"]])
    async with serving(saying(OK), authority.server_context("hooks.example")) as server:
        network = Network({PUBLIC: server.port, "127.0.0.1": server.port})
        outbound = Outbound(strict, resolve=resolver, network=network)

        assert await post(outbound) == 200
        assert resolver.asked == [("hooks.example", 443)]  # one attempt, one resolution

        with pytest.raises(OutboundRefused) as refused:
            await post(outbound)

    assert refused.value.reason == "private_address"
    assert resolver.asked == [("hooks.example", 443)] * 2
    assert network.dialled == [(PUBLIC, 443)]
    assert server.connections == 1


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(["127.0.0.1"], id="loopback"),
        pytest.param(["::1"], id="loopback in IPv6"),
        pytest.param(["169.254.169.254"], id="a cloud's metadata"),
        pytest.param(["fd00:ec2::254"], id="a cloud's metadata in IPv6"),
        pytest.param(["10.0.0.1"], id="private"),
        pytest.param(["::ffff:127.0.0.1"], id="mapped"),
        pytest.param(["64:ff9b::7f00:1"], id="translated"),
        pytest.param(["fe80::1%2"], id="of one interface"),
        pytest.param(["2606:2800:21f::1%2"], id="public, of one interface"),
        pytest.param([PUBLIC, "127.0.0.1"], id="public, then loopback"),
        pytest.param(["127.0.0.1", PUBLIC], id="loopback, then public"),
        pytest.param([PUBLIC, OTHER, THIRD, FOURTH, "10.0.0.1"], id="private behind many public"),
        pytest.param([PUBLIC, "ff0e::1"], id="public and multicast"),
    ],
)
async def test_one_address_that_is_not_public_refuses_all(
    strict: Settings, answers: list[str]
) -> None:
    network = Network({})

    with pytest.raises(OutboundRefused) as refused:
        await post(Outbound(strict, resolve=Resolver([answers]), network=network))

    assert refused.value.reason == "private_address"
    assert network.dialled == []


async def test_a_url_that_breaks_a_rule_is_not_even_resolved(strict: Settings) -> None:
    resolver, network = Resolver([[PUBLIC]]), Network({})

    with pytest.raises(OutboundRefused):
        await post(Outbound(strict, resolve=resolver, network=network), "http://hooks.example/")

    assert (resolver.asked, network.dialled) == ([], [])


async def test_the_next_address_is_tried_where_one_takes_no_connection(
    strict: Settings, authority: Authority
) -> None:
    async with serving(saying(OK), authority.server_context("hooks.example")) as server:
        network = Network({THIRD: server.port}, silent=(OTHER,))
        resolver = Resolver([[PUBLIC, OTHER, PUBLIC, THIRD]])

        assert await post(Outbound(strict, resolve=resolver, network=network)) == 200

    assert network.dialled == [(PUBLIC, 443), (OTHER, 443), (THIRD, 443)]


async def test_no_more_than_three_addresses_are_dialled(strict: Settings) -> None:
    network = Network({})
    resolver = Resolver([[PUBLIC, OTHER, THIRD, FOURTH]])

    with pytest.raises(OutboundFailed) as failed:
        await post(Outbound(strict, resolve=resolver, network=network))

    assert failed.value.reason == "connect"
    assert network.dialled == [(PUBLIC, 443), (OTHER, 443), (THIRD, 443)]


async def test_an_address_that_takes_no_connection_in_its_time_is_a_timeout(
    strict: Settings,
) -> None:
    network = Network({}, silent=(PUBLIC,))

    with pytest.raises(OutboundFailed) as failed:
        await post(Outbound(strict, resolve=Resolver([[PUBLIC]]), network=network))

    assert failed.value.reason == "timeout"


async def test_a_name_that_the_system_cannot_ask_for_is_a_failure_of_dns() -> None:
    with pytest.raises(OutboundFailed) as failed:
        await resolved(f"{'a' * 64}.example", 443)

    assert failed.value.reason == "dns"


async def test_a_name_without_addresses_is_a_failure_of_dns(strict: Settings) -> None:
    with pytest.raises(OutboundFailed) as failed:
        await post(Outbound(strict, resolve=Resolver([[]]), network=Network({})))

    assert failed.value.reason == "dns"


async def test_a_resolver_that_does_not_answer_is_under_the_deadline(strict: Settings) -> None:
    async def never(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    with pytest.raises(OutboundFailed) as failed:
        await post(Outbound(strict, resolve=never, network=Network({})), deadline_secs=0.2)

    assert failed.value.reason == "timeout"


async def test_an_injected_name_that_stands_for_loopback_is_refused_unless_that_is_allowed(
    on_loopback: Callable[..., Settings], authority: Authority
) -> None:
    names = "hooks.example=127.0.0.1"
    async with serving(saying(OK), authority.server_context("hooks.example")) as server:
        port = str(server.port)
        url = f"https://hooks.example:{port}/"
        closed = on_loopback(
            VASYA_OUTBOUND_LOOPBACK="off", VASYA_OUTBOUND_HOSTS=names, VASYA_OUTBOUND_PORTS=port
        )

        with pytest.raises(OutboundRefused) as refused:
            await post(Outbound(closed), url)

        assert refused.value.reason == "private_address"
        assert server.connections == 0
        assert await post(Outbound(on_loopback(VASYA_OUTBOUND_HOSTS=names)), url) == 200


@pytest.mark.parametrize("address", [PUBLIC, "10.0.0.1", "169.254.169.254"])
@pytest.mark.parametrize("url", ["http://hooks.example/", "https://hooks.example:8443/"])
async def test_what_only_loopback_may_have_leads_nowhere_else(
    on_loopback: Callable[..., Settings], url: str, address: str
) -> None:
    network = Network({})
    settings = on_loopback(VASYA_OUTBOUND_HOSTS=f"hooks.example={address}")

    with pytest.raises(OutboundRefused) as refused:
        await post(Outbound(settings, network=network), url)

    assert refused.value.reason == "private_address"
    assert network.dialled == []


async def test_allowed_loopback_opens_no_other_private_address(
    on_loopback: Callable[..., Settings],
) -> None:
    network = Network({})
    settings = on_loopback(VASYA_OUTBOUND_HOSTS="hooks.example=127.0.0.1,hooks.example=10.0.0.1")

    with pytest.raises(OutboundRefused):
        await post(Outbound(settings, network=network))

    assert network.dialled == []


async def test_a_name_that_is_not_injected_is_resolved_by_the_system(
    on_loopback: Callable[..., Settings],
) -> None:
    settings = on_loopback(VASYA_OUTBOUND_HOSTS="hooks.example=93.184.215.14")
    async with serving(saying(OK)) as server:
        assert await post(Outbound(settings), f"http://localhost:{server.port}/") == 200


async def test_an_address_on_loopback_is_posted_to_in_clear(
    on_loopback: Callable[..., Settings],
) -> None:
    async with serving(saying(OK)) as server:
        assert await post(Outbound(on_loopback()), f"http://127.0.0.1:{server.port}/a") == 200

    assert server.received[0].headers["host"] == [f"127.0.0.1:{server.port}"]


async def test_a_port_where_nobody_listens_is_a_failure_to_connect(
    on_loopback: Callable[..., Settings],
) -> None:
    async with serving(saying(OK)) as server:
        port = server.port

    with pytest.raises(OutboundFailed) as failed:
        await post(Outbound(on_loopback()), f"http://127.0.0.1:{port}/")

    assert failed.value.reason == "connect"
