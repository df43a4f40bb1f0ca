"""mbox: what separates two mails, in every dialect we know, at every slicing."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.readers.mbox import Mail, Mbox, begins_mbox, git_commit, separator_date
from schemas.files import Member, SliceLimits
from schemas.reasons import Reason
from schemas.records import RawRecord, Rejection
from tests.support.make_mbox import TRAPS, git, make_repository, write_mbox

CONTENT_LENGTH = Path(__file__).parents[2] / "data" / "mbox" / "content-length.mbox"
MEMBER = Member(path="a.mbox", ordinal=0, file=Path("a"), size=0, sha256="", media_type="")
TAKEOUT = b"From 1800000000000000001@xxx Mon Mar 02 10:15:00 +0000 2026"
COMMIT = b"0123456789abcdef0123456789abcdef01234567"
PATCH = b"From " + COMMIT + b" Mon Sep 17 00:00:00 2001"


def read(
    data: bytes, *, records: int = 500, size: int = 1 << 23, reader: Mbox | None = None
) -> list[RawRecord | Rejection]:
    """The items of `data`; the slices must tile it."""
    reader = reader or Mbox()
    source = io.BytesIO(data)
    context = reader.prepare(source, MEMBER)
    slices = list(reader.slices(source, context, SliceLimits(records=records, size=size)))
    ends = [context["start"], *(part.end for part in slices)]
    assert [part.start for part in slices] == ends[:-1]
    assert ends[-1] == max(len(data), context["start"])
    return [item for part in slices for item in reader.items(source, part, context)]


def mails(data: bytes) -> list[Mail]:
    items = read(data)
    assert all(isinstance(item, RawRecord) for item in items), items
    return [item.value for item in items if isinstance(item, RawRecord)]


def count(data: bytes) -> int:
    source = io.BytesIO(data)
    return Mbox().count(source, Mbox().prepare(source, MEMBER))


@pytest.mark.parametrize(
    "separator",
    [
        TAKEOUT,
        b"From ana@example.org Mon Mar  2 10:15:00 2026",
        b"From ana@example.org Mon Mar  2 10:15 2026",
        b"From ana@example.org Mon Mar  2 10:15:00 CET 2026",
        b"From ana@example.org Mon Mar  2 10:15:00 MET DST 2026",
        b"From ana@example.org Mon Mar  2 10:15:00 2026 +0100",
        b'From "ana b"@example.org  Mon Mar  2 10:15:00 2026  ',
        b"From ana@example.org Mon, 2 Mar 2026 10:15:00 +0100",
        b"From ana@example.org Mon, 2 Mar 2026 10:15:00 +0100 (CET)",
        b"From - Mon Mar  2 10:15:00 2026",
        b"From MAILER-DAEMON Mon Mar  2 10:15:00 2026",
        b"From - ",
        b"From ",
        PATCH,
        PATCH.replace(COMMIT, COMMIT + COMMIT[:24]),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_separators(separator: bytes, end: bytes) -> None:
    one = end.join([separator, b"Subject: one", b"", b"text", b"", b""])
    data = one + one.replace(b"one", b"two")
    found = mails(data)
    assert [m.separator for m in found] == [separator, separator]
    body = end.join([b"Subject: one", b"", b"text", b""])
    assert [m.body for m in found] == [body, body.replace(b"one", b"two")]
    assert count(data) == 2
    assert begins_mbox(data)


@pytest.mark.parametrize(
    "text",
    [
        b"From here on we count",
        b"From Monday to Friday 10:15:00 2026",
        b"From ana@example.org on Mon Mar 2 she wrote",
        b"From - to",
        b"From ana@example.org Mon Mar  2 10:15:00",
        b"From ana@example.org Mon Mar  2 10:15:00 2026 she wrote",
        b"From " + b"x" * 2_000 + b" Mon Mar  2 10:15:00 2026",
        b" From ana@example.org Mon Mar  2 10:15:00 2026",
        b">From ana@example.org Mon Mar  2 10:15:00 2026",
        b"From ",
        PATCH,
    ],
)
def test_what_only_begins_like_a_separator(text: bytes) -> None:
    data = TAKEOUT + b"\nSubject: one\n\nbefore\n\n" + text + b"\nafter\n\n"
    assert len(mails(data)) == count(data) == 1
    assert not begins_mbox(text + b"\nafter\n")


def test_a_separator_in_mid_paragraph_is_text_but_not_netscapes() -> None:
    head = TAKEOUT + b"\nSubject: one\n\nbefore\n"
    classic = head + b"From ana@example.org Mon Mar  2 10:15:00 2026\nSubject: two\n\n"
    netscape = head + b"From - Mon Mar  2 10:15:00 2026\nSubject: two\n\n"
    assert (len(mails(classic)), count(classic)) == (1, 1)
    assert (len(mails(netscape)), count(netscape)) == (2, 2)


def test_the_mbox_of_1996_holds_29_mails() -> None:
    data = CONTENT_LENGTH.read_bytes()
    found = mails(data)
    assert len(found) == count(data) == 29 == data.count(b"\nFrom ") + 1
    assert all(m.body.startswith((b"Return-Path:", b"Message-ID:", b"Received:")) for m in found)


def test_quoting_is_undone_once() -> None:
    data = TAKEOUT + b"\nSubject: one\n\n>From ana\n>>From bo\n> From me\nx >From y\n"
    assert mails(data)[0].body == b"Subject: one\n\nFrom ana\n>From bo\n> From me\nx >From y\n"


def test_no_final_newline_and_mixed_line_ends() -> None:
    data = TAKEOUT + b"\r\nSubject: one\n\ntext\r\n\n" + TAKEOUT + b"\nSubject: two\r\n\r\nend"
    assert [m.body for m in mails(data)] == [
        b"Subject: one\n\ntext\r\n",
        b"Subject: two\r\n\r\nend",
    ]
    assert count(data) == 2


def test_text_before_the_first_separator_is_shown() -> None:
    data = b"Dear reader,\n\n" + TAKEOUT + b"\nSubject: one\n\n"
    first, second = read(data)
    assert isinstance(first, Rejection)
    assert (first.reason, first.raw) == (Reason.NOT_A_MAIL, b"Dear reader,\n\n")
    assert isinstance(second, RawRecord)
    assert count(data) == 2


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\n\r\n", b""])
def test_a_byte_order_mark_and_blank_lines_are_no_text(before: bytes) -> None:
    data = before + TAKEOUT + b"\nSubject: one\n\n"
    assert len(mails(data)) == count(data) == 1
    assert begins_mbox(data)


def test_a_file_without_any_separator_is_one_rejection_with_bounded_raw() -> None:
    (only,) = read(b"no mail at all\n" * 100_000)
    assert isinstance(only, Rejection)
    assert (only.reason, only.length, len(only.raw)) == (Reason.NOT_A_MAIL, 1_500_000, 65_536)


def test_a_giant_mail_is_rejected_and_its_neighbours_are_not() -> None:
    small = TAKEOUT + b"\nSubject: small\n\n"
    giant = TAKEOUT + b"\nSubject: giant\n\n" + b"x" * 3_000_000 + b"\n\n"
    items = read(small + giant + small, reader=Mbox(item_bytes=1_000_000))
    assert [type(item) for item in items] == [RawRecord, Rejection, RawRecord]
    rejected = items[1]
    assert isinstance(rejected, Rejection)
    assert rejected.reason == Reason.ITEM_TOO_LARGE
    assert (rejected.offset, rejected.length) == (len(small), len(giant))
    assert rejected.raw == giant[:65_536]


def test_separators_at_the_edges_of_blocks() -> None:
    block = 1 << 20
    for shift in (*range(-2_060, -2_036), -60, -30, -5, -1, 0, 1, 5):
        first = TAKEOUT + b"\nSubject: one\n\n"
        first += b"x" * (block + shift - len(first) - 2) + b"\n\n"
        data = first + TAKEOUT + b"\nSubject: two\n\n" + b"y" * 4_096
        assert [m.body[:12] for m in mails(data)] == [b"Subject: one", b"Subject: two"]


CLASSIC = b"From ana@example.org Mon Mar  2 10:15:00 2026"


@pytest.mark.parametrize("first", [TAKEOUT, CLASSIC, b"From - ", b"From ", PATCH])
@pytest.mark.parametrize("within", [TAKEOUT, CLASSIC, PATCH])
def test_a_file_keeps_to_the_style_of_its_first_separator(first: bytes, within: bytes) -> None:
    """A patch in a mail is no mail; nor is an old mailbox in one of Takeout's."""
    data = first + b"\nSubject: one\n\nlook:\n\n" + within + b"\nSubject: two\n\ntext\n"
    alien = first != within and (PATCH in (first, within) or first == TAKEOUT)
    assert len(mails(data)) == count(data) == (1 if alien else 2)


