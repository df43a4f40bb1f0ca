"""MT940 and MT942 (SWIFT): the bookings of an account, as banks export them.

A booking is its line `:61:` and the lines up to the next: a continuation, and `:86:`, its purpose.
The mark is `C` or `D`, `RC` and `RD` for reversals, `EC` and `ED` for expected bookings, and the
currency's third letter may follow it. The booking day may be left out, or be as many blanks. German
banks write `:86:` in fields (`106?00…?20…?32…`, DFÜ-Abkommen annex 3), Dutch ones in words between
slashes (`/TRTP/…/NAME/…/REMI/…`), others as free text. Source: SWIFT's Category 9, MT 940; the test
files of WoLpH/mt940, `mt940_tests`.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import msgspec

from pipeline.contract import Format
from pipeline.readers.blocks import Blocks
from pipeline.recognition import peek
from pipeline.values import timestamps
from pipeline.values.fields import non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "mt940.payments"
_LINE = re.compile(
    r":61:\s?(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)(?:(?P<booked>\d{4})|[ ]{4})?"
    r"(?P<mark>[RE]?[DC])"
    r"(?P<funds>[A-Z])?\s?(?P<sum>\d[\d,.]{0,20})(?P<kind>[A-Z][A-Z0-9]{3})?(?P<rest>[^\n]*)"
    r"(?:\n(?P<more>(?!:86:).*))?",
    re.DOTALL | re.IGNORECASE | re.ASCII,
)
_CODE = re.compile(r"(\d{3})([^\w\s/])(?=\d\d)")
_WORD = re.compile(r"/(TRTP|IBAN|BIC|NAME|REMI|EREF|CSID|MARF|ORDP|BENM|RTRN|ISDT|CNTP)/")
_CURRENCY = re.compile(r"[CD]\d{6}([A-Z]{3})")
_BODY = re.compile(rb"(?:^|\n)(?::|\{4:\s*\n?:)(?:20|25|28C?|60[FM]|61|62[FM]):")
_LATEST = 79


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one booking."""
    entry = item.value.replace("\r\n", "\n").rstrip()
    line, _, purpose = entry.partition("\n:86:")
    found = _LINE.fullmatch(line.strip())
    if found is None:
        raise BadValue(Reason.BAD_SHAPE, "a line ':61:' does not follow SWIFT's layout")
    valued = "".join(found.group("year", "month", "day"))
    details = _purpose(purpose)
    account = item.around.get("account", "").strip()
    reference, _, own = found["rest"].partition("//")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PAYMENT,
        identity=(account, line.strip(), purpose.strip()),
        time=timestamps.or_unread(valued + (found["booked"] or ""), _booked),
        title=details.get("party") or details.get("purpose") or None,
        content=purpose.strip() or None,
        metadata=non_empty(
            {
                "amount": _amount(found, item.around.get("balance", "")),
                "merchant": details.pop("party", ""),
                "description": details.pop("purpose", ""),
                "value_date": valued,
                "account": account,
                "kind": found["kind"],
                "reversal": found["mark"].upper().startswith("R"),
                "reference": reference.strip(),
                "bank_reference": own.strip(),
                "supplement": (found["more"] or "").strip(),
                **details,
            }
        ),
    )


def _booked(written: str) -> Instant:
    """Return the booking day, in the year that is nearest to the value date.

    Banks that count 30 days a month have a value date of 30 February; then the year of the value
    date applies.
    """
    year = int(written[:2]) + (1900 if int(written[:2]) > _LATEST else 2000)
    valued = _date(year, written[2:6])
    near = (_date(year + n, written[6:]) for n in ((0, -1, 1) if valued else (0,)))
    days = [one for one in near if one is not None] or ([valued] if valued else [])
    if not days:
        raise BadValue(Reason.BAD_TIME, "neither the booking day nor the value day exists")
    meant = min(days, key=lambda one: abs((one - valued).days) if valued else 0)
    return msgspec.structs.replace(timestamps.iso(meant.isoformat()), text=written)


def _date(year: int, month_day: str) -> date | None:
    try:
        return date(year, int(month_day[:2]), int(month_day[2:]))
    except ValueError:
        return None


def _amount(found: re.Match[str], balance: str) -> dict[str, Any]:
    """Return the amount with its sign, in the currency of the balance above."""
    digits = found["sum"]
    whole, _, part = digits.rpartition("," if "," in digits else ".")
    whole, part = (whole, part) if whole else (part, "")
    value = re.sub("[.,]", "", whole) + (f".{part}" if part else "")
    value = value.lstrip("0") or "0"
    value = f"0{value}" if value.startswith(".") else value
    credit = found["mark"].upper() in ("C", "EC", "RD")
    currency = _CURRENCY.search(balance)
    return {
        "value": value if credit else f"-{value}",
        "currency": currency[1] if currency else None,
        "text": found["mark"] + (found["funds"] or "") + found["sum"],
    }


def _purpose(written: str) -> dict[str, Any]:
    """Return the other party and the purpose from `:86:`."""
    joined = "".join(line.strip("\r") for line in written.split("\n"))
    if code := _CODE.match(joined):
        return _by_number(joined[code.end() - 1 :], code[1], code[2])
    if _WORD.search(joined):
        parts = _WORD.split(joined)
        words = dict(zip(parts[1::2], parts[2::2], strict=True))
        return {
            "party": words.get("NAME", "").strip(),
            "purpose": words.get("REMI", "").strip(),
            "party_account": words.get("IBAN", "").strip(),
            "purpose_fields": {name: text.strip() for name, text in words.items() if text.strip()},
        }
    return {"purpose": " ".join(written.split())}


def _by_number(fields: str, code: str, mark: str) -> dict[str, Any]:
    """Read `?00` (kind), `?20` to `?29` and `?60` to `?63` (purpose), `?30` to `?33` (party)."""
    found: dict[str, str] = {}
    for field in fields.split(mark)[1:]:
        found[field[:2]] = found.get(field[:2], "") + field[2:]
    purpose = "".join(
        text for number, text in found.items() if number[:1] == "2" or number[:1] == "6"
    )
    return {
        "party": (found.get("32", "") + found.get("33", "")).strip(),
        "purpose": purpose.strip(),
        "party_bank": found.get("30", "").strip(),
        "party_account": found.get("31", "").strip(),
        "posting_text": found.get("00", "").strip(),
        "posting_code": code,
    }


def _looks_like(head: Head) -> int:
    """Recognise a statement's reference with an account, a balance or a booking of it."""
    found = {tag[-4:] for tag in _BODY.findall(peek.text_of(head)[:16_384].replace(b"\r", b""))}
    return 2 * (len(found) > 2)


FORMAT = Format(
    name=_NAME,
    title="Bookings of an account, as MT940 (SWIFT)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.(sta|mt9|mt940|mt942|940|942|swi|txt|fin|pre|asc)",),
    looks_like=_looks_like,
    reader=Blocks(
        kind="mt940",
        begin=r"(?<=[\r\n]):61:",
        stop=r"(?<=[\r\n])(?::25P?:(?P<account>[^\r\n]{0,80})|:60[FM]:(?P<balance>[^\r\n]{0,40})"
        r"|:(?!86:)\d\d[A-Z]?:|-\}?[ \t]{0,8}(?=[\r\n]|\Z)|\{1:)",
    ),
    record=to_record,
    products=("statements of banks",),
    tried=("wolph/mt940",),
    vintages=("MT940", "MT942"),
    record_types=(RecordType.PAYMENT,),
    repeats=True,
)
