"""Bookings of an account as CSV of a bank, recognised by their columns in many languages.

There are as many layouts as banks. A column is known by the words in its name (`Buchungsdatum`,
`Betrag (€)`, `Mottagare`); `fields` keeps all cells unchanged. As in any table, a booking's cells
are its identity, and two equal rows of one file are two bookings.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from functools import cache, lru_cache, partial
from typing import Any

import msgspec

from pipeline.contract import Format, Rank
from pipeline.readers.csv.dated import CsvDated
from pipeline.services import generic_rows, tables
from pipeline.values import money, prose_dates, timestamps
from pipeline.values.fields import non_empty
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, Instant, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "bank.statement"

#: Kinds of columns, by the whole name without accents and signs. In each part the languages are
#: English, German, French, Spanish, Italian, Dutch, Polish, Portuguese, Swedish, Danish, Norwegian,
#: Finnish, Czech, Hungarian, Turkish, Russian, Japanese, Chinese and Korean.
_PARTS: Mapping[str, str] = {
    "booked": "booking date|posting date|posted date|date posted|transaction date|trans date|date"
    "|completed date|started date|buchungstag|buchungsdatum|buchung|datum|date operation|dateop"
    "|date comptable|date de l operation|fecha|fecha operacion|fecha contable|data|data contabile"
    "|data operazione|data registrazione|boekdatum|boekingsdatum|transactiedatum|data operacji"
    "|data ksiegowania|data transakcji|data mov|data movimento|data lancamento|bokforingsdag"
    "|bokforingsdatum|bokningsdag|transaktionsdag|bogforingsdato|bogfort|dato|kirjauspäivä"
    "|datum zaúčtování|datum provedení|tranzakció dátuma|könyvelés dátuma|dátum|tarih|işlem tarihi"
    "|дата операции|дата проводки|дата|年月日|取引日|日付|交易日期|交易时间|付款时间|交易创建时间"
    "|거래일시|거래일자|거래일",
    "valued": "value date|value dat|valuta|wertstellung|valutadatum|date valeur|date de valeur"
    "|dateval|fecha valor|data valuta|rentedatum|data waluty|data valor|valutadag|valor|rentedato"
    "|arvopäivä|datum valuty|értéknap|valör tarihi|дата платежа",
    "amount": "amount|transaction amount|gross|betrag|umsatz|montant|importe|importo|bedrag|kwota"
    "|kwota transakcji|valor|montante|importancia|belopp|belob|beløp|määrä|määrä euroa|summa"
    "|částka|objem|összeg|tutar|işlem tutarı|сумма операции|сумма|入出金|取引金額|金额|交易金额"
    "|거래금액",
    "debit": "debit|debit amount|paid out|money out|withdrawal|withdrawals|withdrawal amt|soll"
    "|lastschrift|belastung|cargo|cargos|debe|addebiti|uscite|dare|af|obciazenia|debito|uttag|ud"
    "|ut fra konto|ut|borç|расход|списание|お引出し|お支払金額|出金|出金額|支出金额|支出"
    "|출금|출금액|찾으신금액",
    "credit": "credit|credit amount|paid in|money in|deposit|deposits|deposit amt|haben|gutschrift"
    "|abono|abonos|haber|accrediti|entrate|avere|bij|uznania|credito|insattning|ind"
    "|inn på konto|inn|alacak|приход|зачисление|お預入れ|お預り金額|入金|入金額|收入金额|收入|입금"
    "|입금액|맡기신금액",
    "side": "debit credit|credit debit|dr cr|cr dr|credit debit indicator|soll haben|s h|d c|af bij"
    "|debet credit|bij af|bejövő kimenő|收 支",
    "currency": "currency|wahrung|waehrung|devise|divisa|moneda|moeda|valuta|munt|waluta|valuutta"
    "|měna|pénznem|para birimi|валюта операции|валюта|通貨|币种|통화",
    "balance": "balance|running balance|running bal|account balance|accountbalance|closing balance"
    "|saldo|saldos|kontostand|saldo nach buchung|solde|saldo dopo operazione|saldo na mutatie"
    "|saldo na trn|saldo po transakcji|saldo po operacji|saldo contabilistico|bokfort saldo"
    "|zůstatek|egyenleg|bakiye|остаток|残高|取引後残高|余额|잔액|거래후잔액",
    "party": "payee|payee name|counterparty|counter party|name|merchant|beneficiary|partner name"
    "|zahlungsempfanger|zahlungsempfanger in|empfanger|beguenstigter zahlungspflichtiger"
    "|begunstigter zahlungspflichtiger|empfanger zahlungspflichtiger|auftraggeber"
    "|auftraggeber empfanger|name zahlungsbeteiligter|partnername|beneficiaire|tiers"
    "|supplierfound|beneficiario|ordenante|controparte|tegenpartij|naam tegenpartij"
    "|naam omschrijving|kontrahent|nadawca odbiorca|destinatario|mottagare|modtager|partner"
    "|mottaker|saaja maksaja|saajan nimi|název protiúčtu|název účtu protiúčtu|partner neve"
    "|交易对方|거래처",
    "payer": "payer|payer name|zahlungspflichtige|zahlungspflichtige r|zahlungspflichtiger"
    "|auftraggeber zahlungsempfanger|avsandare|afsender|maksaja",
    "purpose": "description|details|narrative|narration|particulars|memo|reference|label"
    "|payment reference|verwendungszweck|vorgang verwendungszweck|buchungstext|buchungs details"
    "|zahlungsreferenz|avisierungstext|beschreibung|libelle|communication|concepto|causale"
    "|descrizione|omschrijving|mededelingen|tytul|opis|opis operacji|opis transakcji|descricao"
    "|descritivo|lançamento|histórico|text|meddelande|beskrivning|tekst|meddelelse|forklaring"
    "|beskrivelse|selitys|otsikko|viesti|poznámka|zpráva pro příjemce|popis|közlemény|açıklama"
    "|описание|назначение платежа|お取り扱い内容|入出金内容|摘要|商品名称|商品|적요|내용",
    "iban": "iban|account|account number|accountnum|konto|kontonummer|kontonummer iban"
    "|iban zahlungsbeteiligter|partner iban|auftragskonto|iban auftragskonto|compte|cuenta|conto"
    "|rekening|tegenrekening|rachunek|numer rachunku|conta|counterparty iban|číslo účtu|protiúčet"
    "|номер карты|номер счета",
    "status": "status|state|statut|estado|stato|статус|交易状态|当前状态",
}  # fmt: skip
#: Words in the cells of an unnamed column, or of one with kinds of booking, that mark a debit.
_DEBIT = frozenset(
    {"s", "soll", "d", "db", "dr", "dbit", "debit", "debet", "debe", "dare", "af", "uit", "cargo"}
    | {"debito", "débito", "débit", "belastung", "kimenő", "支出", "출금"}
)
_CREDIT = frozenset(
    {"h", "haben", "c", "cr", "crdt", "credit", "kredit", "bij", "abono", "haber", "avere"}
    | {"credito", "crédito", "crédit", "gutschrift", "bejövő", "收入", "입금"}
)
_MAY_SAY_SIDES = frozenset({"", "column", "type", "transaction type", "details", "typ", "tipo"})
#: Words after the name of a column of amounts: `Umsatz in EUR`, `Débit euros`.
_UNITS = frozenset(
    {"eur", "usd", "gbp", "sek", "dkk", "pln", "chf", "kr", "euro", "euros", "in", "en"}
)
#: `valuta` is a currency in Italian and a day in German; `valor` is an amount in Portuguese and a
#: day in Swiss German. The first kind that no other column has applies.
_OTHERWISE = {"valuta": ("valued", "currency"), "valor": ("amount", "valued")}
#: Columns that only tables of banks have; `Date, Description, Amount` may be any table.
_SURE = frozenset({"valued", "balance", "iban", "party", "debit", "credit", "payer", "side"})
#: What the reader passes about columns; it is not part of any row.
_SHOWN = frozenset({"orders", "marks"})
_CURRENCY = re.compile(r"(?<![A-Z])(?:[A-Z]{3})(?![A-Z])|[€£$]|zł|\bkr\b")
_YMD = re.compile(r"\s*(\d{4})(?:[-./](\d{1,2})[-./](\d{1,2})|([01]\d)([0-3]\d))(?!\d)")
_DMY = re.compile(r"\s*(\d{1,2})([-./])(\d{1,2})[-./](\d{4}|\d{2})(?!\d)")
#: `28-Feb-24`.
_SHORT_YEAR = re.compile(r"(\d{1,2}[ .-]+[^\W\d_]{3,12}\.?[ .-]+)(\d\d)")
#: Words of English column names; only with such names may a month come first.
_ENGLISH = frozenset({"date", "amount", "description", "balance", "details", "memo", "payee"})


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one booking. An amount or day that cannot be read is left out and flagged."""
    row: dict[str, str] = item.value
    kinds = _kinds(tuple(row))
    cells = {kind: row[name].strip() for kind, name in kinds.items()}
    orders: Mapping[str, str] = item.around.get("orders", {})
    marks: Mapping[str, str] = item.around.get("marks", {})
    amount = _amount(cells, kinds, _mark(kinds, marks))
    if amount and _side(row, kinds) == "debit" and amount["value"]:
        amount["value"] = f"-{amount['value'].lstrip('-')}"
    party, purpose = _first(row, "party"), _first(row, "purpose")
    if amount and amount["value"] and amount["value"][0] != "-":
        party = cells.get("payer") or party  # an incoming payment's
    around = {name: value for name, value in item.around.items() if name not in _SHOWN}
    context = generic_rows.file_context(member, around)
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.PAYMENT,
        identity=tuple(f"{name}={cell}" for name, cell in row.items()),
        time=_day(cells, kinds, orders),
        title=party or purpose or None,
        content="\n".join(f"{name}: {cell}" for name, cell in row.items() if cell) or None,
        metadata=non_empty(
            {
                "amount": amount,
                "merchant": party,
                "description": purpose,
                "status": cells.get("status", ""),
                "balance": _balance(cells, kinds, _mark(kinds, marks)),
                "value_date": _date_text(cells, kinds, orders),
                "fields": tables.renamed(row, {name: name for name in row}),
            }
        ),
        **context,
    )