def test_bare_separators_need_no_blank_line_where_the_first_is_bare() -> None:
    two = b"From \nSubject: one\n\ntext\nFrom \nSubject: two\n\ntext\n"
    assert len(mails(two)) == count(two) == 2
    one = CLASSIC + two[5:]
    assert len(mails(one)) == count(one) == 1


_LINES = st.sampled_from(
    [
        TAKEOUT,
        CLASSIC,
        PATCH,
        b"From - ",
        b"From - Mon Mar  2 10:15:00 2026",
        b"From ",
        b"From here on",
        b">From me",
        b"Subject: x",
        b"-- ",
        b"2.39.5",
        b"text",
        b"",
        b"",
    ]
)


@given(st.lists(_LINES, max_size=30), st.sampled_from([b"\n", b"\r\n"]), st.integers(1, 4))
@example(
    [PATCH, b"Subject: x", b"-- ", b"2", b"", PATCH, b"Subject: x", b"-- ", b"2", b""], b"\n", 1
)
def test_any_lines_give_the_same_mails_at_any_slicing_and_count(
    lines: list[bytes], end: bytes, records: int
) -> None:
    data = end.join(lines)
    whole = read(data)
    assert read(data, records=records) == whole
    assert read(data, size=50) == whole
    assert count(data) == len(whole)
    assert all(data[i.offset : i.offset + i.length] for i in whole)


