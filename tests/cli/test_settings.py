from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vasya_server.errors import ConfigurationInvalid
from vasya_server.settings import DataCentre, load

if TYPE_CHECKING:
    from collections.abc import Callable

PEM = "-----BEGIN RSA PUBLIC KEY-----\nMIIB\n-----END RSA PUBLIC KEY-----\n"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        pytest.param("", (), id="none"),
        pytest.param("https://app.example", ("https://app.example",), id="one"),
        pytest.param(
            "tauri://localhost, http://tauri.localhost",
            ("tauri://localhost", "http://tauri.localhost"),
            id="a desktop app's two",
        ),
        pytest.param("HTTPS://App.Example:8443", ("https://app.example:8443",), id="upper case"),
        pytest.param("https://app.example:443", ("https://app.example",), id="own port of https"),
        pytest.param("http://app.example:80", ("http://app.example",), id="own port of http"),
        pytest.param("http://app.example:443", ("http://app.example:443",), id="another's port"),
        pytest.param("http://127.0.0.1:3000", ("http://127.0.0.1:3000",), id="address"),
        pytest.param("http://[::1]:3000", ("http://[::1]:3000",), id="IPv6"),
    ],
)
def test_an_origin_is_read_as_a_browser_writes_it(given: str, read: tuple[str, ...]) -> None:
    assert load({"VASYA_ALLOWED_ORIGINS": given}).allowed_origins == read


@pytest.mark.parametrize(
    "given",
    [
        "*",
        "null",
        "https://*",
        "https://*.example",
        "https://app.example, *",
        "app.example",
        "https:app.example",
        "https://",
        "https://app.example/",
        "https://app.example/path",
        "https://app.example?x",
        "https://user@app.example",
        "https://app.example:0",
        "https://app.example:65536",
        "https://app.example:",
        "https://[::g]",
        "https://::1",
        "https://app example",
        "https://приложение.example",
        "https://-app.example",
        "https://app..example",
        "1https://app.example",
    ],
)
def test_what_is_no_origin_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="VASYA_ALLOWED_ORIGINS must be origins such as"):
        load({"VASYA_ALLOWED_ORIGINS": given})


def test_hosts_are_read_with_and_without_a_port() -> None:
    settings = load({"VASYA_ALLOWED_HOSTS": "Vasya.example:8443, my_service,[::1]:80"})
    assert settings.allowed_hosts == ("vasya.example:8443", "my_service", "[::1]:80")


@pytest.mark.parametrize(
    "given",
    [
        "*",
        "*.example",
        "https://vasya.example",
        "vasya.example/",
        "a:b",
        "a:0",
        "::1",
        "a b",
        "a,*",
    ],
)
def test_what_is_no_host_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="VASYA_ALLOWED_HOSTS must be host names such"):
        load({"VASYA_ALLOWED_HOSTS": given})


def with_key(path: Path) -> dict[str, str]:
    return {"VASYA_TELEGRAM_DC": "2@127.0.0.1:4430", "VASYA_TELEGRAM_DC_KEY": str(path)}


def test_the_key_of_a_data_centre_is_read_out_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(PEM)
    settings = load(with_key(tmp_path / "key.pem"))
    assert settings.telegram_dc == DataCentre(2, "127.0.0.1", 4430, PEM)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_directory(path: Path) -> None:
    path.mkdir()


def a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def too_large(path: Path) -> None:
    path.write_text(PEM + "\n" * 16 * 1024)


def another_kind(path: Path) -> None:
    path.write_text("-----BEGIN PUBLIC KEY-----\n")


def no_text(path: Path) -> None:
    path.write_bytes(b"\xff" * 40)


@pytest.mark.parametrize(
    "make", [a_pipe, a_directory, a_device, too_large, another_kind, no_text, Path.exists]
)
def test_what_is_no_key_file_is_refused_at_once(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "key.pem")
    with pytest.raises(ConfigurationInvalid, match="VASYA_TELEGRAM_DC_KEY must be a readable PEM"):
        load(with_key(tmp_path / "key.pem"))


def test_an_account_sends_at_a_persons_pace_unless_it_is_a_test(tmp_path: Path) -> None:
    pem = tmp_path / "dc.pem"
    pem.write_text(PEM)
    sandbox = {"VASYA_TELEGRAM_DC": "2@127.0.0.1:443", "VASYA_TELEGRAM_DC_KEY": str(pem)}

    assert load({}).pacing == "human"
    assert load({**sandbox, "VASYA_PACING": "off"}).pacing == "off"
    with pytest.raises(ConfigurationInvalid, match="VASYA_PACING=off is for tests"):
        load({"VASYA_PACING": "off"})