@lru_cache(maxsize=256)
def _kinds(columns: tuple[str, ...]) -> dict[str, str]:
    """Return the name of the first column of each kind."""
    found: dict[str, str] = {}
    for name in columns:
        plain = _plain(name)
        kinds = _OTHERWISE.get(plain) or ((_known()[plain],) if plain in _known() else ())
        for kind in kinds:
            if kind not in found:
                found[kind] = name
                break
    return found


def _first(row: Mapping[str, str], kind: str) -> str:
    """Return the first cell of a kind of column that is not blank."""
    return tables.cells(row, *(name for name in row if _known().get(_plain(name)) == kind))


@lru_cache(maxsize=1_024)
def _plain(name: str) -> str:
    """Return a column's name in lower case, without accents, signs, units and brackets."""
    bare = re.sub(r"\([^)]*\)|\[[^\]]*\]|（[^）]*）", " ", name)
    split = unicodedata.normalize("NFKD", bare.casefold().replace("ł", "l").replace("ø", "o"))
    letters = "".join(c for c in split if not unicodedata.combining(c))
    words = re.findall(r"[^\W\d_]+", letters)
    while len(words) > 1 and words[-1] in _UNITS:
        words.pop()
    return " ".join(words)


@cache
def _known() -> Mapping[str, str]:
    """Return the kind of each plain name."""
    return {_plain(word): kind for kind, words in _PARTS.items() for word in words.split("|")[::-1]}


