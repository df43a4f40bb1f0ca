"""Address books in vCard 2.1, 3.0 and 4.0: Takeout's contacts, phones, mail programs.

Takeout writes `Contacts/All Contacts/All Contacts.vcf` and repeats the cards in one folder for each
label, so a card's identity is its UID, else its name and first address. `item1.EMAIL` takes its
label from `item1.X-ABLabel`. A photo, sound or key within the card is a file of its own. A card
within a card (AGENT of 2.1 and 3.0: a person's representative) is a contact of its own and of that
card. Unknown properties are kept unchanged.

Source: `docs/reference/exports/calendars-and-contacts.md#contacts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from pipeline.contract import Format
from pipeline.documents import text_of
from pipeline.readers.vcard import Vcards
from pipeline.recognition import peek
from pipeline.services import contacts
from pipeline.syntax import content_lines
from pipeline.syntax.content_lines import Component, Line, pieces, unescaped
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.records import Blob, DataType, Outcome, RawRecord, Record, Rejection, Related
from schemas.vocabulary import RecordType, Relation

_NAME = "contacts.vcard"
#: Apple writes labels that it translates as `_$!<Spouse>!$_`.
_APPLE = re.compile(r"_\$!<(.*)>!\$_")
_NO_LABELS = frozenset({"internet", "pref", "voice", "x400"})
_ADDRESS = ("post_box", "extended", "street", "city", "region", "post_code", "country")
_TEXTS = {
    "NICKNAME": "nickname",
    "TITLE": "job_title",
    "ROLE": "role",
    "GENDER": "gender",
    "KIND": "kind",
    "UID": "uid",
}
_PARTS = ("family", "given", "additional", "prefix", "suffix")
_DAYS = {"BDAY": "birthday", "ANNIVERSARY": "anniversary", "DEATHDATE": "died"}
#: A date, basic or extended; `--` means no year.
_DATE = re.compile(r"(\d{4}|--)-?(\d\d)-?(\d\d)(?=$|T)", re.ASCII)
#: What Apple writes for no year: `1604`, a leap year.
_NO_YEAR = frozenset({"--", "1604"})
#: A label that Android writes as a type in vCard 2.1.
_CUSTOM = re.compile(r"x-custom\(charset=([^,]*), ?encoding=quoted-printable, ?(.*)\)", re.DOTALL)
#: A person's representative: a card in the next lines, or in the value with backslashes.
_AGENT, _CARD, _BEGIN_CHARS = "AGENT", "VCARD", 16
#: Properties that hold bytes or link to a file.
_PICTURES = ("PHOTO", "LOGO")
_FILES = (*_PICTURES, "SOUND", "KEY")
#: Handles at other services; the property's name gives the service.
_HANDLES = re.compile(r"X-(AIM|ICQ|MSN|YAHOO|JABBER|SKYPE(?:-USERNAME)?|GTALK|QQ|GOOGLE-TALK)")


#: Properties that have a field of their own, or that say how the card is written.
_TAKEN = frozenset(
    {"NOTE", "EMAIL", "TEL", "ADR", "LABEL", "ORG", "URL", "CATEGORIES", "IMPP", "X-SOCIALPROFILE"}
    | {"X-ABRELATEDNAMES", "X-ABDATE", "X-ABLABEL", "N", "REV", "PRODID", _AGENT, *_FILES}
)
#: Properties that a card has once.
_ONCE = frozenset({"FN", "VERSION", *_TEXTS, *_DAYS})
#: Properties that any card has and that do not identify a person.
_SILENT = frozenset({"VERSION", "PRODID", "REV", "CATEGORIES"})


def to_records(item: RawRecord, member: Member) -> Iterator[Outcome]:
    """Yield the contact, the files embedded in its card, and the cards within it."""
    yield from _contact(item.value, ())


def _contact(card: Component, of: tuple[str, ...]) -> Iterator[Outcome]:
    """Yield a contact, or the representative of the contact `of`."""
    name, uid = _called(card), card.text("UID")
    addresses = [address for line in card.every("EMAIL") if (address := _mail(line))]
    phones = [phone for line in card.every("TEL") if (phone := _phone(line))]
    own = (uid,) if uid else _identity(card, name, addresses, phones)
    identity = (*of, "agent", *own) if of else own
    agents = _agents(card)
    yield Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.CONTACT,
        identity=identity,
        title=name or None,
        content=card.texts("NOTE"),
        metadata={**_people(name, addresses, phones), **_metadata(card, agents)},
        related=(Related(Relation.PART_OF, RecordType.CONTACT, of),) if of else (),
        mutable=True,
    )
    for line in card.every(*_FILES):
        if data := line.binary:
            yield _file(line, data, identity)
    for agent in agents:
        try:
            yield from _contact(agent, identity)
        except BadValue as bad:
            yield Rejection(reason=bad.reason, detail=bad.detail)


def _called(card: Component) -> str:
    own = card.text("FN") or _name(card.first("N")) or card.text("ORG")
    return own or card.text("NICKNAME") or ""


def _agents(card: Component) -> list[Component]:
    """Return the cards within a card."""
    within = (line.text.strip() for line in card.every(_AGENT))
    written = (text for text in within if text[:_BEGIN_CHARS].upper().startswith("BEGIN:VCARD"))
    found = (content_lines.component(text.encode("utf-8", "surrogateescape")) for text in written)
    return [one for one in (*card.parts, *found) if one.name == _CARD]


def _people(name: str, addresses: list[str], phones: list[str]) -> dict[str, Any]:
    found = contacts.people(name, addresses, phones)
    return {"people": found} if found else {}


def _identity(
    card: Component, name: str, addresses: list[str], phones: list[str]
) -> tuple[str, ...]:
    """Return a contact's identity; without a name, address or number, a hash of the whole card."""
    lines = (line for line in card.lines if line.name not in _SILENT and line.value.strip("; "))
    written = sorted(f"{line.name}:{line.value}" for line in lines)
    if written and not (name or addresses or phones):
        return ("card", sha256("\n".join(written).encode("utf-8", "surrogatepass")).hexdigest())
    return contacts.identity(name, addresses, phones)


