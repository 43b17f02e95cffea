"""The settings of JWT mode: which secrets are none, and what takes the server off loopback."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from vasya_server.cli.serve import refuse_shared_secret
from vasya_server.crypto.master_key import parse_master_key
from vasya_server.errors import ConfigurationInvalid
from vasya_server.settings import Settings, load

SECRET = "Fq3vT9xLm2Kp7WzR4yHc8NsJ6bDgUeAo"
HEX_SECRET = "9c1d3a5c7e90b2d4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d"
JWT = {"AUTH_MODE": "jwt", "JWT_SECRET": SECRET}
PROXY = {"VASYA_PUBLIC_URL": "https://vasya.example", "VASYA_TRUSTED_PROXIES": "172.18.0.2"}


def test_jwt_mode_needs_a_secret() -> None:
    with pytest.raises(ConfigurationInvalid, match="JWT_SECRET is not set"):
        load({"AUTH_MODE": "jwt"})


def test_secrets_leave_the_environment_and_are_not_printed() -> None:
    environ = JWT | {"JWT_SECRET_PREVIOUS": HEX_SECRET}
    settings = load(environ)

    assert environ == {"AUTH_MODE": "jwt"}
    assert settings.jwt_secret is not None
    assert settings.jwt_secret.reveal() == SECRET
    assert SECRET not in repr(settings)
    assert HEX_SECRET not in repr(settings)


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(SECRET, id="32 characters"),
        pytest.param(HEX_SECRET, id="hexadecimal with few digits"),
        pytest.param("b" * 14 + "äöüßéèêëñçåøæ" + "0", id="32 bytes and more in UTF-8"),
        pytest.param("q7Hk+3/mZ0aWv9Rt5Yx1Lc8NsJ6bDgUeAoFp2KwTz4=", id="base64"),
    ],
)
def test_a_random_secret_is_taken(secret: str) -> None:
    assert load(JWT | {"JWT_SECRET": secret}).jwt_secret is not None


@pytest.mark.parametrize("name", ["JWT_SECRET", "JWT_SECRET_PREVIOUS"])
@pytest.mark.parametrize(
    ("secret", "clause"),
    [
        pytest.param(SECRET[:31], "must be 32 or more random bytes", id="31 bytes"),
        pytest.param("ab" * 40, "at least 16 different ones", id="two values"),
        pytest.param("00112233" * 8, "at least 16 different ones", id="hexadecimal, repeating"),
        pytest.param("your-256-bit-secret-goes-here-qwzx", "is a placeholder", id="a manual's"),
        pytest.param("a-string-secret-at-least-256-bits-long", "is a placeholder", id="jwt.io's"),
        pytest.param("ChangeMe-ChangeMe-qwertyuiopasdfghjkl", "is a placeholder", id="change me"),
        pytest.param("0123456789abcdef0123456789abcdef", "is a placeholder", id="counting"),
        pytest.param(
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ", "is a placeholder", id="public key"
        ),
        pytest.param(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH", "is a placeholder", id="public SSH key"
        ),
        pytest.param("\udcff" + SECRET, "must be UTF-8", id="not UTF-8"),
    ],
)
def test_what_is_no_secret_is_refused_and_not_repeated(name: str, secret: str, clause: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=clause) as refused:
        load(JWT | {name: secret})

    assert name in refused.value.detail
    assert secret not in refused.value.detail


MASTER_KEY = "8f1d3a5c7e90b2d4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d"
IN_BASE64 = "jx06XH6QstT2BxgpOktcbX6PkKGyw9Tl9gcYKTpLXG0="


@pytest.mark.parametrize("name", ["JWT_SECRET", "JWT_SECRET_PREVIOUS"])
@pytest.mark.parametrize("written", [MASTER_KEY, MASTER_KEY.upper(), IN_BASE64])
def test_the_master_key_is_no_secret_for_tokens(name: str, written: str) -> None:
    settings = load(JWT | {name: written})

    with pytest.raises(ConfigurationInvalid, match="A JWT secret is the session master key"):
        refuse_shared_secret(settings, parse_master_key(MASTER_KEY))


@pytest.mark.parametrize("settings", [load({}), load(JWT | {"JWT_SECRET_PREVIOUS": HEX_SECRET})])
def test_any_other_secret_may_stand_beside_the_master_key(settings: Settings) -> None:
    refuse_shared_secret(settings, parse_master_key(MASTER_KEY))


def test_jwt_mode_has_no_local_token() -> None:
    with pytest.raises(ConfigurationInvalid, match="VASYA_LOCAL_TOKEN is set and AUTH_MODE is jwt"):
        load(JWT | {"VASYA_LOCAL_TOKEN": "vl_" + "5a" * 32})


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="neither"),
        pytest.param({"VASYA_PUBLIC_URL": "https://vasya.example"}, id="no proxy"),
        pytest.param({"VASYA_TRUSTED_PROXIES": "172.18.0.2"}, id="no public URL"),
        pytest.param(PROXY | {"VASYA_PUBLIC_URL": "http://vasya.example"}, id="in clear"),
    ],
)
def test_jwt_mode_stays_on_loopback_without_tls_before_it(settings: dict[str, str]) -> None:
    with pytest.raises(ConfigurationInvalid, match="VASYA_HOST leaves loopback"):
        load(JWT | settings | {"VASYA_HOST": "0.0.0.0"})  # noqa: S104 — refused
    assert not load(JWT | settings).may_leave_loopback


def test_jwt_mode_leaves_loopback_behind_a_proxy_with_tls() -> None:
    settings = load(JWT | PROXY | {"VASYA_HOST": "0.0.0.0"})  # noqa: S104 — behind a proxy

    assert settings.may_leave_loopback
    assert settings.trusted_proxies == (ip_network("172.18.0.2/32"),)


def test_embedded_mode_never_leaves_loopback() -> None:
    with pytest.raises(ConfigurationInvalid, match="must be a loopback address in embedded mode"):
        load(PROXY | {"VASYA_HOST": "0.0.0.0"})  # noqa: S104 — refused
    assert not load(PROXY).may_leave_loopback


@pytest.mark.parametrize(
    ("settings", "hosts"),
    [
        pytest.param({}, (), id="nothing"),
        pytest.param(PROXY, ("vasya.example",), id="public URL"),
        pytest.param(
            PROXY
            | {
                "VASYA_PUBLIC_URL": "https://Vasya.Example:443/",
                "VASYA_ALLOWED_HOSTS": "other.example,vasya.example",
            },
            ("other.example", "vasya.example"),
            id="named twice",
        ),
        pytest.param(
            PROXY | {"VASYA_PUBLIC_URL": "https://vasya.example:8443"},
            ("vasya.example:8443",),
            id="port",
        ),
        pytest.param(
            PROXY | {"VASYA_HOST": "0.0.0.0"},  # noqa: S104 — behind a proxy
            ("vasya.example",),
            id="every address is no name",
        ),
        pytest.param(
            PROXY | {"VASYA_HOST": "192.0.2.7", "VASYA_PORT": "8000"},
            ("vasya.example", "192.0.2.7:8000"),
            id="one address",
        ),
        pytest.param(
            PROXY | {"VASYA_HOST": "2001:DB8::7", "VASYA_PORT": "8000"},
            ("vasya.example", "[2001:db8::7]:8000"),
            id="one address of IPv6",
        ),
    ],
)
def test_jwt_mode_answers_for_its_public_url(
    settings: dict[str, str], hosts: tuple[str, ...]
) -> None:
    assert load(JWT | settings).allowed_hosts == hosts


def test_embedded_mode_answers_for_what_is_listed() -> None:
    settings = load(PROXY | {"VASYA_ALLOWED_HOSTS": "other.example"})

    assert settings.allowed_hosts == ("other.example",)


@pytest.mark.parametrize(
    "given",
    ["vasya.example", "ftp://vasya.example", "https://a.example,https://b.example", "https://a/b"],
)
def test_what_is_no_public_url_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="VASYA_PUBLIC_URL must be"):
        load({"VASYA_PUBLIC_URL": given})


def test_proxies_are_addresses_and_networks() -> None:
    settings = load({"VASYA_TRUSTED_PROXIES": "10.0.0.7, 172.18.0.0/16,2001:db8::/32"})

    assert settings.trusted_proxies == (
        ip_network("10.0.0.7/32"),
        ip_network("172.18.0.0/16"),
        ip_network("2001:db8::/32"),
    )


@pytest.mark.parametrize("given", ["proxy", "10.0.0.0/33", "10.0.0.7/8", "*", "10.0.0.7:80"])
def test_what_is_no_proxy_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="VASYA_TRUSTED_PROXIES must be addresses"):
        load({"VASYA_TRUSTED_PROXIES": given})


@pytest.mark.parametrize("given", ["0", "59", "31622401", "12h"])
def test_a_lifetime_is_a_number_of_seconds(given: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="JWT_MAX_LIFETIME_SECS must be a whole number"):
        load({"JWT_MAX_LIFETIME_SECS": given})