def _currency(cells: Mapping[str, str], column: str) -> str | None:
    """Return the currency from its own column, or from the name of the amount's column."""
    own = cells.get("currency", "")
    if re.fullmatch("[A-Z]{3}", own):
        return own
    found = _CURRENCY.search(column)
    sure = money.amount(f"1 {found[0]}")["currency"] if found else None
    return str(sure) if sure else None


def _mark(kinds: Mapping[str, str], marks: Mapping[str, str]) -> str | None:
    """Return the decimal mark of the columns of amounts, if they agree."""
    columns = (kinds.get(kind, "") for kind in ("amount", "debit", "credit", "balance"))
    found = {marks[name] for name in columns if name in marks}
    return found.pop() if len(found) == 1 else None


def _amount(
    cells: Mapping[str, str], kinds: Mapping[str, str], mark: str | None
) -> dict[str, Any] | None:
    def read(kind: str) -> dict[str, Any]:
        return money.amount(cells[kind], _currency(cells, kinds[kind]), mark)

    if cells.get("amount"):
        found = read("amount")
    elif cells.get("debit") and not _is_nought((paid := read("debit"))["value"]):
        value = paid["value"]
        found = {**paid, "value": f"-{value.lstrip('-')}" if value else None}
    elif cells.get("credit"):
        found = read("credit")
    else:
        return None
    return found


