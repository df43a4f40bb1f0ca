"""The count of a chat's messages, independent of the reader that cuts them."""

from __future__ import annotations

from pipeline.readers.chat_headers import PLAIN, REACH, has_letters
from schemas.files import Context


def begins_message(line: str, context: Context) -> bool:
    """Return whether a line begins a message, by splitting it at its signs, without `header`."""
    text = line.rstrip("\r\n")[:REACH].translate(PLAIN)
    opened = text.startswith("[")
    if opened != (context["style"] == "["):
        return False
    cut = _Cut(text[1:].removeprefix(" ") if opened else text)
    if not _date_cut(cut, context["sign"]):
        return False
    before = cut.words()
    if not 1 <= len(before) <= _LONGEST_WORDS or has_letters(before) != context.get(
        "worded", False
    ):
        return False
    return _clock_cut(cut) and _end_cut(cut, context["style"])


_LONGEST_WORDS = 24
_NO_WORDS = frozenset(':[]()<>{}\\-\u2013\u2014+*=_~|"#@&%$!?;\r\n')


class _Cut:
    """A text of which pieces are taken from the left."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def digits(self, least: int, most: int) -> bool:
        """Take a number of `least` to `most` digits."""
        end = self.at
        while end < len(self.text) and end - self.at < most and self.text[end].isdecimal():
            end += 1
        enough = end - self.at >= least
        self.at = end
        return enough

    def sign(self, signs: str) -> bool:
        """Take one of the signs."""
        if self.text[self.at : self.at + 1] not in tuple(signs):
            return False
        self.at += 1
        return True

    def unit(self, *units: str) -> bool:
        """Take one of the units, and a space on either side of it."""
        start = self.at
        self.sign(" ")
        for unit in units:
            if self.text.startswith(unit, self.at):
                self.at += len(unit)
                self.sign(" ")
                return True
        self.at = start
        return False

    def words(self) -> str:
        """Take the words that may be beside a clock."""
        start = self.at
        while self.at < len(self.text) and self._is_word(self.text[self.at]):
            self.at += 1
        return self.text[start : self.at]

    @staticmethod
    def _is_word(sign: str) -> bool:
        return not sign.isdecimal() and sign not in _NO_WORDS


def _date_cut(cut: _Cut, sign: str) -> bool:
    signs = {"年": "年月日", "년": "年月日"}.get(sign, sign * 2)
    variants = {"年": "年년", "月": "月월", "日": "日일"}
    if not cut.digits(1, 4):
        return False
    for nth, one in enumerate(signs):
        if not cut.sign(sign if nth == 0 else variants.get(one, one)):
            return False
        if nth < 2:
            cut.sign(" ")
            if not cut.digits(1, 2 if nth == 0 or len(signs) > 2 else 4):
                return False
    return True


def _clock_cut(cut: _Cut) -> bool:
    if not cut.digits(1, 2):
        return False
    by_units = not cut.sign(":.")
    if by_units and not cut.unit(*"h時时點点시"):
        return False
    least = 1 if by_units else 2
    if not cut.digits(least, 2):
        return False
    minutes = cut.at
    more = cut.sign(":.") or (by_units and cut.unit("min", *"分분"))
    if not (more and cut.digits(least, 2)):
        cut.at = minutes
    return True


def _end_cut(cut: _Cut, style: str) -> bool:
    after = cut.words()
    if style == "-":
        # The words take the space before the dash.
        ends = after.endswith(" ") and len(after) <= _LONGEST_WORDS + 1
        ends = ends and cut.sign("-\u2013\u2014")
    else:
        ends = len(after) <= _LONGEST_WORDS and cut.sign("]" if style == "[" else ":")
    return ends and cut.text[cut.at : cut.at + 1] in ("", " ")
