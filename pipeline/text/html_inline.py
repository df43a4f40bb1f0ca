"""The lines of a small piece of HTML, as `<br>` separates them, with their links.

For exports that lay out one entry as lines of text and links. Text stays as it is written (no-break
spaces too); only the mark-up's white space around a line is removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from selectolax.lexbor import LexborHTMLParser, LexborNode

from pipeline.text import cleaning
from schemas.errors import BadValue
from schemas.reasons import Reason

_SPACE = " \t\r\n"
#: Elements that are lines or paragraphs of their own.
_BLOCKS = frozenset(
    {"p", "div", "ul", "ol", "dl", "table", "blockquote", "pre", "hr", "details", "section"}
    | {"h1", "h2", "h3", "h4", "h5", "h6"}
)
_UNSEEN = frozenset({"-comment", "script", "style", "template"})


class Link(NamedTuple):
    """The text of a link, and its address."""

    text: str
    url: str


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line of text with the links in it.

    `heading`: it begins in bold. `block`: it is an element of its own (a paragraph, a list), whose
    lines are separated by line feeds.
    """

    text: str
    links: tuple[Link, ...] = ()
    heading: bool = False
    block: bool = False


def parse(html: str) -> LexborNode:
    """Return the body of a piece of HTML. Raises `BadValue(TOO_DEEP)` for excessive nesting."""
    if cleaning.too_tangled(html):
        raise BadValue(Reason.TOO_DEEP, "the mark-up is nested too deep, or its tags are too long")
    body = LexborHTMLParser(html).body
    if body is None:
        raise BadValue(Reason.BAD_SHAPE, "the mark-up has no body")
    return body


def lines(element: LexborNode) -> list[Line]:
    """Return the lines within an element, in order; empty ones too, so that positions count."""
    return list(_lines(element))


def _lines(element: LexborNode) -> Iterator[Line]:
    texts: list[str] = []
    links: list[Link] = []
    heading = False
    for child in element.iter(include_text=True):
        if child.is_text_node:
            texts.append(child.text())
            continue
        tag = child.tag or ""
        if tag == "br" or tag in _BLOCKS:
            shown = "".join(texts).strip(_SPACE)
            if tag == "br" or shown:
                yield Line(shown, tuple(links), heading)
            texts, links, heading = [], [], False
            if tag != "br":
                yield Line(cleaning.html_to_text(child.html or ""), _links_in(child), block=True)
        elif tag not in _UNSEEN:
            heading = heading or (tag == "b" and not "".join(texts).strip(_SPACE))
            texts.append(child.text())
            links += _link(child) if tag == "a" else _links_in(child)
    if shown := "".join(texts).strip(_SPACE):
        yield Line(shown, tuple(links), heading)


def _links_in(element: LexborNode) -> tuple[Link, ...]:
    return tuple(link for node in element.css("a") for link in _link(node))


def _link(node: LexborNode) -> tuple[Link, ...]:
    address = node.attributes.get("href")
    return (Link(node.text().strip(_SPACE), address),) if address else ()
