"""Bookings of an account, as banks give them as CSV: known by their columns in ten languages.

There are as many layouts as banks. A column is known by the words in its name (`Buchungsdatum`,
`Betrag (€)`, `Mottagare`); all cells stay as they are in `fields`. As in any table, a booking is
who its cells say, and two equal ones of one file are two.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from functools import lru_cache, partial
from typing import Any

import msgspec

from pipeline import money, rows, tables, timestamps
from pipeline.fields import kept
from pipeline.format import Format, Rank
from pipeline.readers.csv_dated import CsvDated
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "bank.statement"

#: What a column is, by words of which its name holds one, whole or as its beginning (`buchung*`).
#: In each part the languages are English, German, French, Spanish, Italian, Dutch, Polish,
#: Portuguese, Swedish and Danish.
_PARTS: Mapping[str, str] = {
    "booked": "booking date|posting date|posted date|date posted|transaction date|date|buchungstag"
    "|buchungsdatum|buchung|datum|date operation|date comptable|date de l operation"
    "|fecha|fecha operacion|fecha contable|data|data contabile|data operazione|data registrazione"
    "|boekdatum|boekingsdatum|transactiedatum|data operacji|data ksiegowania|data transakcji"
    "|data mov|data movimento|data lancamento|bokforingsdag|bokforingsdatum|transaktionsdag"
    "|bogforingsdato|bogfort|dato",
    "valued": "value date|valuta|wertstellung|valutadatum|date valeur|date de valeur|fecha valor"
    "|data valuta|rentedatum|data waluty|data valor|valutadag|valor",
    "amount": "amount|transaction amount|betrag|umsatz|montant|importe|importo|bedrag|kwota"
    "|kwota transakcji|valor|montante|importancia|belopp|belob",
    "debit": "debit|debit amount|paid out|money out|withdrawal|withdrawals|soll|lastschrift"
    "|belastung|cargo|cargos|debe|addebiti|uscite|dare|af|obciazenia|debito|uttag|ud",
    "credit": "credit|credit amount|paid in|money in|deposit|deposits|haben|gutschrift"
    "|abono|abonos|haber|accrediti|entrate|avere|bij|uznania|credito|insattning|ind",
    "currency": "currency|wahrung|waehrung|devise|divisa|moneda|moeda|valuta|munt|waluta",
    "balance": "balance|running balance|account balance|saldo|kontostand|saldo nach buchung|solde"
    "|saldo dopo operazione|saldo po transakcji|saldo contabilistico|bokfort saldo",
    "party": "payee|counterparty|name|merchant|beneficiary|zahlungsempfanger|zahlungsempfanger in"
    "|empfanger|beguenstigter zahlungspflichtiger|begunstigter zahlungspflichtiger|auftraggeber"
    "|auftraggeber empfanger|name zahlungsbeteiligter|beneficiaire|tiers|beneficiario|ordenante"
    "|controparte|tegenpartij|naam tegenpartij|naam omschrijving|kontrahent|nadawca odbiorca"
    "|destinatario|mottagare|modtager|partner",
    "payer": "payer|zahlungspflichtige|zahlungspflichtige r|zahlungspflichtiger|avsandare|afsender",
    "purpose": "description|details|narrative|memo|reference|payment reference|verwendungszweck"
    "|buchungstext|zahlungsreferenz|libelle|communication|concepto|causale|descrizione"
    "|omschrijving|mededelingen|tytul|opis|opis operacji|descricao|descritivo|text|meddelande"
    "|tekst|meddelelse",
    "iban": "iban|account number|konto|kontonummer|kontonummer iban|iban zahlungsbeteiligter"
    "|compte|cuenta|conto|rekening|tegenrekening|numer rachunku|conta|counterparty iban",
    "status": "status|state|statut|estado|stato",
}  # fmt: skip
_KINDS = {word: kind for kind, words in _PARTS.items() for word in reversed(words.split("|"))}
#: `valuta` is a currency in Italian and a day in German; `valor` a sum in Portuguese and a day in
#: Swiss German: the first kind that no other column has.
_OTHERWISE = {"valuta": ("valued", "currency"), "valor": ("amount", "valued")}
#: Names that no table but of a bank has; of `Date, Description, Amount` nobody can tell.
_SURE = frozenset({"valued", "balance", "iban", "party", "debit", "credit", "payer"})
_CURRENCY = re.compile(r"(?<![A-Z])(?:[A-Z]{3})(?![A-Z])|[€£$]|zł|\bkr\b")
_YMD = re.compile(r"\s*(\d{4})[-./](\d{1,2})[-./](\d{1,2})(?!\d)")
_DMY = re.compile(r"\s*(\d{1,2})([-./])(\d{1,2})[-./](\d{4}|\d{2})(?!\d)")
#: Words of English names, in which alone a month may stand first.
_ENGLISH = frozenset({"date", "amount", "description", "balance", "details", "memo", "payee"})


def to_record(item: RawRecord, member: Member) -> Record:
    """One booking. If its sum or its day can't be read, it is kept without it and has a flag."""
    row: dict[str, str] = item.value
    kinds = _kinds(tuple(row))
    said = {kind: row[name].strip() for kind, name in kinds.items()}
    orders: Mapping[str, str] = item.around.get("orders", {})
    amount = _amount(said, kinds.get("amount", ""))
    party, purpose = said.get("party", ""), said.get("purpose", "")
    if amount and amount["value"] and amount["value"][0] != "-":
        party = said.get("payer") or party  # of what came in
    around = {name: value for name, value in item.around.items() if name != "orders"}
    standing = rows.standing_in(member, around)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PAYMENT,
        identity=tuple(f"{name}={cell}" for name, cell in row.items()),
        time=_day(said, kinds, orders),
        title=party or purpose or None,
        content="\n".join(f"{name}: {cell}" for name, cell in row.items() if cell) or None,
        metadata=kept(
            {
                "amount": amount,
                "merchant": party,
                "description": purpose,
                "status": said.get("status", ""),
                "balance": money.amount(said["balance"], _currency(said, kinds.get("balance", "")))
                if said.get("balance")
                else None,
                "value_date": _date_text(said, kinds, orders),
                "fields": tables.said(row, {name: name for name in row}),
            }
        ),
        **standing,
    )


