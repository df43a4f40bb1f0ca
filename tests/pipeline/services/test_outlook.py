"""Mails of Outlook: compound files, sound and damaged, and what is made of their properties."""

from __future__ import annotations

import struct
from pathlib import Path

import compressed_rtf
import pytest

from pipeline.formats import mail_msg
from pipeline.services.mail import outlook
from pipeline.syntax import compound_files
from schemas.errors import BadValue
from schemas.files import Member
from schemas.reasons import Reason
from schemas.records import RawRecord, Record
from tests.support import make_msg
from tests.support.formats import head_of

_MEMBER = Member(
    path="a.msg", ordinal=0, file=Path("a.msg"), size=0, sha256="", media_type="application/x-ole"
)


def records(data: bytes) -> list[Record]:
    return list(mail_msg.to_records(RawRecord(data, 0, len(data)), _MEMBER))


def test_a_compound_file_comes_back_as_it_was_written() -> None:
    tree = {"small": b"a" * 100, "large": b"b" * 90_000, "in": {"deep": {"leaf": b"c"}, "no": b""}}
    root = compound_files.opened(make_msg.compound(tree))
    assert root.streams == {"small": b"a" * 100, "large": b"b" * 90_000}
    assert root.storages["in"].streams == {"no": b""}
    assert root.storages["in"].storages["deep"].streams == {"leaf": b"c"}


def test_a_chain_that_never_ends_is_damage() -> None:
    data = bytearray(make_msg.compound({"large": b"b" * 9_000}))
    table = 512 * (1 + struct.unpack_from("<I", data, 76)[0])
    assert struct.unpack_from("<I", data, table) == (1,)
    struct.pack_into("<I", data, table, 0)  # the first sector of the stream leads to itself
    with pytest.raises(compound_files.Damaged):
        compound_files.opened(bytes(data))


def test_streams_that_share_their_sectors_are_damage() -> None:
    data = bytearray(make_msg.compound({f"copy {n}": b"" for n in range(40)}))
    (directory,) = struct.unpack_from("<I", data, 48)
    for n in range(40):
        entry = data.index(f"copy {n}".encode("utf-16-le"))
        struct.pack_into("<IQ", data, entry + 116, directory, 4_096)
    with pytest.raises(compound_files.Damaged):
        compound_files.opened(bytes(data))


def test_fields_that_came_by_smtp_win() -> None:
    came = (
        "Microsoft Mail Internet Headers Version 2.0\r\n"
        "From: Ben <ben@example.org>\r\nTo: ana@example.org\r\nSubject: =?utf-8?q?B=C3=B6en?=\r\n"
        "Date: Sun, 1 Mar 2026 09:00:00 +0100\r\nMessage-ID: <b@lake.example>\r\n"
        'Content-Type: multipart/mixed;\r\n\tboundary="x"\r\n'
    )
    (head,) = records(
        make_msg.compound(make_msg.texts(32, {}, p007d=came, p1000="Wind.", p0037="other"))
    )
    assert head.identity == ("message-id", "b@lake.example")
    assert (head.title, head.content) == ("Böen", "Wind.")
    assert head.time is not None
    assert head.time.offset == 60


def test_a_text_in_rtf_alone_is_read_and_the_rtf_is_kept() -> None:
    packed = compressed_rtf.compress(rb"{\rtf1\ansi The heron stands.}", True)
    head, file = records(make_msg.compound(make_msg.texts(32, {}, p1009=packed, p0037="Heron")))
    assert head.content == "The heron stands."
    assert file.title == "body.rtf"
    empty = compressed_rtf.compress(rb"{\rtf1\ansi \par }", True)
    head, _ = records(make_msg.compound(make_msg.texts(32, {}, p1009=empty, p0037="Heron")))
    assert "flags" not in head.metadata


def test_an_object_that_is_no_mail_is_told() -> None:
    root = make_msg.texts(32, {}, p0037="Chart", p1000="See it.")
    root["__attach_version1.0_#00000000"] = make_msg.texts(8, {}, p3001="a drawing")
    (head,) = records(make_msg.compound(root))
    assert head.metadata["flags"] == ["container_not_opened"]


@pytest.mark.parametrize("data", [b"", compound_files.SIGNATURE, make_msg.compound({"Word": b"x"})])
def test_what_is_no_mail_is_refused(data: bytes) -> None:
    with pytest.raises(BadValue) as bad:
        outlook.opened(data)
    assert bad.value.reason is Reason.NOT_A_MAIL


def test_a_catalogue_of_that_name_is_none() -> None:
    assert not mail_msg.FORMAT.score(head_of("catalogue.msg", b"msgid x\n"))


def test_a_name_without_an_address_is_kept() -> None:
    root = make_msg.texts(32, {}, p0037="Lunch", p0c1a="Ana Lake", p0c1f="/o=Lake/cn=ana")
    root["__recip_version1.0_#00000000"] = make_msg.texts(8, {}, p3001="Ben", p3003="/o=Lake/cn=b")
    (head,) = records(make_msg.compound(root))
    assert head.metadata["sender"] == {"name": "Ana Lake"}
    assert head.metadata["recipients"] == [{"name": "Ben"}]
    assert "flags" not in head.metadata


@pytest.mark.parametrize(
    ("numbers", "page"),
    [({(3, 0x3FF1): 0x0411}, "cp932"), ({(3, 0x3FFD): 932}, "cp932"), ({}, "cp1252")],
)
def test_eight_bits_are_read_in_the_code_page_of_the_mail(
    numbers: dict[tuple[int, int], int], page: str
) -> None:
    said = "見本" if page == "cp932" else "Größe"
    root = make_msg.texts(32, numbers, p1000="Body.")
    root["__substg1.0_0037001E"] = said.encode(page)
    (head,) = records(make_msg.compound(root))
    assert head.title == said
