"""JSON with its broken members left out, so that damage hides nothing of what stands beside it.

For looking at the head of a file, which is small: it holds the text in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

#: Strings whole, so that no bracket in one counts; and the rest behind a quote that nothing ends.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|(?P<rest>\\?\Z))|[\[\]{},]', re.DOTALL)
_SIGN = re.compile(rb"[\[\]{},]")
_CLOSERS = {b"{": b"}", b"[": b"]"}
#: What lies deeper is one piece with the member that it is in.
_DEEPEST = 32


class _Open:
    """A container that is open. `bare` is what stands in it now, with containers in it as 0."""

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
        """Keep what stands between two commas, if it is sound."""
        if self._is_sound():
            self.members.append(bytes(self.whole))
        self.bare, self.whole = bytearray(), bytearray()

    def _is_sound(self) -> bool:
        try:
            return bool(orjson.loads(self.bracket + bytes(self.bare) + self.closer))
        except orjson.JSONDecodeError:
            return False

    def text(self, end: bytes) -> bytes:
        """All of it, closed by `end`."""
        return self.bracket + b",".join(self.members) + end

    def so_far(self) -> bytes:
        """All of it where the text breaks off."""
        return self.text(b"," if self.members else b"") + self.whole


class _Outside(_Open):
    """The text itself: nothing ends in it, and no comma divides it."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(b"")

    def end_member(self) -> None:
        self.add(b",", b",")


def _tokens(data: bytes) -> Iterator[re.Match[bytes]]:
    """Yield strings and signs. Behind a quote that nothing ends no other one ends, so that there
    only signs are left."""
    for token in _TOKEN.finditer(data):
        if token["rest"] is not None:
            yield from _SIGN.finditer(data, token.start() + 1)
            return
        yield token


def mended(data: bytes) -> bytes:
    """The text without members of objects and items of arrays that are broken in themselves.

    One whose value is broken deeper stays, with what is sound of that. What is not closed stays
    open. What stands outside of brackets is as it was.
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
