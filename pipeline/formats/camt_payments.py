"""camt.053, camt.052 and camt.054 (ISO 20022): the bookings of an account, as European banks give.

`Ntry` is a booking: a sum with its currency, `CRDT` or `DBIT`, the day it was booked and the day of
its value; `NtryDtls/TxDtls` say who, what for, and under which references, several times where
one booking is of several payments. `RvslInd` marks a reversal; the sign is that of `CdtDbtInd`
(the same by the standard). Names are under `Pty` since version 8.
Source: the message definitions of ISO 20022, camt.053.001.02 to .08.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from pipeline.contract import Format
from pipeline.readers.blocks import Blocks
from pipeline.recognition import peek
from pipeline.syntax import xml_tree
from pipeline.syntax.xml_tree import Element
from pipeline.values import timestamps
from pipeline.values.fields import kept
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "camt.payments"
_SUM = re.compile(r"\d{1,18}(?:\.\d+)?")
_ROOT = re.compile(rb"<(?:\w+:)?(?:BkToCstmrStmt|BkToCstmrAcctRpt|BkToCstmrDbtCdtNtfctn)[\s>]")
_P = r"(?:[A-Za-z_][\w.-]{0,60}:)?"
_SPACE = r"\s{0,200}"
_MORE = r"(?:\s[^<>]{0,100})?>"  # attributes, and the tag's end
_ACCOUNT = (
    rf"<{_P}Acct{_MORE}{_SPACE}<{_P}Id{_MORE}{_SPACE}"
    rf"(?:<{_P}Othr{_MORE}{_SPACE}<{_P}Id{_MORE}|<{_P}IBAN{_MORE})"
)


def to_record(item: RawRecord, member: Member) -> Record:
    """One booking."""
    entry = xml_tree.parse(item.value.encode())
    written = _day(entry, "BookgDt") or _day(entry, "ValDt")
    amount = _amount(entry)
    payments = [_payment(details, entry) for details in entry.walk() if details.tag == "TxDtls"]
    first = payments[0] if payments else {}
    party = first.get("party", "")
    purpose = first.get("purpose") or entry.said("AddtlNtryInf") or ""
    account = unescape(item.around.get("account", ""))
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PAYMENT,
        identity=(account, *_texts(entry)),
        time=timestamps.or_unread(written),
        title=party or purpose or None,
        content="\n".join(_texts(entry)) or None,
        metadata=kept(
            {
                "amount": amount,
                "merchant": party,
                "description": purpose,
                "status": entry.said("Sts", "Cd") or entry.said("Sts"),
                "value_date": _day(entry, "ValDt"),
                "reversal": entry.said("RvslInd") == "true",
                "account": account,
                "reference": entry.said("AcctSvcrRef") or entry.said("NtryRef"),
                "note": entry.said("AddtlNtryInf"),
                "payments": payments,
            }
        ),
    )


def _texts(entry: Element) -> tuple[str, ...]:
    """The texts of a booking, by which it is known; its status changes and is left out."""
    return tuple(_said(entry))


def _said(entry: Element) -> Iterator[str]:
    for child in entry.children:
        if child.tag != "Sts":
            yield from (text for one in child.walk() if (text := one.text.strip()))


def _day(entry: Element, name: str) -> str | None:
    return entry.said(name, "Dt") or entry.said(name, "DtTm")


def _amount(entry: Element) -> dict[str, Any]:
    amount = entry.first("Amt")
    side = entry.said("CdtDbtInd")
    if amount is None or side not in ("CRDT", "DBIT"):
        raise BadValue(Reason.MISSING_FIELD, "no 'Amt' or no 'CdtDbtInd'")
    written = amount.text.strip()
    value = written if _SUM.fullmatch(written) else None
    if value is not None and side == "DBIT":
        value = f"-{value}"
    return {"value": value, "currency": amount.attributes.get("Ccy"), "text": written}


def _payment(details: Element, entry: Element) -> dict[str, Any]:
    """Who was paid or paid, what for, and the references."""
    paid = (details.said("CdtDbtInd") or entry.said("CdtDbtInd")) == "DBIT"
    side = "Cdtr" if paid else "Dbtr"
    people = details.first("RltdPties") or Element("", {})
    refs = details.first("Refs") or Element("", {})
    account = people.first(f"{side}Acct", "Id") or Element("", {})
    sent = details.first("RmtInf") or Element("", {})
    amount = details.first("Amt") or details.first("AmtDtls", "TxAmt", "Amt")
    purpose = " ".join(text for one in sent.all("Ustrd") if (text := one.text.strip()))
    return kept(
        {
            "party": people.said(side, "Nm") or people.said(side, "Pty", "Nm"),
            "party_account": account.said("IBAN") or account.said("Othr", "Id"),
            "purpose": purpose or sent.said("Strd", "CdtrRefInf", "Ref"),
            "sum": amount.text.strip() if amount is not None else None,
            "sum_currency": amount.attributes.get("Ccy") if amount is not None else None,
            "references": {one.tag: one.text.strip() for one in refs.children if one.text.strip()},
            "note": details.said("AddtlTxInf"),
        }
    )


def _looks_like(head: Head) -> int:
    return 2 * (_ROOT.search(peek.text_of(head)[:16_384]) is not None)


FORMAT = Format(
    name=_NAME,
    title="Bookings of an account, as camt.053 (ISO 20022)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.(xml|camt|camt\.?05[234]|c5[234])",),
    looks_like=_looks_like,
    reader=Blocks(
        kind="camt",
        begin=rf"<{_P}Ntry[\s>]",
        end=rf"</{_P}Ntry\s{{0,8}}>",
        stop=rf"</{_P}(?:Stmt|Rpt|Ntfctn|Document)\s{{0,8}}>",
        noted=rf"{_ACCOUNT}(?P<account>[^<]{{0,100}})",
        closing=rf"</{_P}Document\s{{0,8}}>\s{{0,200}}\Z",
    ),
    record=to_record,
    products=("statements of banks",),
    vintages=("camt.053.001.02 to .08", "camt.052", "camt.054"),
    record_types=(RecordType.PAYMENT,),
    repeats=True,
)
