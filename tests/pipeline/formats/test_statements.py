"""Statements of banks of many countries: what comes out is a booking with its day, sum and name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.reported import examine

#: A header, a row, and the sum that the row says. All are booked on 28 February 2026.
_BANKS = {
    "cs": ("datum zaúčtování;částka;měna;zůstatek;popis", "28.02.2026;-123,45;CZK;1,00;x"),
    "da": ("Dato;Tekst;Beløb;Saldo;Status", "28.02.2026;x;-123,45;1.000,00;Udført på lån"),
    "de, unnamed": ("Buchungstag;IBAN;Verwendungszweck;Umsatz;", "28.02.2026;DE0;x;123,45;S"),
    "en": ("Date,Details,Paid out,Paid in,Balance", "28 Feb 2026,x,£123.45,,£1.00"),
    "en, behind": ("Date,Narration,Amount,Balance", "28-Feb-26,x,123.45 DR,1.00 CR"),
    "es": ("Fecha;Concepto;Importe;Saldo", "28/02/2026;x;-123,45EUR;1,00EUR"),
    "fi": ("Kirjauspäivä;Määrä;Nimi;Otsikko;Saldo", "2026/02/28;-123,45;;x;1,00"),
    "fr": ("Date;Libellé;Débit euros;Crédit euros;", "28/02/2026;x;123,45;;"),
    "hu": (
        "Könyvelés dátuma;Bejövő/Kimenő;Közlemény;Összeg;Pénznem",
        "2026.02.28;Kimenő;x;123,45;HUF",
    ),
    "it": ("Data contabile;Descrizione;Accrediti;Addebiti;", "28/02/2026;x;;-123,45;"),
    "ja": ("取引日,入出金(円),取引後残高(円),入出金内容", "20260228,-123.45,1,x"),
    "ko": ("거래일시,적요,출금액,입금액,거래후잔액", "2026-02-28,x,123.45,0,1"),
    "nb": ("Dato;Forklaring;Ut fra konto;Inn på konto;", "28.02.2026;x;123,45;;"),
    "nl": ("Datum;Omschrijving;Rekening;Af Bij;Bedrag (EUR)", "20260228;x;NL0;Af;123,45"),
    "pl": ("#Data operacji;#Opis operacji;#Rachunek;#Kwota", "2026-02-28;x;e;-123,45 PLN"),
    "pt": ("data;lançamento;valor (R$);saldos (R$)", "28/02/2026;x;-123,45;"),
    "ru": ("Дата операции;Описание;Сумма операции;Остаток", "28.02.2026 1:02;x;-123,45;1"),
    "sv": ("Bokföringsdag;Valutadag;Text;Belopp;Saldo", "2026-02-28;2026-02-28;x;-123,45;1,0"),
    "tr": ("Tarih;Açıklama;Tutar;Bakiye", "28.02.2026;x;-123,45;1.000,00"),
    "zh": ("交易时间,商品,收/支,金额(元),当前状态", "2026-02-28 1:02,x,支出,¥123.45,成功"),
}
_CHARSETS = {"cs": "cp1250", "da": "latin-1", "ja": "cp932", "ru": "cp1251", "zh": "gb18030"}


@pytest.mark.parametrize("bank", sorted(_BANKS))
def test_a_booking_is_read_in_any_language(bank: str, tmp_path: Path) -> None:
    header, row = _BANKS[bank]
    file = tmp_path / "statement.csv"
    charset = _CHARSETS.get(bank, "utf-8")
    file.write_text(f"{header}\n{row}\n{row}\n", encoding=charset)
    report = examine(file, tmp_path / "work")
    assert [(f.format, f.rows, f.agrees) for f in report.files] == [("bank.statement", 2, True)]
    for record in report.records:
        assert record["at"].startswith("2026-02-28")
        assert record["metadata"]["amount"]["value"] == "-123.45"
        assert record["metadata"]["description"] == "x"


def test_the_decimals_of_a_file_are_told_by_all_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "statement.csv"
    rows = "28.02.2026;A;-3.000;1.234,56\n01.03.2026;B;1.111,11;2.345,67\n"
    file.write_text("Buchungstag;Verwendungszweck;Betrag;Saldo\n" + rows)
    told = [r["metadata"]["amount"]["value"] for r in examine(file, tmp_path / "w").records]
    assert told == ["-3000", "1111.11"]


#: A file, and the sums that its bookings say.
_FILES = {
    "expected.sta": (
        ":20:X\n:25:1\n:28C:1\n:34F:EUR0,\n:61:2602280228ED000000012,34NTRFNONREF\n:86:a\n"
        ":61:2602280228EC0,5NTRFNONREF\n:86:b\n-\n",
        ["-12.34", "0.5"],
    ),
    "signs.qfx": (
        "<OFX><CURDEF>USD<STMTTRN><DTPOSTED>2026-02-28<TRNAMT>-$1,234.56<FITID>1</STMTTRN>"
        "<STMTTRN><DTPOSTED>20260228<TRNAMT>+1.400,82<FITID>2</STMTTRN></OFX>",
        ["-1234.56", "1400.82"],
    ),
    "french.qif": (
        "!Type:Bank\nD28/02/26\nT-3,50\nPa\n^\n!Type:CCard\nD28.02'2026\nU1 100,00\n^\n",
        ["-3.50", "1100.00"],
    ),
}


@pytest.mark.parametrize("name", sorted(_FILES))
def test_what_some_banks_write_beside_the_standard(name: str, tmp_path: Path) -> None:
    text, sums = _FILES[name]
    (tmp_path / name).write_text(text)
    report = examine(tmp_path / name, tmp_path / "work")
    assert [record["metadata"]["amount"]["value"] for record in report.records] == sums
    assert {record["at"][:10] for record in report.records} == {"2026-02-28"}
    assert all(file.agrees and not file.quarantined for file in report.files)


def test_a_broken_line_costs_that_line(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text('{"author":"a"}\n{"author":\n{"author":"b"}\nno json\n')
    (told,) = examine(file, tmp_path / "work").files
    assert (told.format, told.rows, told.quarantined.total()) == ("ndjson", 2, 2)
    file.write_text('[\n{"a":1},\n{"a":2}\n]\n')
    (told,) = examine(file, tmp_path / "work2").files
    assert (told.format, told.rows, told.quarantined.total()) == ("json.array", 2, 0)


def test_a_thai_day_has_its_year(tmp_path: Path) -> None:
    file = tmp_path / "chat.txt"
    file.write_text("[LINE] Mei\n\nศ. 15/03/2567\n09:05\tMei\tx\n\nพ. 03/04/2567\n09:05\tMei\ty\n")
    told = [record["at"][:10] for record in examine(file, tmp_path / "work").records]
    assert told == ["2024-03-15", "2024-04-03"]
