"""Order among elements of an XML file."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

#: The maximum number of endings whose texts are kept.
_ENDINGS = 16
#: How many bytes of a text are compared.
_LONGEST = 64


class Order:
    """The texts of one child of many elements: the extremes, and whether they rise.

    A run of texts that rise and have the same end costs one comparison each.
    """

    def __init__(self, child: str) -> None:
        self._start = b"<" + child.encode() + b">"
        self._text = _text_of(child)
        self._extremes: dict[bytes, tuple[bytes, bytes]] = {}
        self._first = self._before = self._ending = b""
        self._cut = -1
        self._in_order = True

    def note(self, element: bytes) -> None:
        """Process the next element."""
        at = element.find(self._start)
        if at >= 0:
            at += len(self._start)
            text = element[at : element.find(b"<", at)].strip()
        else:
            found = self._text.search(element)
            text = found[1] if found else b""
        if text >= self._before and text[self._cut :] == self._ending:
            self._before = text
        elif text:
            self._turn(text[:_LONGEST])

    def _turn(self, text: bytes) -> None:
        """Process a text that is less than the one before, or has another end."""
        self._close()
        cut = -6 if text[-6:-5] in (b"+", b"-") else -1
        if text[cut:] == self._ending and text < self._before:
            self._in_order = False
        self._cut, self._ending = cut, text[cut:]
        self._first = self._before = text

    def _close(self) -> None:
        if self._first:
            ending = self._ending
            low, high = self._extremes.get(ending) or (self._first, self._before)
            if ending in self._extremes or len(self._extremes) < _ENDINGS:
                pair = (min(low, self._first), max(high, self._before))
                self._extremes[ending] = pair

    def found(self) -> dict[str, Any]:
        """Return `texts`, the extremes by their endings, and `in_order`."""
        self._close()
        texts = dict.fromkeys(text for pair in self._extremes.values() for text in pair)
        decoded = tuple(text.decode("utf-8", "replace") for text in texts)
        return {"texts": decoded, "in_order": self._in_order}


@lru_cache(maxsize=32)
def _text_of(child: str) -> re.Pattern[bytes]:
    name = re.escape(child).encode()
    return re.compile(
        rb"<(?:[^\s<>/:\"'=!?]{1,64}:)?" + name + rb"(?:\s[^<>]*)?>\s*+([^<]{1,64}?)\s*<"
    )