def _is_nought(value: str | None) -> bool:
    return value is not None and not value.strip("-0.")


def _side(row: Mapping[str, str], kinds: Mapping[str, str]) -> str | None:
    """Return the side that a column states (paid or received); the sign may not show it."""
    if "side" in kinds:
        names = [kinds["side"]]
    elif "amount" in kinds:
        names = [name for name in row if _plain(name) in _MAY_SAY_SIDES]
    else:
        return None
    words = {row[name].strip().casefold() for name in names}
    if words & _DEBIT:
        return None if words & _CREDIT else "debit"
    return "credit" if words & _CREDIT else None


def _balance(
    cells: Mapping[str, str], kinds: Mapping[str, str], mark: str | None
) -> dict[str, Any] | None:
    if not cells.get("balance"):
        return None
    return money.amount(cells["balance"], _currency(cells, kinds["balance"]), mark)


def _day(
    cells: Mapping[str, str], kinds: Mapping[str, str], orders: Mapping[str, str]
) -> Instant | None:
    for kind in ("booked", "valued"):
        if cells.get(kind):
            read = partial(_date, order=orders.get(kinds[kind]), column=kinds[kind])
            return timestamps.or_unread(cells[kind], read)
    return None


def _date_text(
    cells: Mapping[str, str], kinds: Mapping[str, str], orders: Mapping[str, str]
) -> str | None:
    """Return the value date in ISO 8601, or as written if it cannot be read."""
    if not cells.get("valued") or not cells.get("booked"):
        return None
    try:
        moment = _date(cells["valued"], orders.get(kinds["valued"]), kinds["valued"]).at
    except BadValue:
        return cells["valued"]
    return moment.date().isoformat() if moment else cells["valued"]


def _date(text: str, order: str | None, column: str) -> Instant:
    """Read a day as a bank writes it, ignoring a time after it. Raises `BadValue(BAD_TIME)`."""
    flag = None
    if found := _YMD.match(text):
        year, month, day = (int(part) for part in found.groups() if part)
    elif found := _DMY.match(text):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        year += 2000 if len(found[4]) == 2 else 0
        slashed = found[2] == "/" and not _ENGLISH.isdisjoint(_plain(column).split())
        if order is None and first <= 12 and second <= 12 and first != second and slashed:
            flag = "day_month_ambiguous"
        month_first = order == "month" or (order is None and second > 12)
        day, month = (second, first) if month_first else (first, second)
    else:
        written = _SHORT_YEAR.sub(r"\g<1>20\2", text) if _SHORT_YEAR.fullmatch(text) else text
        day_of = prose_dates.day(written)
        year, month, day = day_of.year, day_of.month, day_of.day
    try:
        moment = timestamps.iso(date(year, month, day).isoformat())
    except ValueError:
        raise BadValue(Reason.BAD_TIME, "the day of a booking does not exist") from None
    return msgspec.structs.replace(moment, text=text, flag=flag or moment.flag)


def _looks_like(head: Head) -> int:
    """Recognise a day, an amount, and a column that only banks have."""
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
    locales=(
        *("cs", "da", "de", "en", "es", "fi", "fr", "hu", "it", "ja", "ko", "nb", "nl", "pl"),
        *("pt", "ru", "sv", "tr", "zh"),
    ),
    record_types=(RecordType.PAYMENT,),
    repeats=True,
)
