"""QIF (Quicken Interchange Format): the bookings of accounts, as banks and programs export them.

An entry is lines up to a line `^`. The first letter of a line gives its kind: `D` a day, `T` or `U`
an amount, `P` the other party, `M` the purpose, `L` the category, `S`, `E` and `$` parts of a
split. `!Type:Bank` and similar lines are above the entries of an account. Entries that are not
bookings (an account, a category) are kept unchanged. The order of numbers in a day depends on the
program's country and is found from all days of a file; a year after an apostrophe is of this
century. Source: Quicken's description of QIF as Wikipedia has it, and the files in issues of
moneymanagerex/moneymanagerex and we-promise/sure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from pipeline.contract import Format
from pipeline.readers.parted_text import PartedText
from pipeline.recognition import peek
from pipeline.services import generic_rows
from pipeline.values import day_order, money, timestamps
from pipeline.values.fields import non_empty
from schemas.files import Head, Member
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "qif.payments"
_NAMES = {
    "C": "cleared",
    "N": "number",
    "L": "category",
    "A": "address",
    "Y": "security",
    "I": "price",
    "Q": "quantity",
    "O": "commission",
    "S": "split_categories",
    "E": "split_memos",
    "$": "split_sums",
    "%": "split_percentages",
}
_SEVERAL = frozenset("ASE$%")
_BEGINS = re.compile(rb"!(?:Type:|Account|Option:|Clear:)", re.IGNORECASE)
_DIGITS = re.compile(r"\d")
_NUMBERS = re.compile(r"\s*\d+\s*([./-])\s*\d+\s*([./'-])\s*\d+\s*")
_SHORT_YEAR = re.compile(r"(?<=[./-])(\d\d)$")
#: Two-digit years from here on are of the last century.
_LATEST = 70


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one booking, or a row for an entry of another kind."""
    fields = _fields(item.value)
    written, amount = _one(fields, "D"), _one(fields, "T") or _one(fields, "U")
    if not _DIGITS.search(amount) and not (amount and _DIGITS.search(written)):
        return generic_rows.row({"lines": item.value.splitlines()}, _NAME, member)
    orders = item.around.get("orders", {})
    party, memo = _one(fields, "P"), _one(fields, "M")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PAYMENT,
        identity=tuple(f"{name}{text}" for name, text in fields),
        time=timestamps.or_unread(written, partial(_day, orders)),
        title=party or memo or None,
        content="\n".join(text for _, text in fields if text) or None,
        metadata=non_empty(
            {
                "amount": money.amount(amount),
                "merchant": party,
                "description": memo,
                **_others(fields),
            }
        ),
    )


def _fields(entry: str) -> list[tuple[str, str]]:
    """Return sign and text of the lines of an entry, without those above it."""
    lines = (line.strip() for line in entry.splitlines())
    return [(line[0], line[1:].strip()) for line in lines if line and line[0] != "!"]


def _one(fields: list[tuple[str, str]], sign: str) -> str:
    return next((text for name, text in fields if name == sign), "")


def _others(fields: list[tuple[str, str]]) -> dict[str, Any]:
    others: dict[str, Any] = {}
    for sign, name in _NAMES.items():
        found = [text for one, text in fields if one == sign and text]
        others[name] = found if sign in _SEVERAL else _one(fields, sign)
    return others


def _day(orders: day_order.Orders, written: str) -> Instant:
    return msgspec.structs.replace(day_order.read(_plain(written), orders), text=written)


def _days(entry: str) -> Iterator[str]:
    fields = _fields(entry)
    if _one(fields, "T") or _one(fields, "U"):
        yield _plain(_one(fields, "D"))


def _plain(written: str) -> str:
    """Return a day of three numbers without blanks, with one separator and a whole year."""
    found = _NUMBERS.fullmatch(written)
    if found is None:
        return written.strip()
    modern = found[2] == "'"
    day = re.sub(r"\s", "", written).replace("'", found[1])
    year = _SHORT_YEAR.search(day)
    if year is None or re.match(r"\d{4}", day):
        return day
    century = "20" if modern or int(year[1]) < _LATEST else "19"
    return f"{day[: year.start()]}{century}{year[1]}"


def _looks_like(head: Head) -> int:
    return 2 * (_BEGINS.match(peek.text_of(head)) is not None)


FORMAT = Format(
    name=_NAME,
    title="Bookings of an account, as QIF",
    version=1,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.(qif|txt)",),
    looks_like=_looks_like,
    reader=PartedText(separator="^", days=_days),
    record=to_record,
    products=("statements of banks", "Quicken"),
    record_types=(RecordType.PAYMENT, RecordType.ROW),
    repeats=True,
)
