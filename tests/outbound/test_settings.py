from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vasya_server.errors import ConfigurationInvalid
from vasya_server.settings import load

if TYPE_CHECKING:
    from tests.outbound.certificates import Authority

SCRIPTS = Path(sys.executable).parent
FOR_TESTS = [
    ("VASYA_OUTBOUND_LOOPBACK", "on"),
    ("VASYA_OUTBOUND_HOSTS", "hooks.example=127.0.0.1"),
]


def test_a_server_reaches_https_at_port_443_and_nothing_of_this_machine() -> None:
    settings = load({})

    assert settings.outbound_ports == (443,)
    assert settings.outbound_loopback == "off"
    assert settings.outbound_hosts == ()
    assert settings.outbound_ca_file is None


def test_ports_and_names_are_read(sandboxed: dict[str, str]) -> None:
    environ = {
        "VASYA_OUTBOUND_PORTS": "443, 8443",
        "VASYA_OUTBOUND_HOSTS": "Hooks.Example=127.0.0.1, hooks.example=0:0::1,a.example=8.8.8.8",
    }
    settings = load(sandboxed | environ)

    assert settings.outbound_ports == (443, 8443)
    assert settings.outbound_hosts == (
        ("hooks.example", "127.0.0.1"),
        ("hooks.example", "::1"),
        ("a.example", "8.8.8.8"),
    )


@pytest.mark.parametrize("given", ["0", "65536", "443,x", "443-445", "-1", ",", "*", "４４３"])
def test_what_is_no_port_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="VASYA_OUTBOUND_PORTS must be ports from 1 to"):
        load({"VASYA_OUTBOUND_PORTS": given})


@pytest.mark.parametrize(
    "given",
    [
        "hooks.example",
        "hooks.example=",
        "=127.0.0.1",
        "a.example=b.example",
        "a b=127.0.0.1",
        "*=::1",
    ],
)
def test_what_is_no_name_and_address_is_refused(sandboxed: dict[str, str], given: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="VASYA_OUTBOUND_HOSTS must be names and their"):
        load(sandboxed | {"VASYA_OUTBOUND_HOSTS": given})


@pytest.mark.parametrize(("name", "value"), FOR_TESTS)
def test_what_opens_this_machine_is_refused_with_telegrams_own_data_centres(
    name: str, value: str
) -> None:
    with pytest.raises(ConfigurationInvalid, match=f"{name} is for tests and needs a VASYA_TELE"):
        load({name: value})


@pytest.mark.parametrize(
    "dc", ["2@149.154.167.50:443", "2@10.0.0.7:4430", "2@[2001:67c:4e8::1]:443"]
)
@pytest.mark.parametrize(("name", "value"), FOR_TESTS)
def test_what_opens_this_machine_is_refused_with_a_data_centre_elsewhere(
    sandboxed: dict[str, str], name: str, value: str, dc: str
) -> None:
    with pytest.raises(ConfigurationInvalid, match=f"{name} is for tests and needs a VASYA_TELE"):
        load(sandboxed | {"VASYA_TELEGRAM_DC": dc, name: value})


def test_loopback_that_stays_closed_needs_no_sandbox() -> None:
    assert load({"VASYA_OUTBOUND_LOOPBACK": "off"}).outbound_loopback == "off"


@pytest.mark.parametrize(("name", "value"), FOR_TESTS)
def test_the_server_does_not_start_with_real_accounts_and_this_machine_open(
    tmp_path: Path, name: str, value: str
) -> None:
    done = subprocess.run(
        [SCRIPTS / "vasya-server", "serve", "--data-dir", str(tmp_path), "--port", "0"],
        env={"SESSION_MASTER_KEY": "8f1d3a5c7e90b2d4f60718293a4b5c6d" * 2, name: value},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 78
    assert f"{name} is for tests and needs a VASYA_TELEGRAM_DC on loopback" in done.stderr


def test_certificate_authorities_are_read_out_of_their_file(authority: Authority) -> None:
    settings = load({"VASYA_OUTBOUND_CA_FILE": str(authority.file)})

    assert settings.outbound_ca_file == authority.file.read_text()


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"no certificate",
        b"\xff\xfe",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN RSA PUBLIC KEY-----\nMIIB\n-----END RSA PUBLIC KEY-----\n",
        b"a" * (1024**2 + 1),
    ],
    ids=["none", "empty", "text", "not text", "broken", "a key", "too large"],
)
def test_what_is_no_file_of_certificates_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(ConfigurationInvalid) as refused:
        load({"VASYA_OUTBOUND_CA_FILE": str(file)})

    assert "VASYA_OUTBOUND_CA_FILE must be a readable PEM file of certificates" in str(
        refused.value
    )
    assert refused.value.exit_code == 78