def _name(line: Line | None) -> str:
    """Return given and family name of `N:Family;Given;…`, as far as they exist."""
    if line is None:
        return ""
    parts = [*pieces(line.plain, ";"), "", ""]
    return " ".join(part for part in (parts[1], parts[0]) if part)


def _name_parts(card: Component) -> dict[str, str]:
    """Return the parts of `N` that `FN` does not tell apart, such as the family name."""
    line = card.first("N") if card.text("FN") else None
    parts = pieces(line.plain, ";") if line else []
    return {name: part for name, part in zip(_PARTS, parts, strict=False) if part}


def _mail(line: Line) -> str:
    return re.sub(r"(?i)\Amailto:", "", line.text.strip())


def _phone(line: Line) -> str:
    """Return the number; vCard 4.0 writes it as `tel:` with a parameter for the extension."""
    return line.text.strip().removeprefix("tel:")


def _metadata(card: Component, agents: list[Component]) -> dict[str, Any]:
    labels = {
        line.group: _APPLE.sub(r"\1", line.text) for line in card.every("X-ABLABEL") if line.group
    }
    metadata = {
        **{lake_name: card.text(name) for name, lake_name in _TEXTS.items()},
        **{
            lake_name: _day(line) for name, lake_name in _DAYS.items() if (line := card.first(name))
        },
        "emails": [_labelled(line, "address", labels) for line in card.every("EMAIL")],
        "phones": [_labelled(line, "phone", labels) for line in card.every("TEL")],
        "addresses": _addresses(card, labels),
        "organization": [p for line in card.every("ORG") for p in pieces(line.plain, ";") if p],
        "links": [line.text.strip() for line in card.every("URL")],
        "labels": [x for line in card.every("CATEGORIES") for x in pieces(line.plain, ",")],
        "handles": [_handle(line, labels) for line in card.lines if _is_handle(line)],
        "related_names": [
            *(_labelled(line, "name", labels) for line in card.every("X-ABRELATEDNAMES")),
            *({"name": name, "label": "agent"} for one in agents if (name := _called(one))),
            *(_pointed_to(line) for line in card.every(_AGENT) if _is_address(line)),
        ],
        "dates": [
            {**_labelled(line, "date", labels), "date": _day(line)}
            for line in card.every("X-ABDATE")
        ],
        "photos": [line.value.strip() for line in card.every("PHOTO") if line.binary is None],
        "files": [_linked(line) for line in card.every(*_FILES[1:]) if line.binary is None],
        "name_parts": _name_parts(card),
        "version": card.text("VERSION"),
        "properties": _properties(card),
        "unread_lines": card.odd,
        "flags": ["odd_lines"] if card.odd else [],
    }
    return {name: value for name, value in metadata.items() if value}


def _labelled(line: Line, name: str, labels: dict[str, str]) -> dict[str, Any]:
    """Return a value with its labels."""
    kinds = [kind for types in line.types for kind in types.split(",") if kind not in _NO_LABELS]
    reads = {"phone": _phone, "address": _mail}
    value = reads[name](line) if name in reads else line.text.strip()
    own = labels.get(line.group) if line.group else None
    label = own or _CUSTOM.sub(_custom, ", ".join(kinds))
    return {name: value, "label": label} if label else {name: value}


def _custom(found: re.Match[str]) -> str:
    """Return a label that the owner defined."""
    return Line("", found[2], {"ENCODING": ["QUOTED-PRINTABLE"], "CHARSET": [found[1]]}).text


