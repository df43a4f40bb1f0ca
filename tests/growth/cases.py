"""What `tests.growth` measures, and on what: see there."""

from __future__ import annotations

import inspect
import io
import pkgutil
import random
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from importlib import import_module
from itertools import islice, pairwise
from pathlib import Path
from types import FunctionType
from typing import Any, BinaryIO, cast
from zipfile import BadZipFile
from zlib import crc32

import msgspec

import pipeline
from pipeline.archives import media_types, streams, tar, unpack, zip_directory
from pipeline.contract import Format
from pipeline.documents import text_of
from pipeline.enrich import entities, near_duplicates, text_pieces
from pipeline.normalise import ReadContext, normalise, outcomes_of, understand
from pipeline.ports import Name
from pipeline.privacy import (
    detectors,
    findings,
    ner,
    policy,
    prefilter,
    redact,
    redact_records,
    suspects,
)
from pipeline.readers import component_scan
from pipeline.readers.json import decode as json_decode
from pipeline.readers.json import items as json_items
from pipeline.readers.json import scan as json_scan
from pipeline.readers.sqlite_tables import SqliteTable
from pipeline.registry import all_formats
from pipeline.render import Renderer
from pipeline.services import attachments, contacts, generic_rows, messaging, picture_texts, x
from pipeline.services.google import archive_browser
from pipeline.services.google import places as google_places
from pipeline.services.google.photo_sidecars import Sidecars
from pipeline.services.mail import between_parts, mail_records
from pipeline.services.tracks import fit_files, gps_tracks
from pipeline.storage import copy_text
from pipeline.syntax import compound_files, content_lines, json_events
from pipeline.text import language, transcode
from pipeline.text.cleaning import clean_json
from pipeline.values import coordinates, fields, google_dates, mail_dates, timestamps, units
from schemas.errors import BadValue, ConfigurationError, Rejected
from schemas.files import Member, Slice, SliceLimits
from schemas.privacy import Kind
from schemas.records import DataType, Metric, Point, RawRecord, Record
from schemas.vocabulary import RecordType
from tests.growth.growth import Case, Effort
from tests.support import formats as formats_support
from tests.support import make_msg

# --- inputs ----------------------------------------------------------------------------------


