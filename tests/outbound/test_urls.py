from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vasya_server.errors import InvalidInput, OutboundRefused
from vasya_server.outbound import Outbound
from vasya_server.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from vasya_server.settings import Settings


def reason(outbound: Outbound, url: str) -> str:
    with pytest.raises(OutboundRefused) as refused:
        outbound.check(url)
    return refused.value.reason


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        # Not an absolute https URL.
        ("http://hooks.example/", "not_https"),
        ("ftp://hooks.example/", "not_https"),
        ("file:///etc/passwd", "malformed"),
        ("gopher://hooks.example/_x", "not_https"),
        ("javascript:alert(1)", "malformed"),
        ("//hooks.example/", "malformed"),
        ("hooks.example/", "malformed"),
        ("https:hooks.example/", "malformed"),
        ("https:/hooks.example/", "malformed"),
        ("https:///hooks.example/", "malformed"),
        ("https://", "malformed"),
        ("https://?x", "malformed"),
        ("", "malformed"),
        # What parsers read differently.
        (" https://hooks.example/", "malformed"),
        ("https://hooks.example/ ", "malformed"),
        ("https://hooks.example/a b", "malformed"),
        ("https://hooks.example/\n", "malformed"),
        ("https://hooks.example/\r\nHost: evil.example", "malformed"),
        ("https://hooks.exa\tmple/", "malformed"),
        ("https://hooks.example\x00.evil.example/", "malformed"),
        ("https://hooks.example\u200b/", "malformed"),
        ("https://hooks.example\u202e/", "malformed"),
        ("https://hooks.exa\u00admple/", "malformed"),
        ("https://hooks.example\u00a0/", "malformed"),
        ("https://evil.example\\@hooks.example/", "malformed"),
        ("https://hooks.example\\.evil.example/", "malformed"),
        ("https://hooks.example/\\evil.example", "malformed"),
        ("https://hooks.example/привет", "malformed"),
        ("https://hooks.example/\ud800", "malformed"),
        # User names, and what hides a host before one.
        ("https://user@hooks.example/", "has_userinfo"),
        ("https://user:password@hooks.example/", "has_userinfo"),
        ("https://@hooks.example/", "has_userinfo"),
        ("https://hooks.example@169.254.169.254/", "has_userinfo"),
        ("https://hooks.example:443@127.0.0.1/", "has_userinfo"),
        ("https://hooks.example/#", "has_fragment"),
        ("https://hooks.example/#part", "has_fragment"),
        ("https://hooks.example#@127.0.0.1/", "has_fragment"),
        # Addresses in every spelling.
        ("https://127.0.0.1/", "ip_literal"),
        ("https://8.8.8.8/", "ip_literal"),
        ("https://169.254.169.254/latest/meta-data/", "ip_literal"),
        ("https://127.0.0.1./", "ip_literal"),
        ("https://127.1/", "ip_literal"),
        ("https://127.0.1/", "ip_literal"),
        ("https://2130706433/", "ip_literal"),
        ("https://2130706433./", "ip_literal"),
        ("https://0/", "ip_literal"),
        ("https://0x7f000001/", "ip_literal"),
        ("https://0X7F.0.0.1/", "ip_literal"),
        ("https://0x7f.1/", "ip_literal"),
        ("https://0x/", "ip_literal"),
        ("https://0177.0.0.1/", "ip_literal"),
        ("https://017700000001/", "ip_literal"),
        ("https://00000177.0x0.0.1/", "ip_literal"),
        ("https://hooks.127.0.0.1/", "ip_literal"),
        ("https://hooks.example.0x7f/", "ip_literal"),
        ("https://999.999.999.999/", "ip_literal"),
        ("https://１２７.０.０.１/", "ip_literal"),
        ("https://127。0。0。1/", "ip_literal"),
        ("https://①②⑦.①/", "ip_literal"),
        ("https://[::1]/", "ip_literal"),
        ("https://[::]/", "ip_literal"),
        ("https://[0:0:0:0:0:0:0:1]/", "ip_literal"),
        ("https://[::ffff:127.0.0.1]/", "ip_literal"),
        ("https://[::ffff:7f00:1]/", "ip_literal"),
        ("https://[64:ff9b::7f00:1]/", "ip_literal"),
        ("https://[fe80::1%25eth0]/", "ip_literal"),
        ("https://[2606:4700::1111]:443/", "ip_literal"),
        ("https://[::1/", "ip_literal"),
        ("https://::1/", "malformed"),
        # Names that are none, and our own.
        ("https://localhost/", "own_host"),
        ("https://localhost./", "own_host"),
        ("https://LOCALHOST/", "own_host"),
        ("https://hooks.localhost/", "own_host"),
        ("https://hooks.localhost./", "own_host"),
        ("https://ｌｏｃａｌｈｏｓｔ/", "own_host"),
        ("https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "own_host"),
        ("https://metadata/", "single_label"),
        ("https://intranet/", "single_label"),
        ("https://hooks.example./", "host_invalid"),
        ("https://hooks.example。/", "host_invalid"),
        ("https://hooks..example/", "host_invalid"),
        ("https://.hooks.example/", "host_invalid"),
        ("https://./", "host_invalid"),
        ("https://-hooks.example/", "host_invalid"),
        ("https://hooks-.example/", "host_invalid"),
        ("https://my_hooks.example/", "host_invalid"),
        ("https://*.example/", "host_invalid"),
        ("https://hooks%2eexample/", "host_invalid"),
        ("https://%6cocalhost/", "host_invalid"),
        ("https://hooks.example／.evil.example/", "host_invalid"),
        ("https://evil.example＠hooks.example/", "host_invalid"),
        ("https://hooks.example：443/", "host_invalid"),
        ("https://xn--a.example/", "host_invalid"),
        (f"https://{'a' * 64}.example/", "host_invalid"),
        (f"https://{'a.' * 124}example/", "host_invalid"),
        # Ports.
        ("https://hooks.example:80/", "port_not_allowed"),
        ("https://hooks.example:22/", "port_not_allowed"),
        ("https://hooks.example:8443/", "port_not_allowed"),
        ("https://hooks.example:0/", "malformed"),
        ("https://hooks.example:65536/", "malformed"),
        ("https://hooks.example:000443/", "malformed"),
        ("https://hooks.example:/", "malformed"),
        ("https://hooks.example:+443/", "malformed"),
        ("https://hooks.example:４４３/", "malformed"),
        ("https://hooks.example:443:443/", "malformed"),
        (f"https://hooks.example/{'a' * 2027}", "too_long"),
    ],
)
def test_a_hostile_url_is_refused(strict: Settings, url: str, expected: str) -> None:
    assert reason(Outbound(strict), url) == expected


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://hooks.example", "https://hooks.example/"),
        ("HTTPS://Hooks.Example/Path", "https://hooks.example/Path"),
        ("https://hooks.example:443/a", "https://hooks.example/a"),
        ("https://hooks.example:0443/a", "https://hooks.example/a"),
        ("https://hooks.example?a=b", "https://hooks.example/?a=b"),
        (
            "https://hooks.example/a/../b?c=%20&d=[1]@x",
            "https://hooks.example/a/../b?c=%20&d=[1]@x",
        ),
        ("https://hooks.example//a", "https://hooks.example//a"),
        ("https://1.hooks.example/", "https://1.hooks.example/"),
        ("https://0x7f.hooks.example/", "https://0x7f.hooks.example/"),
        ("https://localhost.example/", "https://localhost.example/"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://BÜCHER.example/", "https://xn--bcher-kva.example/"),
        ("https://straße.example/", "https://xn--strae-oqa.example/"),
        ("https://bücher。example/", "https://xn--bcher-kva.example/"),
        # A Cyrillic and a Greek letter: other names than they look like, and shown as what they are.
        ("https://аpple.example/", "https://xn--pple-43d.example/"),
        ("https://gοogle.example/", "https://xn--gogle-rce.example/"),
        ("https://ｈｏｏｋｓ.example/", "https://hooks.example/"),
        (f"https://hooks.example/{'a' * 2026}", f"https://hooks.example/{'a' * 2026}"),
    ],
)
def test_a_url_has_one_spelling(strict: Settings, url: str, normal: str) -> None:
    outbound = Outbound(strict)

    assert outbound.check(url) == normal
    assert outbound.check(normal) == normal