def _day(line: Line) -> str:
    """Return a day as written; every spelling without a year becomes `--06-26`."""
    written = line.text.strip()
    found = _DATE.match(written)
    if found is None or found[1] not in _NO_YEAR | {line.param("X-APPLE-OMIT-YEAR")}:
        return written
    return f"--{found[2]}-{found[3]}"


def _addresses(card: Component, labels: dict[str, str]) -> list[dict[str, Any]]:
    """Return each address with its LABEL, the text for a letter, also without an address."""
    found = [_address(line, labels) for line in card.every("ADR")]
    for line in card.every("LABEL"):
        shown = {**_labelled(line, "text", labels), "text": line.text.strip()}
        same = [one for one in found if one.get("label") == shown.get("label")]
        bare = next((one for one in same if "text" not in one), None)
        if bare is None:
            found.append(shown)
        else:
            bare["text"] = shown["text"]
    return [one for one in found if one.keys() - {"label"}]


def _address(line: Line, labels: dict[str, str]) -> dict[str, Any]:
    parts = dict(zip(_ADDRESS, pieces(line.plain, ";"), strict=False))
    label = _labelled(line, "address", labels).get("label")
    details = {**parts, "label": label, "text": unescaped(line.param("LABEL") or "")}
    return {name: value for name, value in details.items() if value}


def _is_handle(line: Line) -> bool:
    known = line.name in ("IMPP", "X-SOCIALPROFILE") or _HANDLES.fullmatch(line.name) is not None
    return known and bool(line.text.strip())


def _handle(line: Line, labels: dict[str, str]) -> dict[str, str]:
    """Return a handle and its service, named by the property, a parameter or the URI's scheme."""
    service, handle = line.name.removeprefix("X-").lower(), line.text.strip()
    label = _labelled(line, "handle", labels).get("label", "")
    if line.name == "X-SOCIALPROFILE":
        service, label = next(iter(line.types), service), ""
    elif line.name == "IMPP":
        scheme, _, rest = handle.partition(":")
        service = (line.param("X-SERVICE-TYPE") or (scheme if rest else service)).lower()
        handle = rest or handle
    details = {"service": service, "handle": handle, "label": label}
    return {name: value for name, value in details.items() if value}


def _properties(card: Component) -> dict[str, list[str]]:
    """Return all other properties, each under its own name."""
    handles = {name for name in card.by_name if _HANDLES.fullmatch(name)}
    return card.rest(_TAKEN | handles, _ONCE)


def _is_address(line: Line) -> bool:
    """Return whether AGENT is the address of a card elsewhere."""
    text = line.text.strip()
    return bool(text) and not text[:_BEGIN_CHARS].upper().startswith("BEGIN:VCARD")


def _pointed_to(line: Line) -> dict[str, str]:
    return {"name": line.text.strip(), "label": "agent"}


def _linked(line: Line) -> dict[str, str]:
    return {"name": line.name.lower(), "url": line.value.strip()}


def _file(line: Line, data: bytes, identity: tuple[str, ...]) -> Record:
    """Return a picture, sound or key in a card as a file of its own."""
    digest, picture = sha256(data).hexdigest(), line.name in _PICTURES
    name = "photo" if picture else line.name.lower()
    stated_type = (
        f"image/{next(iter(line.types), 'jpeg')}" if picture else "application/octet-stream"
    )
    kind = text_of.media_type_of(data, name, line.media_type or stated_type)
    return Record(
        data_type=DataType.MEDIA,
        source=_NAME,
        record_type=RecordType.ATTACHMENT,
        identity=(*identity, digest),
        title=name,
        content_type=kind,
        blob=Blob(sha256=digest, size=len(data), media_type=kind, name=name, data=data),
        related=(Related(Relation.ATTACHMENT_OF, RecordType.CONTACT, identity),),
    )


def _looks_like(head: Head) -> bool:
    return peek.text_of(head)[:64].upper().lstrip(b"\r\n\t ").startswith(b"BEGIN:VCARD")


FORMAT = Format(
    name=_NAME,
    title="Contacts of an address book (vCard)",
    version=4,
    data_type=DataType.STRUCTURED,
    paths=(r"(?s:.+)",),
    looks_like=_looks_like,
    reader=Vcards(),
    record=to_records,
    hints=(r"(.+/)?[^/]+\.(vcf|vcard)",),
    products=("Google Takeout: Contacts", "vCard files"),
    tried=("mangstadt/ez-vcard", "py-vobject/vobject", "timelinize/timelinize"),
    vintages=("vCard 2.1", "vCard 3.0", "vCard 4.0"),
    record_types=(RecordType.CONTACT, RecordType.ATTACHMENT),
    sample="invented and real",
)