def repeated(unit: str, before: str = "", after: str = "!") -> Callable[[int], str]:
    """A text of n characters: one sign or phrase over and over, then one that fits nothing."""
    return lambda n: before + unit * max(1, n // len(unit)) + after


def numbered(unit: str, before: str = "", after: str = "") -> Callable[[int], str]:
    """A text of about n characters: one phrase over and over, each time with another number."""

    def make(n: int) -> str:
        times = max(1, n // len(unit.format(0, 0)))
        return before + "".join(unit.format(i, i * 7919 % 1_000_003) for i in range(times)) + after

    return make


_SIGNS = (
    *("a", "A", "1", "0", "@", ".", ",", ":", ";", "-", "_", "/", "\\", "+", "%", "#", "=", "&"),
    *("?", "!", "*", "'", '"', "(", ")", "[", "]", "{", "}", "<", ">", "|", "~", "^"),
    *(" ", "\t", "\n", "\r", "\r\n", " \n", "\f", "\x1d", "\x1f", "\0", "\x1b", "\x85", "\u2028"),
    *("é", "ß", "e\u0301", "\u0301", "\u0e33", "\u1100\u1161", "中", "あ", "ﷺ", "\ufb03", "🙂"),
    *("\ud800", "\udc80", "\udcff", "\u00a0", "\u202f", "\u200e", "Ã©", "ÃƒÂ©", "Ð¿", "Å“", "à "),
)
_PHRASES = (
    *("a@", "a@b.", "@a.", "a.", "a@b.de ", "a@b.de,", "<a@b.de>,", "a <a@b.de>, ", "<@", "<a@"),
    *("1 ", "1.", "1,", "1-", "1/", "1:", "1:1", "12 34 ", "1.1.1.", "1.234,", "(1", "+1 ", "+49("),
    *("0049 30 1234567 ", "030/1234567,", "(030) 123-45 67 ", "4111 1111 1111 1111 ", "4111-"),
    *("DE12 ", "DE1", "AB12-CD34-", "AB12CD34EF56GH78", "PN-12345-X ", "GB82WEST1234", "AA11 "),
    *("ABCDEF12A", "AB 12 34 56 C ", "12-34-56", "123-45-6789 ", "010203-1234 ", "12345678A "),
    *("::", "a:", "ab:cd:", "ab-cd-", "1.2.3.4 ", "fe80::1 ", "00:11:22:33:44:5", "0:0:0:0:"),
    *("eyJ", "-eyJaaaaaaaa", "-eyJaaaaaaaa.", ".eyJaaaaaaaa", "sk-", "-sk-", ":AA", "1:AA", "ghp_"),
    *("SG.", "SG.aaaaaaaaaaaaaaaa.", "xoxb-", "ya29.", "AKIA", "-----BEGIN PRIVATE KEY-----\n"),
    *(
        "://",
        "://a:",
        "://a:b@",
        "http://a",
        "www.",
        "password: ",
        "password",
        "token=",
        "api key ",
    ),
    *("52.5200, 13.4050 ", "52.52,", ".52,13.", "@1.23,", "geo:", "q=", "°", "1°1'1\"N "),
    *(
        "2020-01-01 ",
        "2020-01-01T00:00:00Z",
        "01/02/2020",
        "born 1.1.1980 ",
        "1 Jan 2020 ",
        "1st, ",
    ),
    *("Mon, 1 Jan 2020 00:00:00 +0000", "12:34:56", "T00:", "12時", "1月", "PT1H", "P1D", "00:00:"),
    *(
        "<a>",
        "<a ",
        "<a x=",
        "<a x='",
        '<a x="<',
        "<a><",
        "</",
        "</a>",
        "<!--",
        "<!-- -->",
        "<![CDATA[",
    ),
    *(
        "<pre>",
        "<pre>\n",
        "<p><b>x",
        "<p><a>x",
        "<b><i>",
        "<div>",
        "<table>",
        "<tr><td>",
        "<ul><li>",
    ),
    *("<br>", "<font>x<p>", "<select>", "<svg>", "<math>", "<template>", "<script>", "<title>"),
    *("<h3>a</h3><dl>", '<dt><a href="a">a</a>', "<dl><p>", "&amp;", "&#", "&#1", "&#x1;", "&lt"),
    *("=?utf-8?q?a?=", "=?utf-8?q?a?= ", "=?a?q? ", "=?", "=?a?b?", "=\n", "=3D", "=C3=A9", "?="),
    *(
        "> ",
        ">>",
        "\n> ",
        "\n>",
        ">From ",
        "\nFrom ",
        "-- \n",
        "\n-- \n",
        "-----a-----\n",
        "a:\n> ",
    ),
    *(
        "BEGIN:A\n",
        "END:A\n",
        "BEGIN:VEVENT\n",
        "BEGIN:VCARD\n",
        "A;B=",
        'A;B="',
        ";A",
        ';"',
        "\\,",
    ),
    *(
        "A:1\n",
        "A:1\n ",
        "X-A: b\n",
        "X-A: b\n\t",
        "a\n",
        "a b ",
        "a. ",
        "a\n\n",
        "word word\n",
        "[[",
    ),
    *(
        "[1]",
        "[]",
        "{}",
        '{"a":',
        '[{"a":',
        '"a",',
        '"a":1,',
        "1,",
        ",,",
        "[,",
        "null,",
        '\\"',
        "\\\\",
    ),
    *(
        '"\n',
        '","',
        'a","b\n',
        'a","b,\n',
        '""',
        '"",',
        "a;b\n",
        "a\tb\n",
        "'a',",
        "a,a,",
        ",\n",
        "a,\n",
    ),
    *(
        "../",
        "a/",
        "/a",
        "!/",
        ".zip!/",
        "(1)",
        "(1",
        "-edited",
        ".json",
        "_a",
        "aA",
        "a_",
        "A_",
        "%20",
    ),
    *("[1/2/20, 1:02", "1/2/20, 1:02 - a: b\n", "1/2/20, 1:02 -", "[20.06.20, 20:28:11] a: b\n"),
    *(
        "$GPGGA,1,2*00\n",
        "a=b;",
        "a b=c\n",
        "'a','b'\n",
        "(\\",
        "\\(",
        "(a)",
        "((",
        "()",
        "\\u",
        "\\ud800",
    ),
)
_NUMBERED = (
    *(
        "name{}@example.org ",
        "n{}@example.org,",
        "<n{}@a.de>\n",
        "+49 30 {1:07} ",
        "0049301{1:06},",
    ),
    *("4111 1111 {0:04} {0:04} ", "DE{0:020} ", "AB{0:06}-CD{0:06} ", "GB{1:02}WEST{0:014} "),
    *("10.0.{0}.{1} ", "52.{0:05}, 13.{1:05} ", "a{}:", "x{}=1 ", "word{} ", "password: a{}xyz\n"),
    *(
        '"k{}":1,',
        "<x{}>",
        "</x{}>",
        "BEGIN:A{}\n",
        "END:A{}\n",
        "X-{}: a\n",
        "c{},",
        "c{}\t",
        "k{}=v;",
    ),
    *("geo:1.{0:05},2.{1:05} ", "{0:09} ", "{0:08}A ", "tel {1:08}\n", "http://a{}.de/ ", "&#{};"),
)
_OPENED = {
    "a tag of many attributes": numbered("x{}=1 ", "<p>a</p><a ", ">b</a>"),
    "a tag of many attributes in quotes": numbered('x{}="<>" ', "<p>a</p><a ", ">b</a>"),
    "a tag of many attributes, no blanks": numbered("x{}='>'/", "<p>a</p><a ", ">b</a>"),
    "formatting with attributes": numbered("<p><b x={}>a", "<p>a</p>"),
    "an open array": repeated("1,", "[", ""),
    "a deep array": repeated("[", "[", ""),
    "an array of objects": repeated('{"a":"b"},', "[", "{}]"),
    "an object of many names": numbered('"k{}":1,', "{", '"z":1}'),
    "one long string": repeated("a", '["', '"]'),
    "quotes with a backslash": repeated('\\"', '["', '"]'),
    "an open quote": repeated("a,b\n", 'a,"', ""),
    "quoted lines": repeated('"a\nb",', "", "\n"),
    "a header of many columns": repeated("a,", "", "\n1,2\n"),
    "a header of columns with names": numbered("c{},", "", "\n1,2\n"),
    "digits, then a letter": repeated("1", "", "x,b\n1,2\n"),
    "a mail of many header lines": numbered("X-{}: a\n", "", "\nbody\n"),
    "a mail to many": numbered("a{} <n{}@example.org>,\n ", "To: ", "b@a.de\n\nbody\n"),
    "a mail of encoded words": repeated("=?utf-8?q?a?=\n ", "Subject: ", "\n\nbody\n"),
    "a mail of encoded words in odd charset": repeated("=?x-a?q?a?=\n ", "Subject: ", "\n\n\xff\n"),
    "a mail of broken words": repeated("=?a?q? ", "Subject: ", "\n\nbody\n"),
    "a mail of lines that are no fields": repeated(
        "378\n", "Subject: a\n", "Message-ID: <a@b.de>\nDate: x\nFrom: a@b.de\nTo: b\n\nbody\n"
    ),
    "a mail of nested comments": repeated("(", "From: ", "a@b.de\n\nbody\n"),
    "a mail of references": repeated("@", "Message-ID: <", "\n\nbody\n"),
    "a mail of many rules, of a list": repeated(
        "-----\n", "Message-ID: <a@b.de>\nList-Id: <x.b.de>\n\n", "of x\n"
    ),
    "a mail of many references": numbered("<a{}@b.de> ", "References: ", "\n\nbody\n"),
    "a mail of addresses in its text": numbered("a{}@b.de\n", "Subject: a\n\n", ""),
    "MIME in MIME": lambda n: _mime(n, deep=True),
    "MIME parts": lambda n: _mime(n, deep=False),
    "MIME without an end": repeated("--b\n", "Content-Type: multipart/mixed; boundary=b\n\n", ""),
    "parameters of a mail": numbered(' a*{}="b";', "Content-Type: text/plain;", "\n\nbody\n"),
    "a calendar in a calendar": repeated("BEGIN:VEVENT\n", "BEGIN:VCALENDAR\n", "END:VCALENDAR\n"),
    "components in one": numbered("BEGIN:X{}\n", "BEGIN:VCALENDAR\nBEGIN:VEVENT\n", "END:VEVENT\n"),
    "components in one, closed by others": lambda n: (
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + "BEGIN:A\n" * (n // 16) + "END:B\n" * (n // 16)
    ),
    "an event of long folds": repeated("a\r\n ", "BEGIN:VEVENT\nDESCRIPTION:", "\nEND:VEVENT\n"),
    "a quoted-printable note": repeated(
        "a=\n", "BEGIN:VCARD\nNOTE;QUOTED-PRINTABLE:", "\nEND:VCARD"
    ),
    "an element of many": repeated("x<b/>", "<a>", "</a>"),
    "an element of many entities": repeated("&amp;", "<a>", "</a>"),
    "an element of many attributes": numbered("x{}='1' ", "<a ", "/>"),
    "roots closed": repeated("</a><!--", "<a>", ""),
    "folders in folders": repeated("<dl><dt><h3>a</h3>", "", '<dt><a href="x">a</a>'),
    "folders and links": lambda n: (
        "<dl><dt><h3>a</h3>" * (n // 40) + '<dt><a href="x">a</a>' * (n // 40)
    ),
    "a chat": numbered("[20/06/2017, 20:28:11] a: b{}\r\n"),
    "a document type": repeated("<!ENTITY a 'b'>", "<?xml version='1.0'?><!DOCTYPE a [", "]><a/>"),
}


def _mime(n: int, *, deep: bool) -> str:
    parts = max(1, n // 80)
    if not deep:
        body = "--b\nContent-Type: text/plain\n\na\n" * parts
        return f"Content-Type: multipart/mixed; boundary=b\n\n{body}--b--\n"
    return "".join(
        f"Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n" for i in range(parts)
    )


TEXTS: dict[str, Callable[[int], str]] = {
    **{repr(one): repeated(one) for one in (*_SIGNS, *_PHRASES)},
    **{f"{one!r}, numbered": numbered(one) for one in _NUMBERED},
    **_OPENED,
}


def _bytes(make: Callable[[int], str]) -> Callable[[int], bytes]:
    return lambda n: make(n).encode("utf-8", "surrogatepass")


BYTES: dict[str, Callable[[int], bytes]] = {
    **{name: _bytes(make) for name, make in TEXTS.items()},
    "bytes that are no UTF-8": lambda n: b"\xe9" * n,
    "letters in latin-1": lambda n: b"caf\xe9 " * (n // 5),
    "letters in UTF-16": lambda n: ("a\u0431" * (n // 4)).encode("utf-16-le"),
    "escapes of ISO 2022": lambda n: b"\x1b$B!!\x1b(B" * (n // 8),
}

# --- functions -------------------------------------------------------------------------------

#: What a hostile input may make a function say.
_REFUSED = (
    *(BadValue, BadZipFile, ConfigurationError, Rejected),
    *json_events.BROKEN,
    *fit_files.DAMAGE,
)
#: What a caller within the pipeline turns into a rejection: see `normalise._meaning`.
_SHAPELESS = (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)

#: Types of a first and only parameter that a text, or its bytes, can stand for.
_OF_TEXT = frozenset({"str", "str | None", "int | str", "Any"})
_OF_BYTES = frozenset({"bytes", "bytes | Rejection"})
_OF_HEADS = frozenset({"Head", "Head | bytes"})
_OF_STREAMS = frozenset({"BinaryIO", "BinaryIO | bytes"})
_PATH = "Takeout/a/b.json"


def functions() -> Iterator[tuple[str, FunctionType]]:
    """The public functions of `pipeline`, but for formats, which are measured as such."""
    for found in pkgutil.walk_packages(pipeline.__path__, "pipeline."):
        if not found.name.startswith("pipeline.formats"):
            module = import_module(found.name)
            for name, function in vars(module).items():
                own = isinstance(function, FunctionType) and function.__module__ == found.name
                if own and not name.startswith("_"):
                    yield f"{found.name.removeprefix('pipeline.')}.{name}", function


def takes_content(function: FunctionType) -> bool:
    """Whether something out of an export can be given to it."""
    said = " ".join(str(p.annotation) for p in inspect.signature(function).parameters.values())
    return any(word in said for word in ("str", "bytes", "Any", "Head", "BinaryIO", "Readable"))


def automatic(function: FunctionType) -> Callable[[str], Any] | Callable[[bytes], Any] | None:
    """How a function is called with a text or with bytes, if it needs no more."""
    needed = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    kind = str(needed[0].annotation) if len(needed) == 1 else ""
    if kind in _OF_TEXT or kind in _OF_BYTES:
        return function
    if kind in _OF_HEADS:
        return lambda data: function(formats_support.head_of(_PATH, data))
    if kind in _OF_STREAMS:
        return lambda data: function(io.BytesIO(data))
    return None


def _first_is_bytes(function: FunctionType) -> bool:
    first = next(iter(inspect.signature(function).parameters.values()))
    return str(first.annotation) not in _OF_TEXT


def _lines(text: str) -> list[str]:
    return text.split("\n")


def _told(text: str) -> object:
    """Many names that a model told, among many findings."""
    told = [Name(Kind.PERSON, at, at + 3, 0.9) for at in range(0, len(text), 8)]
    found = [findings.Finding(Kind.EMAIL, at, at + 2, 0.9, "") for at in range(4, len(text), 8)]
    return list(ner.names_as_findings(text, told, found))


def _protected(text: str) -> object:
    record = Record(
        data_type=DataType.EMAIL,
        source="mail.mbox",
        record_type=RecordType.MESSAGE,
        identity=("1",),
        time=None,
        title=text,
        content=text,
        metadata={"a": text, "b": [text[:40]] * (len(text) // 40), text[:200]: 1},
    )
    return list(redact_records.redact_outcomes(iter([(0, 0, record)]), _REDACTOR))


def _normalised(text: str) -> object:
    record = Record(
        data_type=DataType.EMAIL,
        source="mail.mbox",
        record_type=RecordType.MESSAGE,
        identity=("1",),
        time=None,
        title=text,
        content=text,
        metadata={"conversation": "a", "sender": {"address": text}, "links": _lines(text)},
    )
    (found,) = normalise([(0, 0, record)])
    return list(entities.mentions(cast("Record", found[2]))), found


def _rendered(text: str) -> object:
    """All that is made of a record, a point and a value whose texts are long or many."""
    metadata = {"a": text, "b": [text[:40]] * (len(text) // 40), "sender": {"address": text}}
    record = Record(
        data_type=DataType.EMAIL,
        source="mail.mbox",
        record_type=RecordType.MESSAGE,
        identity=(text,),
        title=text,
        content=text,
        metadata={**metadata, "people": [{"name": line} for line in _lines(text)]},
    )
    point = Point(
        source="a", identity=(text,), time=None, latitude=1.0, longitude=1.0, metadata=metadata
    )
    value = Metric(
        source="a", identity=(text,), time=None, name=text, value=1.0, unit=text, metadata=metadata
    )
    renderer = Renderer(keep_text=True, repeats=True)
    row = {"source_timestamp": None, "title": text, "content": text, "content_type": text}
    made = [renderer.render(outcome, 0, 0, 0) for outcome in (record, point, value)]
    return made, copy_text.content_hash(row, metadata, clean_json)


def _matched(text: str) -> object:
    """The media of a folder with as many sidecars, all named alike."""
    begin = "IMG_2020_a_name_that_is_longer_than_forty_characters"[:46]
    some = [f"{begin}{n}" for n in range(len(text) // 64)]
    sidecars = Sidecars({f"{name}.json": f"{begin}.jpg" for name in some})
    return [sidecars.of(f"{name}.jpg") for name in some]


def _marks(data: bytes) -> object:
    source = io.BytesIO(data)
    kinds = component_scan.Kinds(frozenset({"VCALENDAR"}), frozenset(), frozenset({"VEVENT"}))
    whole = Slice(0, len(data))
    spans = component_scan.spans(component_scan.marks(source, whole), len(data), kinds)
    read = [component_scan.read(source, span, 1 << 24) for span in spans]
    items = [component_scan.item(one, 0) for one in read]
    return items, component_scan.count(source, kinds)


def _scanned(data: bytes) -> object:
    source = io.BytesIO(data)
    deque(json_scan.scan_lines(source, 0), maxlen=0)
    deque(json_scan.batches(json_scan.scan_items(source, 0), 0, 1 << 20), maxlen=0)
    whole = Slice(1, len(data))
    deque(json_items.read_items(source, whole, 1 << 20), maxlen=0)
    return json_items.broken(source, whole)


def _zip(data: bytes) -> object:
    directory = zip_directory.find(source := io.BytesIO(data))
    return deque(zip_directory.entries(source, directory), maxlen=0)


def _unpacked(data: bytes) -> object:
    gauge = streams.Gauge(len(data), streams.ArchiveLimits())
    for made in (streams.gunzip, streams.unzstd):
        with suppress(Rejected):
            made(io.BytesIO(data), gauge).read(1 << 30)
    return None


def _transcoded(data: bytes) -> object:
    source, target = io.BytesIO(data), io.BytesIO()
    for name in ("cp1252", "iso2022_jp"):
        encoding = transcode.Encoding(name=name, is_utf8=False)
        transcode.transcode(source, target, encoding)
    return transcode.transcode(source, target)


def _documents(data: bytes) -> object:
    return [
        text_of.extract_text(data, kind)
        for kind in ("text/plain; charset=utf-8", "text/html", text_of.PDF, text_of.DOCX)
    ]


def _pdf(data: bytes) -> object:
    return text_of.extract_text(b"%PDF-1.4\n" + data + b"\n%%EOF", text_of.PDF)


_REDACTOR = redact.Redactor(
    policy.parse(
        b'[[rule]]\nkind = "email"\naction = "drop"\n[[rule]]\nkind = "phone"\n'
        b'action = "mask"\n[[rule]]\nkind = "card"\naction = "hash"\n'
    ),
    b"a key of some length, which is no secret",
    b"ana",
)
_CONTEXT = {"a": "b"}


#: Functions that need more than a text, and how they are given one.
def _listed(data: bytes) -> None:
    with _file(data) as (path, _):
        archive_browser.entries(path, "Takeout/archive_browser.html")


ADAPTED: dict[str, tuple[Callable[..., object], ...]] = {
    "services.attachments.blob_of": (lambda t: attachments.blob_of(b"a", t, t, fallback="a"),),
    "text.transcode.transcode": (_transcoded,),
    "services.messaging.person": (lambda t: messaging.person(t, t),),
    "services.google.archive_browser.entries": (_listed,),
    "privacy.prefilter.following": (lambda d: prefilter.following(d, 0),),
    "syntax.compound_files.opened": (
        lambda d: compound_files.opened(make_msg.compound({"a": d[:3_000_000]})),
        lambda d: compound_files.opened(
            make_msg.compound(
                {f"a{n}": d[n * 99 : n * 99 + 99] for n in range(min(len(d) // 99, 9_000))}
            )
        ),
    ),
    "services.contacts.identity": (lambda t: contacts.identity(t, _lines(t), t.split(",")),),
    "services.contacts.people": (lambda t: contacts.people(t, _lines(t), t.split(",")),),
    "syntax.content_lines.pieces": (
        lambda t: content_lines.pieces(t, ","),
        lambda t: content_lines.pieces(t[:99_999], ";"),
    ),
    "documents.text_of.extract_text": (_documents, _pdf),
    "documents.text_of.media_type_of": (lambda t: text_of.media_type_of(b"PK", t, t),),
    "enrich.text_pieces.text_of": (lambda t: text_pieces.text_of(t, t),),
    "enrich.text_pieces.plan": (
        lambda t: text_pieces.plan(ls := _lines(t), [text_pieces.text_hash(x) for x in ls], {}),
    ),
    "enrich.entities.entity_key": (
        lambda t: entities.entity_key("person", t.encode("utf-8", "replace").decode()),
    ),
    "services.google.places.position": (lambda t: google_places.position(t, t),),
    "syntax.json_events.enter_array": (
        lambda d: json_events.enter_array(json_events.events(d), "a.b"),
    ),
    "text.language.detect": (lambda t: language.detect([t, *_lines(t)[:3]]),),
    "text.language.of_conversations": (
        lambda t: language.of_conversations(
            ls := _lines(t), ["und"] * len(ls), [x[:1] or None for x in ls]
        ),
    ),
    "services.mail.mail_records.records": (lambda d: list(mail_records.records(d, "mail.eml")),),
    "privacy.ner.names_as_findings": (_told,),
    "normalise.normalise": (_normalised,),
    "render.mention_lines": (_rendered,),
    # The operator's own; TOML takes the square of a name with many dots.
    "privacy.policy.parse": (),
    # `parse`, which is measured, refuses a header with too many encoded words.
    "services.mail.mime_leaves.decode_field": (),
    "privacy.redact_records.redact_outcomes": (_protected,),
    "privacy.suspects.suspects": (
        lambda d: suspects.suspects(d.split(b"\n")),
        lambda d: suspects.suspects([d]),
    ),
    "readers.component_scan.spans": (_marks,),
    "readers.json.decode.outcome": (lambda d: json_decode.outcome(d, 0, cut_off=False),),
    "readers.json.items.read_items": (_scanned,),
    "services.generic_rows.row": (
        lambda t: generic_rows.row({t[:200]: t, "a": _lines(t)}, "csv.table"),
    ),
    "services.tracks.fit_files.kind": (fit_files.kind,),
    "archives.media_types.media_type": (
        lambda d: media_types.media_type(d[: media_types.HEAD], "a.bin"),
    ),
    "services.mail.between_parts.texts": (lambda d: deque(between_parts.texts(d), maxlen=0),),
    "archives.streams.gunzip": (_unpacked,),
    "services.picture_texts.taken": (picture_texts.taken,),
    "services.picture_texts.digitized": (picture_texts.digitized,),
    "services.picture_texts.position": (picture_texts.position,),
    "values.timestamps.epoch": (lambda t: timestamps.epoch(t, "s"),),
    "values.fields.measure": (lambda t: fields.measure(t, "a", {}),),
    "values.fields.number": (lambda t: fields.number(t, "a"),),
    "values.fields.whole": (lambda t: fields.whole(t, "a", {}),),
    "values.coordinates.given": (lambda t: coordinates.given(t, t),),
    "values.coordinates.pair": (lambda t: coordinates.pair(t, t),),
    "values.coordinates.wgs84": (lambda t: coordinates.wgs84(t, t),),
    "services.tracks.gps_tracks.measure": (lambda t: gps_tracks.measure(t, "a", {}),),
    "services.tracks.gps_tracks.number": (lambda t: gps_tracks.number(t, "a"),),
    "services.tracks.gps_tracks.position": (lambda t: gps_tracks.position(t, t),),
    "archives.unpack.shown": (unpack.shown,),
    "values.units.metres": (lambda t: units.metres(1.0, t),),
    "values.units.seconds": (lambda t: units.seconds(1.0, t),),
    "archives.zip_directory.entries": (_zip,),
    "services.x.unwrapped": (lambda t: x.unwrapped({"a": t}),),
    "archives.tar.entries": (lambda d: deque(tar.entries(io.BytesIO(d)), maxlen=0),),
}

#: Functions that no text out of an export is given to, or that are measured by another's entry.
EXCUSED: dict[str, tuple[str, ...]] = {
    "by the readers, which are measured whole": (
        *("readers.component_scan." + n for n in ("count", "item", "marks", "read", "slices")),
        "readers.json.items.broken",
        *("readers.json.scan." + n for n in ("read_blocks", "scan_items", "scan_lines")),
        *("readers.json.scan." + n for n in ("cut", "batches", "skip_space", "trim")),
        "values.day_order.read",
        "syntax.json_events.count",
        "normalise.slices_of",
        "readers.csv.dated.orders",
        "readers.csv.dated.marks",
        "readers.json.decode.rejection",
        "readers.html_blocks.matches",
        "readers.json.walk.lead_on",
        "readers.json.walk.around",
        "readers.json.walk.asked_for",
        "readers.chat_count.begins_message",
        *("readers.csv.cells." + n for n in ("cells_of", "is_blank", "parse")),
        *("readers.csv.headers." + n for n in ("header_of", "noted")),
        "readers.xml.count.count_tags",
        "readers.csv.dialects.sample_rows",
        "readers.csv.rows.above",
        "normalise.understand",
        "normalise.outcomes_of",
    ),
    "by `documents.office.read`, which is measured whole: it takes a package": (
        "documents.office_sheets.read_workbook",
        "documents.office_words.read_words",
    ),
    "by the dates, which are measured: it takes a match or its numbers": (
        *("values.instants." + n for n in ("civil", "from_match", "in_24_hours")),
    ),
    "by the formats, which are measured whole: it takes one field, or an item": (
        *("services.bookmarks." + n for n in ("identity", "moment", "record", "walk")),
        *("services.tracks.geojson." + n for n in ("meaning", "position")),
        *("services.mail.mapi." + n for n in ("bytes_of", "string8", "text_of")),
        *("services.youtube." + n for n in ("in_places", "is_comment_row", "some_row")),
        "services.attachments.record",
        "services.bluesky.record",
        "services.day_chats.record",
        "documents.text_of.office_kind",
        "services.tracks.fit_files.number",
        *("services.tracks.garmin." + n for n in ("measured", "measures", "moment")),
        "services.mail.mime_leaves.standard_leaves",
        *("services.mail.mime_texts." + n for n in ("join_texts", "read_text")),
        *("services.mail.mail_records." + n for n in ("identity", "of_message")),
        "services.generic_rows.undated_key",
        "services.generic_rows.file_context",
        "values.record_checks.fitted",
        "values.timestamps.epoch_or_unread",
        "services.trakt.thing",
        *("services.tracks.owntracks." + n for n in ("meaning", "point")),
        "services.tracks.gps_tracks.leaves",
        *(
            "values.fields." + n
            for n in ("text", "optional_text", "optional_flag", "joined", "non_empty")
        ),
        "values.fields.as_written",
        *("services.messaging." + n for n in ("rest", "key", "attempt")),
        *("services.google.photos." + n for n in ("identity", "people", "position", "where")),
        *("services.google.places." + n for n in ("country_of", "of_feature", "url_of")),
        *("services.google.timeline." + n for n in ("e7", "located", "segment", "sound")),
        *("services.google.play_store." + n for n in ("document", "inner", "moment", "written")),
        *("services.tables." + n for n in ("cells", "rest", "renamed")),
        *("services.meta." + n for n in ("inner", "medium", "position")),
        *("services.reddit." + n for n in ("address", "moment")),
        "services.google.takeout.person",
        *("services.youtube." + n for n in ("cells", "further", "required")),
        "services.browser.visit",
        "services.browser.holds",
        "services.google.play_store.holds",
        "services.discord.message",
        "services.google.fit.is_canonical",
        "services.media.record",
        *("services.picture_texts." + n for n in ("iptc_time", "xmp")),
        "services.google.my_activity.record",
        "services.netflix.profile",
        "values.durations.or_noted",
        "values.fields.unusable",
        "values.money.without_unreadable",
        "values.coordinates.without_unusable",
        "values.coordinates.or_noted",
        "services.plays.played_ms",
        "privacy.redact.merge_counts",
        *("privacy.redact_records." + n for n in ("redact_codes", "redact_media_type")),
        "quality.broken_rule",
        "quality.key_of",
        "values.record_checks.wrong_type",
        "values.units.converted",
    ),
    "by another entry": (
        *(
            "storage.copy_text." + n
            for n in ("content_hash", "document_line", "json_field", "tag_name")
        ),
        *("storage.copy_text." + n for n in ("location_line", "metric_line")),
        "read.read_records",
        "enrich.entities.mentions",
        "services.google.photos.of_medium",
        "services.google.photos.of_sidecar",
        "privacy.ner.find_names",
        "privacy.findings.starting",
        "privacy.findings.starting_at",
        *("archives.streams." + n for n in ("unbzip2", "unxz", "unzstd")),
        "archives.zip_directory.records",
    ),
    "what it takes is our own": (
        "values.day_periods.rule_of",
        "defects.rejection",
        "privacy.prefilter.clue",
        "storage.atomic_files.cloned",
        "archives.measure.copy_and_measure",
        "archives.measure.replace_by_copy",
        "storage.atomic_files.put",
        "storage.atomic_files.flush",
        "enrich.text_pieces.encode_missing",
        "enrich.near_duplicates.similarities",
        "quality.occurrence_key",
        "archives.encryption.seal",
        "storage.spool_file.read",
        "storage.spool_file.write",
        "archives.unpack.members",
        "archives.zip_checks.inspect_zip",
    ),
}


def _called(run: Callable[[Any], object], given: object) -> None:
    with suppress(*_REFUSED, *_SHAPELESS):
        found = run(given)
        if isinstance(found, Iterator):
            deque(found, maxlen=0)


def _cases_of(
    name: str, run: Callable[[Any], object], of: Mapping[str, Callable[[int], Any]]
) -> Iterator[Case]:
    for said in of:
        yield Case(name, said, partial(_made, said, of is BYTES), partial(_called, run))


@lru_cache(maxsize=2_000)
def _made(said: str, as_bytes: bool, n: int) -> Any:
    """An input, kept: many functions get the same."""
    return (BYTES if as_bytes else TEXTS)[said](n)


def of_functions() -> Iterator[Case]:
    """Public functions of one text, and those in `ADAPTED`."""
    by_name = dict(functions())
    for name, function in by_name.items():
        if not takes_content(function):
            continue
        if name in ADAPTED:
            for run in ADAPTED[name]:
                data = _first_is_bytes(function) and not name.startswith(
                    ("language", "embed", "names")
                )
                yield from _cases_of(name, run, BYTES if data else TEXTS)
        elif run := automatic(function):
            yield from _cases_of(name, run, BYTES if _first_is_bytes(function) else TEXTS)


def of_classes() -> Iterator[Case]:
    """What has no public function of its own."""
    for name, finder in detectors._FINDERS.items():

        def run(text: str, finder: Any = finder) -> object:
            plain = findings.Text(text, "", findings.REGIONS)
            return deque(finder(plain), maxlen=0)

        yield from _cases_of(f"personal {name}", run, TEXTS)
    yield Case("services.google.photo_sidecars.Sidecars", "names alike", repeated("a"), _matched)
    yield from _cases_of(
        "services.google.photo_sidecars.Sidecars.of",
        lambda t: Sidecars({t: t, "a.json": t}).of(t),
        TEXTS,
    )
    mend = partial(content_lines.Line, "A")
    yield from _cases_of("syntax.content_lines.Line.text", lambda t: mend(t, {}).text, TEXTS)
    printable = {"ENCODING": ["QUOTED-PRINTABLE"]}
    yield from _cases_of(
        "syntax.content_lines.Line.plain", lambda t: mend(t, printable).plain, TEXTS
    )
    yield from _cases_of(
        "syntax.content_lines.Line.binary", lambda t: mend(t, {"ENCODING": ["B"]}).binary, TEXTS
    )


# --- readers and formats ---------------------------------------------------------------------

_LIMITS = SliceLimits()


def _readers(*, each: bool) -> dict[str, Any]:
    """Each reader once, or one of each kind, as the first format that uses it has it."""
    return {
        form.reader.name if each else type(form.reader).__name__: form.reader
        for form in reversed(all_formats())
    }


def _read(reader: Any, data: bytes) -> None:
    """All that a reader does with a file, and nothing kept."""
    with _file(data) as (path, source):
        member = Member(path="a", ordinal=0, file=path, size=len(data), sha256="", media_type="")
        context = formats_support.carried(reader.prepare(source, member))
        for part in list(reader.slices(source, context, _LIMITS)):
            deque(reader.items(source, part, context), maxlen=0)
        reader.count(source, context)


@contextmanager
def _file(data: bytes) -> Iterator[tuple[Path, BinaryIO]]:
    with tempfile.NamedTemporaryFile(prefix="datapunk-growth-") as file:
        file.write(data)
        file.flush()
        yield Path(file.name), cast("BinaryIO", file)


def of_readers(effort: Effort) -> Iterator[Case]:
    """Readers, from the first look at a file to its last item."""
    for name, reader in sorted(_readers(each=effort.each_reader).items()):
        if not isinstance(reader, SqliteTable):  # a file of pages, which a text is not
            yield from _cases_of(f"reader {name}", partial(_read, reader), BYTES)


def stuttered(data: bytes, at: int, length: int) -> Callable[[int], bytes]:
    """A sample in which one piece stands as often as makes n bytes."""
    unit = data[at : at + length] or b"\n"
    return lambda n: data[:at] + unit * max(1, n // len(unit)) + data[at:]


def _understood(form: Format, path: str, data: bytes) -> None:
    with _file(data) as (file, source):
        kind = formats_support.head_of(path, data).media_type
        member = Member(path=path, ordinal=0, file=file, size=len(data), sha256="", media_type=kind)
        context = formats_support.carried(form.reader.prepare(source, member))
        reading = ReadContext(form=form, member=member, context=context)
        for part in list(form.reader.slices(source, context, form.limits)):
            found = understand(reading, source, part)
            deque(normalise(found), maxlen=0)


def of_samples(effort: Effort) -> Iterator[Case]:
    """Each sample of each format with pieces of it repeated: lines, fields, signs."""
    stutters = max(2, 12 // effort.every)
    for sample in formats_support.all_samples():
        data = sample.file.read_bytes()
        if len(data) > 64 * 1024:
            continue
        dice = random.Random(crc32(sample.path.encode()))
        run = partial(_understood, sample.form, sample.path)
        ends = [0, *(n + 1 for n, byte in enumerate(data) if byte == 10), len(data)]
        whole_lines = [(a, b - a) for a, b in pairwise(ends) if b - a > 1]
        pieces = dice.sample(whole_lines, min(len(whole_lines), stutters // 2))
        while len(pieces) < stutters:
            pieces.append((dice.randrange(max(1, len(data))), dice.choice((1, 2, 5, 16, 60))))
        for at, length in pieces:
            said = f"{sample.path}, {length} bytes from {at} repeated"
            make = stuttered(data, at, length)
            yield Case(f"format {sample.form.name}", said, make, partial(_called, run))


#: Of the texts above, what a field of a format is given.
_IN_FIELDS = (
    *(
        "a",
        "1",
        "<",
        "<a ",
        "\n",
        " ",
        ",",
        "(",
        "@",
        "a@",
        "&",
        "/",
        "é",
        "Ã©",
        ": ",
        "1:",
        "=?",
        "\\",
    ),
    *("2020-01-01 ", "http://a", "a/", "a.", "1,", "&#1", "e\u0301", "<p><b>x", "%20", "_a"),
)


def _leaves(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to texts, numbers and lists within a value; of a list to its first items."""
    if isinstance(value, dict):
        for name, inner in list(value.items()):
            yield from _leaves(inner, (*way, name))
    elif isinstance(value, list):
        yield way
        for at, inner in enumerate(value[:2]):
            yield from _leaves(inner, (*way, at))
    elif isinstance(value, str):
        yield way


def _at(value: Any, way: tuple[Any, ...]) -> Any:
    for step in way:
        value = value[step]
    return value


def _with(value: Any, way: tuple[Any, ...], new: Any) -> Any:
    if not way:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[way[0]] = _with(value[way[0]], way[1:], new)
    return copy


def of_fields(effort: Effort) -> Iterator[Case]:
    """Each text of an item of each format made long, and each list."""
    for form in all_formats():
        done: set[tuple[Any, ...]] = set()
        for sample in formats_support.samples(form):
            member = formats_support.member_of(sample.path, sample.file)
            for item in formats_support.read_items(form, member):
                for way in _leaves(item.value):
                    kind = tuple("*" if isinstance(step, int) else step for step in way)
                    if kind not in done and len(done) < 60:
                        done.add(kind)
                        found = _of_field(form, member, item, way)
                        yield from islice(found, len(done) % effort.every, None, effort.every)


def _of_field(
    form: Format, member: Member, item: RawRecord, way: tuple[Any, ...]
) -> Iterator[Case]:
    place = ".".join(map(str, way))
    old = _at(item.value, way)

    def run(new: Any) -> None:
        value = _with(item.value, way, new)
        said = msgspec.structs.replace(item, value=value)
        deque(
            normalise((0, 0, o) for o in outcomes_of(ReadContext(form=form, member=member), said)),
            maxlen=0,
        )

    name = f"format {form.name}"
    if isinstance(old, list):
        yield Case(name, f"{place} repeated", lambda n: (old or [{}]) * (n // 64), run)
        return
    for unit in _IN_FIELDS:
        yield Case(name, f"{place}: {unit!r}", repeated(unit), partial(_called, run))


#: Where the work once grew as the square of the input, or worse: never left out.
KNOWN = frozenset(
    {
        ("syntax.content_lines.component", "components in one, closed by others"),
        ("syntax.content_lines.pieces", "'\\\\,'"),
        ("registry.named_like", "' '"),
        ("services.mail.mime.parse", "a mail of broken words"),
        ("services.mail.mime.parse", "MIME in MIME"),
        ("services.mail.mime.parse", "a mail of lines that are no fields"),
        ("services.mail.mail_records.records", "a mail of references"),
        ("privacy.ner.names_as_findings", "'a'"),
        ("personal ibans", "'PN-12345-X '"),
        ("personal tokens", "'-eyJaaaaaaaa'"),
        ("privacy.detectors.find", "'n{}@example.org,', numbered"),
        ("services.google.photo_sidecars.Sidecars", "names alike"),
        ("readers.csv.dialects.sniff", "a header of many columns"),
        ("readers.json.decode.outcome", "'\\\\\"'"),
        ("recognition.peek.sound_text_of", "'\\\\\"'"),
        ("reader Bookmarks", "folders and links"),
        ("reader CsvRows", "'a\",\"b\\n'"),
        ("reader CsvRows", "a header of many columns"),
        ("reader CsvRows", "digits, then a letter"),
        ("reader Ics", "components in one, closed by others"),
        ("reader XmlElements", "roots closed"),
        ("text.cleaning.html_to_text", "'<pre>\\n'"),
        ("text.cleaning.html_to_text", "a tag of many attributes in quotes"),
        ("text.cleaning.html_to_text", "formatting with attributes"),
        ("text.cleaning.unquoted", "'\\n'"),
        ("syntax.xml_tree.parse", "an element of many"),
    }
)


def _some(found: Iterator[Case], effort: Effort) -> Iterator[Case]:
    """One in `every`, by a hash of their names, and what is known."""
    for case in found:
        hashed = crc32(f"{case.name} {case.input}".encode("utf-8", "replace"))
        if hashed % effort.every == 0 or (case.name, case.input) in KNOWN:
            yield case


def cases(effort: Effort) -> Iterator[Case]:
    """All that is measured."""
    for found in (of_functions(), of_classes(), of_readers(effort)):
        yield from _some(found, effort)
    yield from of_samples(effort)
    yield from of_fields(effort)


#: What looks at the first characters of a text alone, how many those are, and how often it is
#: called here, so that the time can be told: up to there the work has to grow as the text does,
#: too.
_BOUNDED: dict[str, tuple[Callable[[str], object], int, int]] = {
    "text.language.detect": (lambda t: language.detect([t]), language.LONGEST, 40),
    "enrich.near_duplicates.of_text": (near_duplicates.of_text, near_duplicates.MOST_CHARS, 10),
    "values.mail_dates.mail_date": (mail_dates.mail_date, 200, 150),
    "values.google_dates.activity_time": (google_dates.activity_time, 80, 1_000),
}


def bounded() -> Iterator[tuple[Case, Effort]]:
    """Functions with a bound before them, below it."""
    for name, (function, most, times) in _BOUNDED.items():

        def run(text: str, function: Any = function, times: int = times) -> None:
            for _ in range(times):
                _called(function, text)

        for said, make in TEXTS.items():
            case = Case(name, said, lambda n, make=make: make(n)[:n], run)  # type: ignore[misc]
            yield case, Effort(most // 4, most, 0.0, further=False)