def test_every_truncation_gives_outcomes() -> None:
    data = TAKEOUT + b"\r\nSubject: one\r\n\r\ntext\r\n\r\n" + PATCH + b"\nFrom: ana\n\n"
    for end in range(len(data) + 1):
        read(data[:end])


@pytest.mark.parametrize(
    ("separator", "expected"),
    [
        (TAKEOUT, "Mon Mar 02 10:15:00 +0000 2026"),
        (b"From - Mon Jun  3 12:50:27 1996", "Mon Jun  3 12:50:27 1996"),
        (b"From - ", None),
        (b"From ", None),
        (PATCH, None),
    ],
)
def test_the_date_of_a_separator(separator: bytes, expected: str | None) -> None:
    assert separator_date(separator) == expected


def test_the_commit_of_a_separator() -> None:
    assert git_commit(PATCH) == COMMIT.decode()
    assert git_commit(PATCH.replace(COMMIT, b"0" * 40)) is None
    assert git_commit(TAKEOUT) is None


@pytest.fixture(scope="session")
def patches(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """600 commits; in 60 of them the message holds what looks like a separator."""
    folder = tmp_path_factory.mktemp("git")
    make_repository(folder / "repository", 600)
    write_mbox(folder / "repository", folder / "out.mbox")
    assert git("rev-list", "--count", "HEAD", cwd=folder / "repository") == "600"
    return (folder / "out.mbox").read_bytes()


def test_one_mail_per_commit_no_more_no_less(patches: bytes) -> None:
    assert patches.count(b"\nFrom ") + 1 > 600 + 60 / len(TRAPS)  # the traps are in it
    found = mails(patches)
    assert len(found) == count(patches) == 600
    for n, mail in enumerate(found):
        assert mail.body.split(b"\n\n", 1)[0].endswith(b"] Add line %d" % n)
    assert len(read(patches, records=7)) == 600


def test_patches_without_a_signature(tmp_path: Path) -> None:
    make_repository(tmp_path / "repository", 3)
    done = subprocess.run(
        ["git", "format-patch", "--root", "--stdout", "--no-signature"],
        cwd=tmp_path / "repository",
        check=True,
        capture_output=True,
        timeout=30,
    )
    assert len(mails(done.stdout)) == count(done.stdout) == 3


def test_the_newest_commits_only(tmp_path: Path) -> None:
    make_repository(tmp_path / "repository", 5)
    write_mbox(tmp_path / "repository", tmp_path / "out.mbox", max_commits=2)
    assert len(mails((tmp_path / "out.mbox").read_bytes())) == 2