def test_the_limit_of_characters_holds_for_the_one_spelling_too(strict: Settings) -> None:
    url = f"https://{'ü' * 30}.example/{'a' * 2001}"

    assert len(url) == 2048
    assert reason(Outbound(strict), url) == "too_long"


def test_the_names_of_this_server_are_refused() -> None:
    environ = {
        "AUTH_MODE": "jwt",
        "JWT_SECRET": "0f1e2d3c4b5a69788796a5b4c3d2e1f0ffeeddccbbaa9988",
        "VASYA_PUBLIC_URL": "https://vasya.example",
        "VASYA_ALLOWED_HOSTS": "gate.example:8443,127.0.0.1:99",
    }
    outbound = Outbound(load(environ))

    assert reason(outbound, "https://vasya.example/api/v1/lockdown") == "own_host"
    assert reason(outbound, "https://VASYA.example./") == "own_host"
    assert reason(outbound, "https://gate.example/") == "own_host"
    assert outbound.check("https://hooks.vasya.example/") == "https://hooks.vasya.example/"


def test_the_public_url_is_refused_in_embedded_mode_too() -> None:
    outbound = Outbound(load({"VASYA_PUBLIC_URL": "https://vasya.example"}))

    assert reason(outbound, "https://vasya.example/") == "own_host"


