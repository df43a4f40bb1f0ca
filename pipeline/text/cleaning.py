"""Texts as people wrote them: decoded, cleaned for storage, freed of their mark-up."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from html import unescape
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from pipeline.text.charset import declared_in_html, decode, decode_anyhow, is_guess
from pipeline.text.html_nesting import too_tangled
from pipeline.text.transcode import Encoding, is_damaged_utf8, survey, transcode

__all__ = [
    "Encoding",
    "clean",
    "clean_json",
    "declared_in_html",
    "decode",
    "decode_anyhow",
    "html_to_text",
    "is_damaged_utf8",
    "is_guess",
    "mend_meta",
    "survey",
    "too_tangled",
    "transcode",
    "unquoted",
]

REPLACEMENT = "\ufffd"

_HIGH_THEN_LOW = re.compile(r"[\ud800-\udbff][\udc00-\udfff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_QUOTED = re.compile(r"^[^\S\n]*+>.*$", re.MULTILINE)
#: The line that mail programs write before a signature (RFC 3676, 4.3).
_SIGNATURE = re.compile(r"^-- ?\r?$", re.MULTILINE)


def clean(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the text as PostgreSQL can hold it, in NFC, and flags for what was replaced.

    NUL and lone surrogates (JSON has both, PostgreSQL neither) become U+FFFD under the flags
    `nul_replaced` and `surrogate_replaced`. A pair of surrogates that an exporter wrote as two
    characters becomes the character that they mean, without a flag.
    """
    if text.isascii():
        return (text, ()) if "\0" not in text else (_without_nul(text), ("nul_replaced",))
    flags: list[str] = []
    if "\0" in text:
        text = _without_nul(text)
        flags.append("nul_replaced")
    if _SURROGATE.search(text):
        text = _HIGH_THEN_LOW.sub(_joined, text)
        text, lone = _SURROGATE.subn(REPLACEMENT, text)
        flags.extend(["surrogate_replaced"] if lone else [])
    return unicodedata.normalize("NFC", text), tuple(flags)


def unquoted(text: str) -> str:
    """Return the text without lines that are quoted by `>`, and without its signature."""
    return _SIGNATURE.split(_QUOTED.sub("", text), maxsplit=1)[0]


def _without_nul(text: str) -> str:
    return text.replace("\0", REPLACEMENT)


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")


def mend_meta(value: Any) -> Any:
    """Return a JSON value as Meta meant it: names and texts, whose UTF-8 was written as latin-1.

    Each text is mended by itself. A text that holds a character beyond latin-1, or is not UTF-8
    when put back, stays as it is (`docs/reference/exports/meta.md#garbled-text`).
    """
    if isinstance(value, str):
        return value if value.isascii() else _from_latin1(value)
    if isinstance(value, dict):
        return {mend_meta(name): mend_meta(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [mend_meta(inner) for inner in value]
    return value


def _from_latin1(text: str) -> str:
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


#: Breaks go into the tree as characters that no HTML text holds.
_PARAGRAPH, _LINE, _BR = "\x1d", "\x1e", "\x1f"
_UNSEEN = "script,style,noscript,template,head,title,iframe,object"
_PARAGRAPHS = "p,h1,h2,h3,h4,h5,h6,blockquote,ul,ol,dl,table,pre,hr,article,section"
_LINES = "div,li,tr,dt,dd,address,header,footer,nav,main,aside,figure,form,fieldset,option,center"
_CELLS = "td,th"
#: Spaces that are not one space already, of which a page has most.
_SPACES = re.compile(r"[^\S \x1d-\x1f][^\S\x1d-\x1f]*| [^\S\x1d-\x1f]+")
_BREAKS = re.compile(r" ?[\x1d-\x1f][\x1d-\x1f ]*")


def html_to_text(html: str) -> str:
    """Return what a reader of the page sees: paragraphs and lines.

    A blank line separates paragraphs, a line break lines. Scripts, styles and comments are left
    out; spaces are collapsed; links keep their text only.
    """
    if too_tangled(html):
        return _without_tags(html)
    tree = LexborHTMLParser(html)
    tree.strip_tags(_UNSEEN.split(","))
    if tree.body is None:
        return ""
    _keep_lines_of_pre(tree)
    for selector, mark in ((_PARAGRAPHS, _PARAGRAPH), (_LINES, _LINE), (_CELLS, " ")):
        for node in tree.css(selector):
            node.insert_before(mark)
            node.insert_after(mark)
    for node in tree.css("br"):
        node.insert_before(_BR)
    return _laid_out(tree.body.text())


def _keep_lines_of_pre(tree: LexborHTMLParser) -> None:
    within: set[int] = set()
    for block in tree.css("pre"):
        if block.mem_id in within:
            continue
        for node in list(block.traverse(include_text=True)):
            if node.tag == "pre":
                within.add(node.mem_id)
            elif node.is_text_node and "\n" in (text := node.text()):
                node.replace_with(text.replace("\n", _BR))


def _laid_out(text: str) -> str:
    return _BREAKS.sub(_line_ends, _SPACES.sub(" ", text)).strip()


def _line_ends(found: re.Match[str]) -> str:
    run = found[0]
    return "\n\n" if _PARAGRAPH in run or run.count(_BR) > 1 else "\n"


def _without_tags(html: str) -> str:
    return _laid_out(unescape(re.sub(r"<[^<>]*>?", " ", html)))


#: Most lines at the end of a name; more would make the last of thousands of names very long.
_MOST_LINES = 9


def clean_json(value: Any) -> Any:
    """Return a JSON-able value with all its texts cleaned: for the rare metadata that needs it."""
    if isinstance(value, str):
        return clean(value)[0]
    if isinstance(value, dict):
        return _clean_object(value)
    if isinstance(value, list | tuple):
        return [clean_json(v) for v in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)  # Postgres would store it; the fast encoder can't write it
    return value


def _clean_object(value: dict[Any, Any]) -> dict[Any, Any]:
    """Return the object with every name and value cleaned, without losing a field.

    Of names that become equal, the later ones get lines at their end, and from the tenth on a
    number.
    """
    found: dict[Any, Any] = {}
    again = Counter[Any]()
    for name, inner in value.items():
        cleaned = once = clean_json(name)
        while cleaned in found:
            again[once] += 1
            lines = again[once]
            cleaned = f"{once}{'_' * lines}" if lines < _MOST_LINES else f"{once}_{lines}"
        found[cleaned] = clean_json(inner)
    return found
