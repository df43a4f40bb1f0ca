"""camt.053, camt.052 and camt.054 (ISO 20022): the bookings of an account at a European bank.

`Ntry` is a booking: an amount with its currency, `CRDT` or `DBIT`, the booking date and the value
date. `NtryDtls/TxDtls` give the other party, the purpose and the references; one booking of several
payments has several of them. `RvslInd` marks a reversal; the sign is that of `CdtDbtInd` (the same
by the standard). Names are under `Pty` since version 8. Source: the message definitions of ISO
20022, camt.053.001.02 to .08.
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
from pipeline.values.fields import non_empty
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
    """Return one booking."""
    entry = xml_tree.parse(item.value.encode())
    written = _day(entry, "BookgDt") or _day(entry, "ValDt")
    amount = _amount(entry)
    payments = [_payment(details, entry) for details in entry.walk() if details.tag == "TxDtls"]
    first = payments[0] if payments else {}
    party = first.get("party", "")
    purpose = first.get("purpose") or entry.text_at("AddtlNtryInf") or ""
    account = unescape(item.around.get("account", ""))
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PAYMENT,
        identity=(account, *_texts(entry)),
        time=timestamps.or_unread(written),
        title=party or purpose or None,
        content="\n".join(_texts(entry)) or None,
        metadata=non_empty(
            {
                "amount": amount,
                "merchant": party,
                "description": purpose,
                "status": entry.text_at("Sts", "Cd") or entry.text_at("Sts"),
                "value_date": _day(entry, "ValDt"),
                "reversal": entry.text_at("RvslInd") == "true",
                "account": account,
                "reference": entry.text_at("AcctSvcrRef") or entry.text_at("NtryRef"),
                "note": entry.text_at("AddtlNtryInf"),
                "payments": payments,
            }
        ),
    )


def _texts(entry: Element) -> tuple[str, ...]:
    """Return the texts that identify a booking, without its status, which changes."""
    return tuple(_identifying_texts(entry))


def _identifying_texts(entry: Element) -> Iterator[str]:
    for child in entry.children:
        if child.tag != "Sts":
            yield from (text for one in child.walk() if (text := one.text.strip()))


def _day(entry: Element, name: str) -> str | None:
    return entry.text_at(name, "Dt") or entry.text_at(name, "DtTm")


def _amount(entry: Element) -> dict[str, Any]:
    amount = entry.first("Amt")
    side = entry.text_at("CdtDbtInd")
    if amount is None or side not in ("CRDT", "DBIT"):
        raise BadValue(Reason.MISSING_FIELD, "no 'Amt' or no 'CdtDbtInd'")
    written = amount.text.strip()
    value = written if _SUM.fullmatch(written) else None
    if value is not None and side == "DBIT":
        value = f"-{value}"
    return {"value": value, "currency": amount.attributes.get("Ccy"), "text": written}


def _payment(details: Element, entry: Element) -> dict[str, Any]:
    """Return the other party, the purpose and the references of a payment."""
    paid = (details.text_at("CdtDbtInd") or entry.text_at("CdtDbtInd")) == "DBIT"
    side = "Cdtr" if paid else "Dbtr"
    people = details.first("RltdPties") or Element("", {})
    refs = details.first("Refs") or Element("", {})
    account = people.first(f"{side}Acct", "Id") or Element("", {})
    sent = details.first("RmtInf") or Element("", {})
    amount = details.first("Amt") or details.first("AmtDtls", "TxAmt", "Amt")
    purpose = " ".join(text for one in sent.all("Ustrd") if (text := one.text.strip()))
    return non_empty(
        {
            "party": people.text_at(side, "Nm") or people.text_at(side, "Pty", "Nm"),
            "party_account": account.text_at("IBAN") or account.text_at("Othr", "Id"),
            "purpose": purpose or sent.text_at("Strd", "CdtrRefInf", "Ref"),
            "sum": amount.text.strip() if amount is not None else None,
            "sum_currency": amount.attributes.get("Ccy") if amount is not None else None,
            "references": {one.tag: one.text.strip() for one in refs.children if one.text.strip()},
            "note": details.text_at("AddtlTxInf"),
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
