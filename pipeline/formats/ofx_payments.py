"""OFX 1 (SGML) and OFX 2 (XML): the bookings of an account, as banks and cards export them.

`STMTTRN` is a booking in both; in SGML a value ends where the next tag begins. `DTPOSTED` is
`YYYYMMDDHHMMSS.XXX[offset:name]`, in which all after the day is optional; without an offset it is
in UTC. Amounts have a point or a comma and nothing else. `FITID` should distinguish the bookings of
an account; some banks give the same to many, so day and amount are part of the identity, too.
Bookings of securities (`INVBUY` and others) and balances are not read. Source: OFX 2.3, 3.2.8 and
11.4.4; the test files of csingley/ofxtools and jseutter/ofxparse.
"""

from __future__ import annotations

import re
from datetime import UTC
from html import unescape
from typing import Any

import msgspec

from pipeline.contract import Format
from pipeline.readers.blocks import Blocks
from pipeline.recognition import peek
from pipeline.syntax import xml_tree
from pipeline.values import money, open_zones, timestamps
from pipeline.values.fields import exact, non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "ofx.payments"
_TAG = re.compile(r"<(/?)([A-Z][A-Z0-9._]*)>([^<]*)", re.IGNORECASE)
_TIME = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:(\d\d)(\d\d)(?:(\d\d)(\.\d+)?)?)?"
    r"(?:\[([+-]?\d{1,2}(?:\.\d+)?)(?::[^\]]*)?\])?"
)
_TAKEN = frozenset({"TRNTYPE", "DTPOSTED", "TRNAMT", "FITID", "NAME", "MEMO", "PAYEE.NAME"})
_VALUE = r"[^<\r\n]{0,200}"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one booking."""
    fields = _fields(item.value)
    written, amount = fields.get("DTPOSTED", ""), fields.get("TRNAMT", "")
    if not written and not amount:
        raise BadValue(Reason.MISSING_FIELD, "the booking has neither 'DTPOSTED' nor 'TRNAMT'")
    currency = fields.get("CURRENCY.CURSYM") or item.around.get("currency")
    party = fields.get("NAME") or fields.get("PAYEE.NAME") or ""
    memo, account = fields.get("MEMO", ""), item.around.get("account", "")
    others = {n.lower().replace(".", "_"): v for n, v in fields.items() if n not in _TAKEN and v}
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PAYMENT,
        identity=(account, fields.get("FITID", ""), written, amount, party, memo),
        time=timestamps.or_unread(written, _time),
        title=party or memo or None,
        content=memo or None,
        metadata=non_empty(
            {
                "amount": _amount(amount, currency),
                "merchant": party,
                "description": memo,
                "kind": fields.get("TRNTYPE"),
                "booking_id": fields.get("FITID"),
                "account": account,
                "bank": item.around.get("bank"),
                **others,
            }
        ),
    )


def _fields(entry: str) -> dict[str, str]:
    """Return values by the names of their elements; nested ones by both names: `PAYEE.NAME`."""
    tags = [(bool(t[1]), t[2].upper(), t[3].strip()) for t in _TAG.finditer(entry)]
    closed = {name for closes, name, _ in tags if closes}
    found: dict[str, str] = {}
    within: list[str] = []
    for closes, name, value in tags[1:]:
        if closes:
            if name in within:
                del within[within.index(name) :]
        elif not value and name in closed:
            within.append(name)
            if len(within) > xml_tree.DEPTH:
                depth = xml_tree.DEPTH
                raise BadValue(Reason.TOO_DEEP, f"elements are nested more than {depth} deep")
        else:
            found.setdefault(".".join([*within, name]), unescape(value))
    return found


def _time(written: str) -> Instant:
    found = _TIME.fullmatch(written.strip())
    if found is None:
        raise BadValue(Reason.BAD_TIME, "the time is not in OFX's form")
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    text = f"{year}-{month}-{day}"
    if hour is None:
        return msgspec.structs.replace(timestamps.iso(text), text=written)
    text += f"T{hour}:{minute}:{second or '00'}{fraction or ''}"
    if zone is None:
        moment = open_zones.in_zone(timestamps.iso(text), UTC)
    else:
        east = round(float(zone) * 60)
        sign = "-" if east < 0 else "+"
        moment = timestamps.iso(f"{text}{sign}{abs(east) // 60:02}:{abs(east) % 60:02}")
    return msgspec.structs.replace(moment, text=written)


def _amount(written: str, currency: str | None) -> dict[str, Any]:
    """Read a decimal.

    OFX has no thousands separators or currency signs, but some banks write them.
    """
    value = exact(written, comma=True)
    text = money.amount(written, currency)["value"] if value is None else f"{value:f}"
    return {"value": text, "currency": currency or None, "text": written}


def _looks_like(head: Head) -> int:
    text = peek.text_of(head)[:4_096].upper()
    return 2 * (b"OFXHEADER" in text or b"<OFX>" in text)


FORMAT = Format(
    name=_NAME,
    title="Bookings of an account, as OFX (OFX, QFX)",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.(ofx|qfx|qbo|sgml|xml|txt|aspx)",),
    looks_like=_looks_like,
    reader=Blocks(
        kind="ofx",
        begin=r"<STMTTRN>",
        end=r"</STMTTRN>",
        stop=r"</BANKTRANLIST>|</OFX>",
        noted=rf"<CURDEF>(?P<currency>{_VALUE})|<ACCTID>(?P<account>{_VALUE})"
        rf"|<BANKID>(?P<bank>{_VALUE})",
        closing=r"</OFX>\s*\Z",
    ),
    record=to_record,
    products=("statements of banks",),
    tried=("csingley/ofxtools",),
    vintages=("OFX 1 (SGML)", "OFX 2 (XML)"),
    record_types=(RecordType.PAYMENT,),
    repeats=True,
)
