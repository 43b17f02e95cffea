"""Names of files: what is left of them is a name and nothing else."""

from __future__ import annotations

import pytest

from vasya_server.api.file_names import clean_file_name, media_type, read_disposition


@pytest.mark.parametrize(
    ("given", "clean"),
    [
        ("deck.pdf", "deck.pdf"),
        ("über uns.txt", "über uns.txt"),
        ("C:\\dir\\x.txt", "x.txt"),
        ("/etc/passwd", "passwd"),
        ("..", "file"),
        ("a/..", "file"),
        ("", "file"),
        (" . ", "file"),
        ("dir/", "file"),
        ("a\0b\r\nc.txt", "abc.txt"),
        ("\u202etxt.exe", "txt.exe"),
        ("a\u200bb\ufeff.txt", "ab.txt"),
        ("a\u2028b", "ab"),
        ("e\u0301.txt", "\u00e9.txt"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
        ("ж" * 200 + ".pdf", "ж" * 125 + ".pdf"),
        ("." + "x" * 300, "." + "x" * 254),
    ],
)
def test_a_name_is_cleaned(given: str, clean: str) -> None:
    assert clean_file_name(given) == clean
    assert len(clean.encode()) <= 255


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", None),
        ("attachment", None),
        ('attachment; filename="a b.pdf"', "a b.pdf"),
        ("attachment; filename=a.pdf", "a.pdf"),
        ('attachment; filename="a\\"b.pdf"', 'a"b.pdf'),
        ("attachment; filename=\"x.pdf\"; filename*=UTF-8''%D0%BE.pdf", "о.pdf"),
        ("attachment; FILENAME*=utf-8'ru'%D0%BE.pdf", "о.pdf"),
        ("attachment; filename*=UTF-8''%FF.pdf", "\ufffd.pdf"),
    ],
)
def test_a_disposition_is_read(header: str, name: str | None) -> None:
    assert read_disposition(header) == name


@pytest.mark.parametrize(
    ("declared", "name", "expected"),
    [
        ("text/csv; charset=utf-8", "a.bin", "text/csv"),
        ("", "a.pdf", "application/pdf"),
        ("application/octet-stream", "a.jpg", "image/jpeg"),
        ("application/x-www-form-urlencoded", "a", "application/octet-stream"),
        ("", "a.tar.gz", "application/octet-stream"),
        ("nonsense", "a.png", "image/png"),
        ("text/html\r\nx: y", "a", "application/octet-stream"),
    ],
)
def test_a_type_is_what_was_declared_or_what_the_name_says(
    declared: str, name: str, expected: str
) -> None:
    assert media_type(declared, name) == expected
