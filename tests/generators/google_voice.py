"""Text messages of Google Voice in Takeout, of any size: pages of twenty messages."""

from __future__ import annotations

from html import escape
from pathlib import Path
from random import Random

from tests.generators.google_support import WORDS, added, is_bad, moment, opened, split

_A_PAGE = 20
_HEAD = (
    '<?xml version="1.0" ?>\n<html xmlns="http://www.w3.org/1999/xhtml"><head>'
    "<title>Jo Störchin</title></head>\n"
    '<body><div class="hChatLog hfeed">'
)
_TAIL = (
    '</div><div class="tags">Labels: <a rel="tag" href="http://www.google.com/voice#sms">Text</a>'
    "</div></body></html>\n"
)


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Writes `records` messages; returns how many outcomes of each kind they are."""
    random = Random(seed)
    for first in range(0, records, _A_PAGE):
        name = f"Jo Störchin - Text - {moment(first):%Y-%m-%dT%H_%M_%SZ}.html"
        with opened(folder / "Takeout" / "Voice" / "Calls" / name) as out:
            out.write(_HEAD)
            for number in range(first, min(records, first + _A_PAGE)):
                out.write(_message(number, random))
            out.write(_TAIL)
    return added(split(records, "message"))


def _message(number: int, random: Random) -> str:
    when = moment(number).isoformat()
    said = escape(" ".join(random.choices(WORDS, k=5)))
    who = '<abbr class="fn" title="">Me</abbr>'
    if number % 2:
        who = '<span class="fn">Jo Störchin</span>'
    if is_bad(number):
        return f'<div class="message"><abbr class="dt" title="{when}">shown</abbr></div> '
    return (
        f'<div class="message"><abbr class="dt" title="{when}">shown</abbr>:\n'
        f'<cite class="sender vcard"><a class="tel" href="tel:+1555010000{number % 2}">{who}</a>'
        f"</cite>:\n<q>{said} {number}</q>\n</div> "
    )
