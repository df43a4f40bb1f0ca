"""Statements of banks of many countries: what comes out is a booking with its day, sum and name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reported_support import examine

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
