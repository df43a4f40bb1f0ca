"""Read the sheets of an OOXML workbook, with dates as they are shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from pipeline.documents.office_package import Package
from pipeline.documents.office_words import OOXML, SHARED_STRINGS, Parser, read_words
from pipeline.syntax.xml_tree import Element


def read_workbook(package: Package, main: str) -> Iterator[str]:
    """Yield each sheet: its name, then its rows, with tabs between the cells."""
    book = package.tree(main)
    if book is None:
        return
    targets = package.targets(main)
    by_kind = dict(targets.values())
    shared = read_words(
        package, by_kind.get("sharedStrings", "xl/sharedStrings.xml"), SHARED_STRINGS
    )
    dates = _date_styles(package.tree(by_kind.get("styles", "xl/styles.xml")))
    settings = book.first("workbookPr")
    since_1904 = settings is not None and settings.attributes.get("date1904") in ("1", "true")
    sheets = book.first("sheets")
    for number, sheet in enumerate(sheets.all("sheet") if sheets else (), 1):
        usual = ("worksheet", f"xl/worksheets/sheet{number}.xml")
        path = targets.get(sheet.attributes.get("r:id", ""), usual)[1]
        yield sheet.attributes.get("name", "")
        data = package.part(path)
        if data is not None:
            yield from _Sheet(shared, dates, since_1904=since_1904).of(data)
        for kind, further in package.targets(path).values():
            if kind in ("comments", "threadedComment", "drawing"):
                words = read_words(package, further, OOXML)
                yield from (line for line in words if line.strip())


#: ECMA-376 part 1, 18.8.30: the built-in formats that show a date or a time.
_BUILT_IN = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})


_NOT_SHOWN = re.compile(r'"[^"]*"|\[(?!h+\]|m+\]|s+\])[^\]]*\]|\\.|_.|General', re.IGNORECASE)


def _date_styles(styles: Element | None) -> frozenset[int]:
    """Return the numbers of the cell styles that show a number as a date."""
    if styles is None:
        return frozenset()
    custom = {
        one.attributes.get("numFmtId", ""): one.attributes.get("formatCode", "")
        for one in styles.walk()
        if one.tag == "numFmt"
    }
    formats = styles.first("cellXfs")
    ids = [one.attributes.get("numFmtId", "") for one in formats.all("xf")] if formats else []
    return frozenset(n for n, one in enumerate(ids) if _shows_date(one, custom.get(one)))


def _shows_date(number: str, code: str | None) -> bool:
    if code is not None:
        return re.search(r"[ymdhs]", _NOT_SHOWN.sub("", code), re.IGNORECASE) is not None
    return number.isdecimal() and len(number) < 4 and int(number) in _BUILT_IN


class _Sheet(Parser):
    """The rows of a sheet, without the empty cells at the end of a row."""

    def __init__(self, shared: list[str], dates: frozenset[int], *, since_1904: bool) -> None:
        super().__init__()
        self._shared, self._dates, self._since_1904 = shared, dates, since_1904
        self._rows: list[list[str]] = []
        self._cell: dict[str, str] = {}
        self._value: list[str] = []
        self._within = self._phonetic = False

    def of(self, data: bytes) -> list[str]:
        self.parse(data)
        rows = ("\t".join(row).rstrip("\t") for row in self._rows)
        return [row for row in rows if row.strip()]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local == "row":
            self._rows.append([])
        elif local == "c":
            self._cell, self._value = attributes, []
        elif local == "rPh":
            self._phonetic = True
        self._within = local in ("v", "t") and not self._phonetic

    def end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        self._within = False
        if local == "rPh":
            self._phonetic = False
        elif local == "c":
            if not self._rows:
                self._rows.append([])
            self._rows[-1].append(self._shown("".join(self._value)))

    def data(self, chars: str) -> None:
        if self._within:
            self._value.append(chars)

    def _shown(self, value: str) -> str:
        kind, style = self._cell.get("t", "n"), self._cell.get("s", "0")
        if kind == "s":
            number = int(value) if len(value) < 12 and value.strip().isdecimal() else -1
            return self._shared[number] if 0 <= number < len(self._shared) else ""
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        if kind == "n" and style.isdecimal() and int(style) in self._dates:
            return _moment(value, since_1904=self._since_1904)
        return value


def _moment(value: str, *, since_1904: bool) -> str:
    """Return a serial number as a date, or as a time of day below 1; others as they are written."""
    try:
        days = float(value)
        first = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30)
        # Day 60 would be in a leap year 1900, which was none: days before it are one later.
        at = first + timedelta(days=days + (not since_1904 and 0 < days < 60))
    except (ValueError, OverflowError):
        return value
    at = (at + timedelta(milliseconds=500)).replace(microsecond=0)
    if 0 <= days < 1:
        return f"{at:%H:%M:%S}"
    return at.date().isoformat() if days.is_integer() else at.isoformat(" ")