@lru_cache(maxsize=256)
def _kinds(columns: tuple[str, ...]) -> dict[str, str]:
    """What the columns are: kind to name, the first of each kind."""
    found: dict[str, str] = {}
    for name in columns:
        plain = _plain(name)
        kinds = _OTHERWISE.get(plain) or ((_KINDS[plain],) if plain in _KINDS else ())
        for kind in kinds:
            if kind not in found:
                found[kind] = name
                break
    return found


def _plain(name: str) -> str:
    """A column's name in lower case, without accents, signs and what stands in brackets."""
    bare = re.sub(r"\([^)]*\)|\[[^\]]*\]", " ", name)
    split = unicodedata.normalize("NFKD", bare.casefold().replace("ł", "l").replace("ø", "o"))
    letters = "".join(c for c in split if not unicodedata.combining(c))
    words = re.findall(r"[a-z]+", letters)
    if len(words) > 1 and words[-1] in ("eur", "usd", "gbp", "sek", "dkk", "pln", "chf", "kr"):
        words.pop()
    return " ".join(words)


def _currency(said: Mapping[str, str], column: str) -> str | None:
    """The currency of its own column, or the one that the name of the sum's column has."""
    own = said.get("currency", "")
    if re.fullmatch("[A-Z]{3}", own):
        return own
    found = _CURRENCY.search(column)
    sure = money.amount(f"1 {found[0]}")["currency"] if found else None
    return str(sure) if sure else None


def _amount(said: Mapping[str, str], column: str) -> dict[str, Any] | None:
    currency = _currency(said, column)
    if said.get("amount"):
        found = money.amount(said["amount"], currency)
    elif said.get("debit") and (paid := money.amount(said["debit"], currency))["value"] != "0":
        value = paid["value"]
        found = {**paid, "value": f"-{value.lstrip('-')}" if value else None}
    elif said.get("credit"):
        found = money.amount(said["credit"], currency)
    else:
        return None
    return found


def _day(
    said: Mapping[str, str], kinds: Mapping[str, str], orders: Mapping[str, str]
) -> Instant | None:
    for kind in ("booked", "valued"):
        if said.get(kind):
            read = partial(_date, order=orders.get(kinds[kind]), column=kinds[kind])
            return timestamps.or_unread(said[kind], read)
    return None


def _date_text(
    said: Mapping[str, str], kinds: Mapping[str, str], orders: Mapping[str, str]
) -> str | None:
    """The day of value in ISO 8601, if it can be read."""
    if not said.get("valued") or not said.get("booked"):
        return None
    try:
        moment = _date(said["valued"], orders.get(kinds["valued"]), kinds["valued"]).at
    except BadValue:
        return said["valued"]
    return moment.date().isoformat() if moment else said["valued"]


def _date(text: str, order: str | None, column: str) -> Instant:
    """A day as a bank writes it; a clock behind it is passed over. Raises `BadValue(BAD_TIME)`."""
    flag = None
    if found := _YMD.match(text):
        year, month, day = (int(part) for part in found.groups())
    elif found := _DMY.match(text):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        year += 2000 if len(found[4]) == 2 else 0
        slashed = found[2] == "/" and not _ENGLISH.isdisjoint(_plain(column).split())
        if order is None and first <= 12 and second <= 12 and first != second and slashed:
            flag = "day_month_ambiguous"
        month_first = order == "month" or (order is None and second > 12)
        day, month = (second, first) if month_first else (first, second)
    else:
        raise BadValue(Reason.BAD_TIME, "the day of a booking is in no form that is known")
    try:
        moment = timestamps.iso(date(year, month, day).isoformat())
    except ValueError:
        raise BadValue(Reason.BAD_TIME, "the day of a booking does not exist") from None
    return msgspec.structs.replace(moment, text=text, flag=flag or moment.flag)


def _looks_like(head: Head) -> int:
    """A day, a sum, and something that only a bank says of both."""
    kinds = _kinds(tables.ordered_columns(head))
    summed = "amount" in kinds or {"debit", "credit"} <= kinds.keys()
    dated = "booked" in kinds or "valued" in kinds
    return 2 * (summed and dated and len(kinds) > 3 and not _SURE.isdisjoint(kinds))


FORMAT = Format(
    name=_NAME,
    title="Bookings of a bank account, as CSV",
    version=2,
    data_type=DataType.ACTIVITY,
    paths=(r"(.+/)?[^/]+\.(csv|tsv|txt)",),
    looks_like=_looks_like,
    reader=CsvDated(),
    record=to_record,
    rank=Rank.SYNTAX,
    products=("statements of banks",),
    locales=("da", "de", "en", "es", "fr", "it", "nl", "pl", "pt", "sv"),
    record_types=(RecordType.PAYMENT,),
    repeats=True,
)
