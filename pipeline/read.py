"""From the bytes of a slice to its records: read, understand, normalise and redact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from pipeline.normalise import Found, ReadContext, Seen, normalise, understand
from pipeline.privacy.redact import Redactor
from pipeline.privacy.redact_records import redact_outcomes
from schemas.files import Slice


def read_records(
    reading: ReadContext,
    source: BinaryIO,
    part: Slice,
    *,
    redactor: Redactor | None = None,
    seen: Seen | None = None,
) -> Iterator[Found]:
    """Return the outcomes of one slice, in order, each with the place of its item.

    The records are as they are stored: their text is cleaned, their language is known, and the
    privacy policy of `redactor` is applied. Without one they are as the format gives them, with the
    same keys and times, which is enough to count them. `seen` receives reports on the items.
    """
    found = understand(reading, source, part, seen)
    return found if redactor is None else redact_outcomes(normalise(found), redactor)
