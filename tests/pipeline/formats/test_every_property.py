"""Cards and calendar entries: each property gets into a record, known or not, however written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.reported import Report, examine

pytestmark = pytest.mark.sweep

EVENT = """
    ATTACH COMMENT CATEGORIES CLASS COLOR CONFERENCE CONTACT DESCRIPTION GEO IMAGE LOCATION PRIORITY
    REQUEST-STATUS RESOURCES STATUS SUMMARY TRANSP URL X-ALT-DESC X-APPLE-STRUCTURED-LOCATION
    X-GOOGLE-CONFERENCE X-MICROSOFT-CDO-BUSYSTATUS X-ANYTHING
"""
CARD = """
    ADR AGENT ANNIVERSARY BDAY CALURI CATEGORIES CLASS DEATHDATE EMAIL EXPERTISE FBURL FN GENDER GEO
    HOBBY IMPP INTEREST KIND LABEL LANG LOGO MAILER MEMBER NICKNAME NOTE ORG PHOTO RELATED ROLE
    SORT-STRING SOUND SOURCE TEL TITLE TZ URL X-ABDATE X-ABRELATEDNAMES X-ANDROID-CUSTOM X-ANYTHING
    X-ASSISTANT X-GENDER X-ICQ X-PHONETIC-FIRST-NAME X-SOCIALPROFILE X-SPOUSE XML
"""
#: What stands twice says the same in two ways.
ONCE = {"X-ALT-DESC", "X-APPLE-STRUCTURED-LOCATION"}


def read(tmp_path: Path, name: str, text: str, encoding: str = "utf-8") -> Report:
    file = tmp_path / name
    file.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    return examine(file, tmp_path / "work")


def event(lines: str) -> str:
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:1\n{lines}END:VEVENT\nEND:VCALENDAR\n"


def card(lines: str, version: str = "3.0") -> str:
    return f"BEGIN:VCARD\nVERSION:{version}\n{lines}END:VCARD\n"


@pytest.mark.parametrize(
    ("name", "names", "around", "fixed"),
    [("a.ics", EVENT, event, "DTSTART:20240105T100000Z\n"), ("a.vcf", CARD, card, "N:B;A\n")],
)
def test_no_property_is_dropped(
    tmp_path: Path, name: str, names: str, around: Any, fixed: str
) -> None:
    """Nor the second of those that stand there once, nor a line that is none."""
    words = {f"{n}{nth}": f"kestrel{n}{nth}" for n in names.split() for nth in "ab"}
    lines = "".join(f"{n[:-1]}:{word.lower()}\n" for n, word in words.items())
    found = read(tmp_path, name, around(f"{fixed}{lines}heron that is not folded\n"))
    said = orjson.dumps(found.records).decode()
    missing = [n for n, word in words.items() if word.lower() not in said]
    assert [n for n in missing if n[:-1] not in ONCE] == []
    assert "heron that is not folded" in said


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_in_every_encoding_of_unicode(tmp_path: Path, encoding: str) -> None:
    text = event("SUMMARY:Größe\nDTSTART:20240105T100000Z\n")
    assert [r["title"] for r in read(tmp_path, "a.ics", text, encoding).records] == ["Größe"]
    text = card("FN:Größe\n")
    assert [r["title"] for r in read(tmp_path, "a.vcf", text, encoding).records] == ["Größe"]


@pytest.mark.parametrize(
    ("zone", "hour"),
    [
        ("tzone://Microsoft/Utc", "10"),
        ('""Europe/Berlin""', "09"),
        ('"Europe/Berlin"', "09"),
        ("/freeassociation.sourceforge.net/Europe/Berlin", "09"),
    ],
)
def test_zones_however_quoted(tmp_path: Path, zone: str, hour: str) -> None:
    (found,) = read(tmp_path, "a.ics", event(f"DTSTART;TZID={zone}:20240105T100000\n")).records
    assert found["at"] == f"2024-01-05T{hour}:00:00Z"


def test_a_name_that_is_quoted_twice(tmp_path: Path) -> None:
    lines = 'DTSTART:20240105T100000Z\nATTENDEE;CN="Ana ""Jib"" B":mailto:a@b.de\n'
    (found,) = read(tmp_path, "a.ics", event(lines)).records
    assert found["metadata"]["attendees"] == [{"name": "Ana 'Jib' B", "address": "a@b.de"}]


def test_quoted_printable_that_is_folded_too(tmp_path: Path) -> None:
    """vCalendar 1.0: the blank that begins the next line is of the text, and the `=` is not."""
    lines = (
        "DTSTART:20240105T100000Z\nSUMMARY;ENCODING=QUOTED-PRINTABLE:Gr=C3=B6=C3=9Fe=\n und jib\n"
    )
    assert read(tmp_path, "a.vcs", event(lines)).records[0]["title"] == "Größe und jib"


def test_files_in_a_calendar_and_in_a_card(tmp_path: Path) -> None:
    lines = "ATTACH;ENCODING=BASE64;VALUE=BINARY;FMTTYPE=text/plain;X-FILENAME=a.txt:dGhlIGppYg==\n"
    found = read(tmp_path, "a.ics", event(f"DTSTART:20240105T100000Z\n{lines}")).records
    assert (found[1]["title"], found[1]["content"]) == ("a.txt", "the jib")
    found = read(
        tmp_path, "a.vcf", card("FN:Ana\nPHOTO:data:image/png;base64,iVBORw0KGgo=\n")
    ).records
    assert found[1]["content_type"] == "image/png"


@pytest.mark.parametrize(
    "line", ["NICKNAME:Jib", "URL:http://jib.example", "NOTE:jib", "ADR:;;Jib"]
)
def test_a_card_without_a_name_is_kept(tmp_path: Path, line: str) -> None:
    report = read(tmp_path, "a.vcf", card(f"{line}\n") + card(f"REV:1\n{line}\n") + card("REV:1\n"))
    assert report.total() == {"rows": 1, "duplicates": 1, "quarantined": {"missing_field": 1}}


def test_a_card_within_a_card(tmp_path: Path) -> None:
    inner = "AGENT:\n" + card("N:B;Cy\nTEL:2\n", "2.1")
    found, agent = read(tmp_path, "a.vcf", card(f"N:B;Ana\nTEL:1\n{inner}", "2.1")).records
    assert found["metadata"]["related_names"] == [{"name": "Cy B", "label": "agent"}]
    assert (agent["title"], agent["metadata"]["phones"]) == ("Cy B", [{"phone": "2"}])


CONTACTS = """First Name,Last Name,Organization Name,Notes,Labels,E-mail 1 - Label,E-mail 1 - Value
Ana,B,,,* myContacts ::: Boats,* Work,a@b.de ::: c@d.de
,,Jib Ltd,,,,
,,,only a note,,,
"""


def test_contacts_of_google_with_several_values_in_a_cell(tmp_path: Path) -> None:
    found = read(tmp_path, "contacts.csv", CONTACTS).records
    assert [e["address"] for e in found[0]["metadata"]["emails"]] == ["a@b.de", "c@d.de"]
    assert found[0]["metadata"]["labels"] == ["myContacts", "Boats"]
    assert [(r.get("title"), r.get("content")) for r in found[1:]] == [
        ("Jib Ltd", None),
        (None, "only a note"),
    ]
