"""Text with formatting, read from Markdown and HTML and written as Markdown.

The Markdown is what people and agents write for Telegram: `**bold**`, `*italic*` (also `_italic_` and, as in
Telegram's own apps, `__italic__`), `<u>underline</u>`, `~~strikethrough~~`, `||spoiler||`, `` `code` ``,
fenced blocks with a language, `[text](link)`, `[name](tg://user?id=1)`, `[👍](tg://emoji?id=1)` for a custom
emoji, `> quote`, and `**> quote` (as the Bot API has it) for one that is folded. A backslash before
punctuation takes it literally, underscores inside words and links are letters, and a mark without its partner
is text. What `to_markdown` writes, `parse` reads back to the same text and formatting.

Offsets and lengths of entities count UTF-16 code units (https://core.telegram.org/api/entities).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from vasya_server.model.message import Entity
from vasya_server.model.writing import TextFormat
from vasya_server.telegram.html import USER_LINK, parse_html, utf16_length
from vasya_server.telegram.markdown import URL, parse_markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Formatted = tuple[str, list[Entity]]


def parse(text: str, text_format: TextFormat) -> Formatted:
    """Return the plain text of *text* and its entities, without white space at the ends.

    Raises:
        ValidationFailed: HTML with a tag that Telegram has no formatting for, or one left open.
    """
    if text_format is TextFormat.MARKDOWN:
        return strip(*parse_markdown(text))
    if text_format is TextFormat.HTML:
        return strip(*parse_html(text))
    return text.strip(), []


def strip(text: str, entities: Iterable[Entity]) -> Formatted:
    """Return *text* without white space at its ends, and what of its entities is left."""
    stripped = text.strip()
    lead = utf16_length(text[: len(text) - len(text.lstrip())])
    total = utf16_length(stripped)
    kept = []
    for entity in sorted(entities, key=lambda entity: (entity.offset, -entity.length)):
        start = max(entity.offset - lead, 0)
        end = min(entity.offset + entity.length - lead, total)
        if end > start:
            kept.append(msgspec.structs.replace(entity, offset=start, length=end - start))
    return stripped, kept


# What could be read as a mark; links come first, because underscores in them never are.
_SPECIAL = re.compile(rf"{URL}|[*_`\\\[\]~|]|</?u>|^>", re.MULTILINE)
_ALWAYS_SPECIAL = re.compile(r"[*_`\\~|<>]|\]\(")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_WRITTEN = {
    "bold": ("**", "**"),
    "italic": ("*", "*"),
    "strikethrough": ("~~", "~~"),
    "spoiler": ("||", "||"),
    "underline": ("<u>", "</u>"),
}
_ATOMIC = ("code", "pre")
_QUOTES = {"blockquote": "> ", "expandable_blockquote": "**> "}


@dataclass(slots=True)
class _Span:
    """A stretch of the text to write with *before* and *after*, in characters of the Python string.

    Args:
        quote: What its first line begins with where it is a quote.
    """

    start: int
    end: int
    kind: str
    before: str = ""
    after: str = ""
    quote: str = "> "


def to_markdown(text: str, entities: Sequence[Entity]) -> str:
    """Return *text* with its entities written as Markdown, and everything else escaped that would be read as such.

    Formatting that the Markdown cannot say (automatic links, hashtags), or that would cost a reader more than it tells (custom
    emoji), is left as its text.
    """
    spans = _spans(text, entities) if entities else []
    if not spans and _ALWAYS_SPECIAL.search(text) is None:
        return text
    atoms = [span for span in spans if span.kind in _ATOMIC]
    spans = [span for span in spans if span in atoms or not _cuts(span, atoms)]
    inserts = [*_marks(spans), *_quote_marks(text, spans), *_escapes(text, spans, atoms)]
    inserts.sort(key=lambda insert: insert[:3])
    written: list[str] = []
    at = 0
    for index, _, _, mark in inserts:
        written += (text[at:index], mark)
        at = index
    written.append(text[at:])
    return "".join(written)


def _spans(text: str, entities: Sequence[Entity]) -> list[_Span]:
    index = _indexer(text)
    spans: list[_Span] = []
    for entity in sorted(entities, key=lambda entity: (entity.offset, -entity.length)):
        start, end = index(entity.offset), index(entity.offset + entity.length)
        if entity.type not in _ATOMIC:
            while start < end and text[start].isspace():
                start += 1
            while end > start and text[end - 1].isspace():
                end -= 1
        span = _span(entity, text, start, end) if end > start else None
        if span is not None and not _is_in_the_way(span, spans) and not _merged(span, spans):
            spans.append(span)
    return spans


def _indexer(text: str) -> Callable[[int], int]:
    """Return what turns an offset in UTF-16 code units into an index of *text*."""
    if text.isascii() or max(text) <= "\uffff":
        return lambda offset: min(max(offset, 0), len(text))
    units = text.encode("utf-16-le", "surrogatepass")
    return lambda offset: len(units[: 2 * max(offset, 0)].decode("utf-16-le", "ignore"))


def _span(entity: Entity, text: str, start: int, end: int) -> _Span | None:
    kind = entity.type
    if kind in _WRITTEN:
        return _Span(start, end, kind, *_WRITTEN[kind])
    if kind in _QUOTES:
        is_whole = (start == 0 or text[start - 1] == "\n") and (
            end == len(text) or text[end] == "\n"
        )
        return _Span(start, end, "blockquote", quote=_QUOTES[kind]) if is_whole else None
    if kind == "code":
        return _code_span(text, start, end)
    if kind == "pre":
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text[start:end])), default=0))
        return _Span(start, end, kind, f"{fence}{entity.language or ''}\n", f"\n{fence}")
    if (
        kind == "text_link"
        and entity.url
        and re.fullmatch(r"(?:[^\s()]|\([^\s()]*\))+", entity.url)
    ):
        return _Span(start, end, "text_link", "[", f"]({entity.url})")
    if kind == "text_mention" and entity.user_id:
        return _Span(start, end, "text_link", "[", f"]({USER_LINK}{entity.user_id})")
    return None


def _code_span(text: str, start: int, end: int) -> _Span | None:
    code = text[start:end]
    runs = {len(run) for run in re.findall("`+", code)}
    if "\n" in code:
        return None
    if 1 not in runs and code[0] != "`" and code[-1] != "`":
        return _Span(start, end, "code", "`", "`")
    return _Span(start, end, "code", "`` ", " ``") if 2 not in runs else None  # noqa: PLR2004


def _is_in_the_way(span: _Span, spans: Sequence[_Span]) -> bool:
    """Tell whether *span* overlaps another of its kind where Markdown cannot say so: code in code, a link in a link."""
    if span.kind in _ATOMIC:
        return any(other.kind in _ATOMIC and span.start <= other.end for other in spans)
    if span.kind == "text_link":
        return any(other.kind == "text_link" and span.start < other.end for other in spans)
    return False


def _merged(span: _Span, spans: list[_Span]) -> bool:
    """Tell whether *span* only continued one of the same style, which then covers both."""
    for other in spans:
        if other.kind == span.kind and other.kind in _WRITTEN and other.end >= span.start:
            other.end = max(other.end, span.end)
            return True
    return False


def _cuts(span: _Span, atoms: Sequence[_Span]) -> bool:
    """Tell whether *span* begins or ends inside code, or is a quote around a block of it."""
    return any(
        atom.start < span.start < atom.end
        or atom.start < span.end < atom.end
        or (atom.start == span.start and span.end == atom.end and span.kind == "text_link")
        or (
            span.kind == "blockquote" and atom.kind == "pre" and span.start <= atom.start < span.end
        )
        for atom in atoms
    )


_Insert = tuple[int, int, tuple[int, int], str]


def _marks(spans: Sequence[_Span]) -> Iterator[_Insert]:
    """Yield opening marks outermost first and closing marks innermost first, closing before opening."""
    for rank, span in enumerate(sorted(spans, key=lambda span: (span.start, -span.end))):
        if span.before:
            is_atom = span.kind in _ATOMIC
            yield span.start, 3 if is_atom else 2, (0, rank), span.before
            yield span.end, 0, (0 if is_atom else 1, -rank), span.after


def _quote_marks(text: str, spans: Sequence[_Span]) -> Iterator[_Insert]:
    for span in spans:
        if span.kind == "blockquote":
            yield span.start, 1, (0, 0), span.quote
            for newline in re.finditer("\n", text[span.start : span.end]):
                yield span.start + newline.end(), 1, (0, 0), "> "


def _escapes(text: str, spans: Sequence[_Span], atoms: Sequence[_Span]) -> Iterator[_Insert]:
    edges = {edge for span in spans for edge in (span.start, span.end)}
    links = [span for span in spans if span.kind == "text_link"]
    for found in _SPECIAL.finditer(text):
        at, end = found.span()
        is_url = end - at > len("</u>")
        if is_url and not any(at < edge < end for edge in edges):
            continue
        for mark in re.finditer("_", found[0]) if is_url else (at,):
            index = mark if isinstance(mark, int) else at + mark.start()
            if any(atom.start <= index < atom.end for atom in atoms):
                continue
            at_edge = index in edges or index + 1 in edges
            if at_edge or _is_read_as_mark(text, index, links):
                yield index, 4, (0, 0), "\\"


def _is_read_as_mark(text: str, at: int, links: Sequence[_Span]) -> bool:
    before = text[at - 1] if at else " "
    after = text[at + 1 : at + 2] or " "
    character = text[at]
    if character == "*":
        return not (before.isspace() and after.isspace())
    if character == "_":
        return not (before.isspace() and after.isspace()) and not (
            before.isalnum() and after.isalnum()
        )
    if character == "\\":
        return _PUNCTUATION.match(after) is not None
    if character in "~|":
        return character in (before, after)
    if character == "]":
        return after == "("
    if character == "[":
        return any(link.start <= at < link.end for link in links)
    return True
