"""JSON without its broken members, so that damage does not hide the members around it.

For the head of a file, which is small: the text is in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

#: Whole strings, so that brackets in them do not count; and the rest after an unclosed quote.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|(?P<rest>\\?\Z))|[\[\]{},]', re.DOTALL)
_SIGN = re.compile(rb"[\[\]{},]")
_CLOSERS = {b"{": b"}", b"[": b"]"}
#: Deeper values are one piece with the member that holds them.
_DEEPEST = 32


class _Open:
    """An open container. `bare` is its current member, with 0 in place of containers."""

    __slots__ = ("bare", "bracket", "closer", "members", "whole")

    def __init__(self, bracket: bytes) -> None:
        self.bracket = bracket
        self.closer = _CLOSERS.get(bracket, b"")
        self.members: list[bytes] = []
        self.bare, self.whole = bytearray(), bytearray()

    def add(self, bare: bytes, whole: bytes) -> None:
        self.bare += bare
        self.whole += whole

    def end_member(self) -> None:
        """Keep the text between two commas, if it is valid."""
        if self._is_sound():
            self.members.append(bytes(self.whole))
        self.bare, self.whole = bytearray(), bytearray()

    def _is_sound(self) -> bool:
        try:
            return bool(orjson.loads(self.bracket + bytes(self.bare) + self.closer))
        except orjson.JSONDecodeError:
            return False

    def text(self, end: bytes) -> bytes:
        """Return the whole text, closed by `end`."""
        return self.bracket + b",".join(self.members) + end

    def so_far(self) -> bytes:
        """Return the whole text of a container in which the text breaks off."""
        return self.text(b"," if self.members else b"") + self.whole


class _Outside(_Open):
    """The text itself: nothing ends in it, and no comma divides it."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(b"")

    def end_member(self) -> None:
        self.add(b",", b",")


def _tokens(data: bytes) -> Iterator[re.Match[bytes]]:
    """Yield strings and signs.

    No quote after an unclosed one ends, so only signs follow it.
    """
    for token in _TOKEN.finditer(data):
        if token["rest"] is not None:
            yield from _SIGN.finditer(data, token.start() + 1)
            return
        yield token


def mended(data: bytes) -> bytes:
    """Return the text without broken members of objects and items of arrays.

    One whose value is broken deeper stays, with the valid part. Open containers stay open. Text
    outside of brackets is unchanged.
    """
    stack: list[_Open] = [_Outside()]
    deeper = at = 0
    for token in _tokens(data):
        between, sign = data[at : token.start()], token[0]
        at = token.end()
        here = stack[-1]
        here.add(between, between)
        if sign in _CLOSERS and len(stack) <= _DEEPEST:
            stack.append(_Open(sign))
        elif sign == here.closer and not deeper:
            here.end_member()
            stack.pop()
            stack[-1].add(b"0", here.text(sign))
        elif sign == b"," and not deeper:
            here.end_member()
        else:
            here.add(sign, sign)
            deeper = max(0, deeper + (sign in _CLOSERS) - (sign in _CLOSERS.values()))
    return b"".join(frame.so_far() for frame in stack) + data[at:]
