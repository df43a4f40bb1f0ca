"""X's files: an assignment with a JSON array behind it."""

from __future__ import annotations

import io

import pytest

from pipeline.readers.ytd import Ytd
from schemas.files import Member
from schemas.records import Rejection
from tests.support.formats import ONE_PASS


@pytest.mark.parametrize(
    "data",
    [
        b"window.YTD.like.part0 = ",
        b'window.YTD.like.part0 = [\n {\n  "like',
        b"window.YTD.a.part1 =[",
    ],
)
def test_what_breaks_off_is_shown_as_it_stands(data: bytes) -> None:
    """Found by fuzzing: the assignment was shown as the spaces that JSON sees in its place."""
    reader, source = Ytd(), io.BytesIO(data)
    member = Member(path="x.js", ordinal=0, file=None, size=0, sha256="", media_type="")  # type: ignore[arg-type]
    context = reader.prepare(source, member)
    parts = list(reader.slices(source, context, ONE_PASS))
    items = [item for part in parts for item in reader.items(source, part, context)]
    assert items
    for item in items:
        assert isinstance(item, Rejection)
        assert data[item.offset : item.offset + item.length].startswith(item.raw)
