"""Text with formatting, read from Markdown; `formatting` says which."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from vasya_server.model.message import Entity
from vasya_server.telegram.html import link_entity, utf16_length

if TYPE_CHECKING:
    from collections.abc import Sequence

_STYLES = {
    "*": "italic",
    "_": "italic",
    "__": "italic",
    "**": "bold",
    "~~": "strikethrough",
    "||": "spoiler",
    "<u>": "underline",
}
URL = r"https?://[^\s*~|`<>\[\]()\\]+"
_TOKEN = re.compile(
    rf"""
    (?P<expandable>^\*\*>[ ]?)
  | \\(?P<escaped>[!-/:-@\[-`{{-~])
  | (?P<fence>`{{3,}})(?:(?P<language>[^\s`]*)\n)?(?P<block>.+?)\n?(?P=fence)(?!`)
  | (?P<ticks>`{{1,2}})(?!`)(?P<code>[^\n]+?)(?<!`)(?P=ticks)(?!`)
  | (?P<literal>`+|{URL})
  | \]\((?P<target>(?:[^\s()]|\([^\s()]*\))+)\)
  | (?P<stars>\*+)
  | (?P<underscores>_+)
  | (?P<mark>~~|\|\||</?u>|\[)
  | (?P<quote>^>[ ]?)
  | (?P<newline>\n)
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)


def parse_markdown(text: str) -> tuple[str, list[Entity]]:
    """Return *text* without its marks and the entities that they meant, in no particular order."""
    return _MarkdownReader(text).read()


@dataclass(slots=True)
class _Open:
    """A mark that waits for its partner; until then the piece that holds it is text."""

    mark: str
    piece: int
    source_end: int


class _MarkdownReader:
    """One pass over the source; entities may overlap, so a closing mark looks only for its own kind."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._pieces: list[str] = []
        self._open: dict[str, list[_Open]] = {}
        self._quote: tuple[int, str] | None = None
        self._ranges: list[tuple[int, int, Entity]] = []

    def read(self) -> tuple[str, list[Entity]]:
        """Return the text without marks and the entities, in no particular order."""
        at = 0
        for token in _TOKEN.finditer(self._source):
            self._pieces.append(self._source[at : token.start()])
            self._take(token)
            at = token.end()
        self._pieces.append(self._source[at:])
        self._end_quote()
        starts = [0]
        for piece in self._pieces:
            starts.append(starts[-1] + utf16_length(piece))
        entities = [
            msgspec.structs.replace(kind, offset=starts[first], length=starts[last] - starts[first])
            for first, last, kind in self._ranges
        ]
        return "".join(self._pieces), entities

    def _take(self, token: re.Match[str]) -> None:
        kind = token.lastgroup
        text = token[0]
        if kind == "escaped":
            self._pieces.append(token["escaped"])
        elif kind == "block":
            self._add(
                token["block"],
                Entity(type="pre", offset=0, length=0, language=token["language"] or None),
            )
        elif kind == "code":
            self._add(_unpadded(token["code"], token["ticks"]), _entity("code"))
        elif kind == "target":
            self._close_link(token)
        elif kind == "stars":
            self._take_stars(token)
        elif kind == "underscores":
            self._take_underscores(token)
        elif kind == "mark":
            self._take_mark(token)
        elif kind in ("quote", "expandable"):
            self._begin_quote("blockquote" if kind == "quote" else "expandable_blockquote")
        else:
            if kind == "newline" and self._source[token.end() : token.end() + 1] != ">":
                self._end_quote()
            self._pieces.append(text)

    def _add(self, text: str, entity: Entity) -> None:
        self._ranges.append((len(self._pieces), len(self._pieces) + 1, entity))
        self._pieces.append(text)

    def _begin_quote(self, kind: str) -> None:
        if self._quote is None:
            self._quote = len(self._pieces), kind

    def _end_quote(self) -> None:
        if self._quote is not None:
            start, kind = self._quote
            self._ranges.append((start, len(self._pieces), _entity(kind)))
            self._quote = None

    def _close_link(self, token: re.Match[str]) -> None:
        opened = self._last_open(("[",), token)
        if opened is None:
            self._pieces.append(token[0])
            return
        self._close(opened, link_entity(token["target"]))

    def _take_stars(self, token: re.Match[str]) -> None:
        left = len(token[0])
        if left > 3:  # noqa: PLR2004 — `***` is bold and italic; more stars are an ornament
            self._pieces.append(token[0])
            return
        can_open, can_close = self._flanks(token)
        while left:
            marks = ("*", "**") if left > 2 else ("*" * left,)  # noqa: PLR2004
            opened = self._last_open(marks, token) if can_close else None
            if opened is not None:
                self._close(opened, _entity(_STYLES[opened.mark]))
                left -= len(opened.mark)
            else:
                mark = "**" if left > 1 else "*"
                self._begin(mark, token, may_open=can_open)
                left -= len(mark)

    def _take_underscores(self, token: re.Match[str]) -> None:
        can_open, can_close = self._flanks(token)
        before, after = self._neighbours(token)
        if len(token[0]) > 2:  # noqa: PLR2004 — a line to fill in, not formatting
            can_open = can_close = False
        can_close = can_close and not after.isalnum()
        can_open = can_open and not before.isalnum()
        self._take_pair(token, can_open=can_open, can_close=can_close)

    def _take_mark(self, token: re.Match[str]) -> None:
        mark = token[0]
        if mark == "[":
            self._begin(mark, token, may_open=True)
        elif mark in {"<u>", "</u>"}:
            self._take_pair(token, can_open=mark == "<u>", can_close=mark == "</u>", mark="<u>")
        else:
            can_open, can_close = self._flanks(token)
            self._take_pair(token, can_open=can_open, can_close=can_close)

    def _take_pair(
        self, token: re.Match[str], *, can_open: bool, can_close: bool, mark: str | None = None
    ) -> None:
        opened = self._last_open((mark or token[0],), token) if can_close else None
        if opened is not None:
            self._close(opened, _entity(_STYLES[opened.mark]))
        else:
            self._begin(token[0], token, may_open=can_open)

    def _flanks(self, token: re.Match[str]) -> tuple[bool, bool]:
        before, after = self._neighbours(token)
        return bool(after) and not after.isspace(), bool(before) and not before.isspace()

    def _neighbours(self, token: re.Match[str]) -> tuple[str, str]:
        start, end = token.span()
        return self._source[start - 1 : start] if start else "", self._source[end : end + 1]

    def _begin(self, mark: str, token: re.Match[str], *, may_open: bool) -> None:
        if may_open:
            self._open.setdefault(mark, []).append(_Open(mark, len(self._pieces), token.end()))
        self._pieces.append(mark)

    def _last_open(self, marks: Sequence[str], token: re.Match[str]) -> _Open | None:
        """Return the latest of *marks* that waits and has anything between itself and *token*."""
        latest = [self._open[mark][-1] for mark in marks if self._open.get(mark)]
        opened = max(latest, key=lambda opened: opened.piece, default=None)
        return opened if opened is not None and opened.source_end < token.start() else None

    def _close(self, opened: _Open, entity: Entity) -> None:
        self._open[opened.mark].pop()
        self._pieces[opened.piece] = ""
        self._ranges.append((opened.piece, len(self._pieces), entity))


def _entity(kind: str) -> Entity:
    return Entity(type=kind, offset=0, length=0)


def _unpadded(code: str, ticks: str) -> str:
    """Return *code* without the space at each end that two ticks need when it begins or ends with a tick."""
    if len(ticks) > 1 and len(code) > 2 and code[0] == code[-1] == " ":  # noqa: PLR2004 — both spaces and a character
        return code[1:-1]
    return code
