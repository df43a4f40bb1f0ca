"""Name what a person may have meant: the nearest known word, or the lake's word for theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import pipeline.formats
from schemas.records import DataType
from schemas.vocabulary import KEYS, RecordType

#: Everyday words, and the record types that hold what they mean.
EVERYDAY: Mapping[RecordType | DataType, tuple[str, ...]] = {
    RecordType.MESSAGE: ("chat", "sms", "text", "dm", "letter", "whatsapp"),
    DataType.EMAIL: ("mail", "mails", "e-mail", "inbox"),
    RecordType.REACTION: ("like", "emoji", "heart"),
    RecordType.CALL: ("phone", "phonecall", "voicemail"),
    RecordType.CONVERSATION: ("thread", "group", "channel"),
    RecordType.CONTACT: ("person", "people", "address", "number"),
    RecordType.CONNECTION: ("friend", "follower", "following", "block"),
    RecordType.EVENT: ("appointment", "meeting", "calendar", "date", "birthday"),
    RecordType.TASK: ("todo", "to-do", "reminder"),
    RecordType.NOTE: ("memo", "keep", "diary", "journal"),
    RecordType.POST: ("tweet", "toot", "status", "story"),
    RecordType.PLAY: ("song", "music", "track", "film", "movie", "watch", "listen", "podcast"),
    RecordType.VISIT: ("website", "page", "history", "web", "url"),
    RecordType.SEARCH: ("query", "google"),
    RecordType.PLACE_VISIT: ("stay", "stop"),
    RecordType.TRIP: ("travel", "journey", "drive", "ride", "route"),
    RecordType.PURCHASE: ("order", "shopping", "receipt", "bought"),
    RecordType.PAYMENT: ("transaction", "bank", "money", "transfer"),
    RecordType.INSTALL: ("app",),
    RecordType.WORKOUT: ("sport", "run", "exercise", "training"),
    RecordType.BOOKMARK: ("favourite", "favorite"),
    RecordType.MEDIUM: (
        "photo", "photograph", "picture", "image", "video", "sound", "audio", "recording",
    ),
    RecordType.DOCUMENT: ("file", "pdf", "word", "office"),
    DataType.LOCATION: ("position", "gps", "point"),
}  # fmt: skip
_MEANT = {word: str(kind) for kind, words in EVERYDAY.items() for word in words}


def no_such(what: str, word: str, known: Iterable[str], see: str = "") -> str:
    """Return a sentence: there is no such word, and which one is meant or where they stand.

    `what` is the kind of word, such as "type"; `see` a command that lists them, where they are
    too many for a line.
    """
    words = sorted(set(known))
    begin = f"There is no {what} {word!r}"
    if near := nearest(word, words):
        return f"{begin}; did you mean {near}?"
    if see:
        return f"{begin}; see: {see}"
    if not words:
        return f"{begin}: there is none yet."
    return f"{begin}; there {'is' if len(words) == 1 else 'are'}: {', '.join(words)}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like one, in spite of capitals and plurals."""
    by_lower = {each.casefold(): each for each in known}
    lower = word.casefold().strip()
    for form in (lower, lower.removesuffix("s")):
        if form in by_lower:
            return by_lower[form]
        if _MEANT.get(form) in by_lower.values():
            return _MEANT[form]
    near = get_close_matches(lower, by_lower, n=1)
    return by_lower[near[0]] if near else None


def types() -> list[str]:
    """Return every record type and data type."""
    return sorted({*map(str, RecordType), *map(str, DataType)})


@cache
def formats() -> frozenset[str]:
    """Return the names of all formats, by their modules: none is imported."""
    folder = Path(pipeline.formats.__file__ or "").parent
    return frozenset(path.stem.replace("_", ".", 1) for path in folder.glob("[a-z]*.py"))


def sources() -> frozenset[str]:
    """Return what `--source` takes: every format, and the services that they begin with."""
    return formats() | {name.partition(".")[0] for name in formats()}


def counted() -> frozenset[str]:
    """Return what `count` groups by: columns, entities and the names of metadata."""
    from sql.answers import COLUMNS, ENTITIES  # noqa: PLC0415 - a client of the database

    return frozenset((*COLUMNS, *ENTITIES, *KEYS))