def test_the_operator_allows_further_ports() -> None:
    outbound = Outbound(load({"VASYA_OUTBOUND_PORTS": "443,8443"}))

    assert outbound.check("https://hooks.example:8443/a") == "https://hooks.example:8443/a"
    assert outbound.check("https://hooks.example/a") == "https://hooks.example/a"
    assert reason(outbound, "https://hooks.example:8444/") == "port_not_allowed"


def test_port_443_can_be_left_out_of_the_allowed_ones() -> None:
    outbound = Outbound(load({"VASYA_OUTBOUND_PORTS": "8443"}))

    assert reason(outbound, "https://hooks.example/") == "port_not_allowed"


def test_a_refusal_is_a_sentence_for_the_caller_without_the_url(strict: Settings) -> None:
    with pytest.raises(OutboundRefused) as refused:
        Outbound(strict).check("https://user:secret@hooks.example/")

    assert isinstance(refused.value, InvalidInput)
    assert refused.value.detail == "The URL must have no user name or password."


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("http://127.0.0.1:9000/hook", "http://127.0.0.1:9000/hook"),
        ("http://127.0.0.1", "http://127.0.0.1/"),
        ("https://127.1.2.3:9000/", "https://127.1.2.3:9000/"),
        ("http://[::1]:9000/", "http://[::1]:9000/"),
        ("http://localhost:9000/", "http://localhost:9000/"),
        ("http://hooks.example:9000/", "http://hooks.example:9000/"),
    ],
)
def test_tests_may_name_loopback(
    on_loopback: Callable[..., Settings], url: str, normal: str
) -> None:
    assert Outbound(on_loopback()).check(url) == normal


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://10.0.0.1:9000/", "ip_literal"),
        ("http://169.254.169.254/", "ip_literal"),
        ("http://8.8.8.8/", "ip_literal"),
        ("http://127.1:9000/", "ip_literal"),
        ("http://2130706433/", "ip_literal"),
        ("http://[::ffff:127.0.0.1]/", "ip_literal"),
        ("http://[::]/", "ip_literal"),
        ("http://[fe80::1]/", "ip_literal"),
        ("http://hooks.localhost/", "own_host"),
        ("http://user@127.0.0.1/", "has_userinfo"),
        ("ftp://127.0.0.1/", "not_https"),
        ("http://127.0.0.1:0/", "malformed"),
    ],
)
def test_tests_may_name_nothing_else(
    on_loopback: Callable[..., Settings], url: str, expected: str
) -> None:
    assert reason(Outbound(on_loopback()), url) == expected
