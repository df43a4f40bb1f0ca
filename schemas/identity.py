"""The record key: the permanent identity of a record."""

from __future__ import annotations

from hashlib import blake2b

_SEPARATOR = "\x1f"


def record_key(record_type: str, identity: tuple[str, ...]) -> bytes:
    """Return 16 bytes over the record type and its verbatim identifying texts, in order.

    Lone surrogates (which JSON allows and UTF-8 does not) are hashed as they are, so that a record
    keeps its key however its text is repaired for storage.
    """
    text = _SEPARATOR.join((record_type, *identity))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
