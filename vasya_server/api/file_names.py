"""Names of files, as they come in and as they go out: never a path, never a character that hides what the name is."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from multipart import content_disposition_unquote, parse_options_header

from vasya_server.telegram.untrusted import sanitize

UNNAMED: Final = "file"
UNKNOWN_TYPE: Final = "application/octet-stream"
# The longest that file systems take.
_MAX_BYTES: Final = 255
_UNSPOKEN: Final = frozenset({"", UNKNOWN_TYPE, "application/x-www-form-urlencoded"})
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
# RFC 8187: `UTF-8'en'na%C3%AFve.txt`.
_EXTENDED: Final = re.compile(
    r"filename\*\s*=\s*utf-8'[^']*'([A-Za-z0-9!#$&+.^_`|~%-]+)", re.IGNORECASE
)
_NOT_ASCII: Final = re.compile(r"[^A-Za-z0-9 !#$&'()+,.;=@\[\]^_`{}~-]")
# The library's own table: that of the machine differs from one to the next.
_BY_EXTENSION: Final = mimetypes.MimeTypes()


def clean_file_name(name: str) -> str:
    """Return the last part of *name* without control, format and other unseen characters; `file` where nothing is left.

    A right-to-left override makes `exe.gnp` of what ends in `.exe`, and a line break a header of its own.
    """
    last = re.split(r"[/\\]", name)[-1]
    spoken = "".join(c for c in last if unicodedata.category(c)[0] not in "CZ" or c == " ")
    seen = sanitize(spoken).text
    bounded = _bounded(unicodedata.normalize("NFC", seen).strip(" "))
    return bounded if bounded.strip(". ") else UNNAMED


def _bounded(name: str) -> str:
    """Cut a name in front of its extension."""
    if len(name.encode()) <= _MAX_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    tail = f"{dot}{extension}".encode()
    if not stem or len(tail) > _MAX_BYTES // 2:
        return name.encode()[:_MAX_BYTES].decode(errors="ignore")
    return stem.encode()[: _MAX_BYTES - len(tail)].decode(errors="ignore") + tail.decode()


def read_disposition(header: str) -> str | None:
    """Return the file name that a Content-Disposition header says; None where it says none.

    Source: https://www.rfc-editor.org/rfc/rfc6266
    """
    if extended := _EXTENDED.search(header):
        return unquote_to_bytes(extended[1]).decode(errors="replace")
    _, options = parse_options_header(header, unquote=content_disposition_unquote)
    name: str | None = options.get("filename")
    return name


def attachment(name: str) -> str:
    """Return the Content-Disposition header of a download under *name*.

    Source: https://www.rfc-editor.org/rfc/rfc6266
    """
    ascii_name = _NOT_ASCII.sub("_", name)
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def media_type(declared: str, name: str) -> str:
    """Return the type of a file: as declared where that says something, else what its name's ending stands for."""
    plain = declared.partition(";")[0].strip().lower()
    if plain in _UNSPOKEN or _TYPE.fullmatch(plain) is None:
        guessed, encoding = _BY_EXTENSION.guess_type(name)
        return guessed if guessed and not encoding else UNKNOWN_TYPE
    return plain
