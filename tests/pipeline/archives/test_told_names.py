"""What stands beside the usual place: names in zips, a text's bad bytes, notes as HTML."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipInfo
from zlib import crc32

import pytest

from pipeline.archives import zip_names
from pipeline.documents import text_of
from pipeline.formats import google_keep
from schemas.files import Member
from schemas.records import RawRecord


@pytest.mark.parametrize(("checked", "name"), [(b"Gr??e.txt", "Größe.txt"), (b"x", "Gr??e.txt")])
def test_info_zips_name_in_unicode(checked: bytes, name: str) -> None:
    """It counts only where it is of the name that stands in the header (APPNOTE 4.6.9)."""
    field = b"\x01" + crc32(checked).to_bytes(4, "little") + "Größe.txt".encode()
    info = ZipInfo("Gr??e.txt")
    info.extra = b"UT\x01\x00\x00" + b"up" + len(field).to_bytes(2, "little") + field
    assert zip_names.name_of(info) == name


def test_a_bad_byte_costs_no_other_letter_of_a_text() -> None:
    found = text_of.extract_text("Größe für ".encode() + b"\xfc", "text/plain")
    assert (found.text, found.flags) == ("Größe für \ufffd", ("bytes_unread",))


def test_a_field_of_a_note_that_lacks_costs_that_field() -> None:
    value = {
        "title": "list",
        "createdTimestampUsec": 1,
        "listContent": [{"textHtml": "<p>the jib</p>", "isChecked": True}],
        "labels": [{}, {"name": "boat"}],
        "attachments": [{"mimetype": "audio/3gpp"}],
    }
    member = Member(path="a", ordinal=0, file=Path("a"), size=0, sha256="", media_type="")
    found = google_keep.to_record(RawRecord(value, 0, 1), member)
    assert found.content == "[x] the jib"
    assert found.metadata["labels"] == ["boat"]
    assert found.metadata["attachments"] == [{"media_type": "audio/3gpp"}]
