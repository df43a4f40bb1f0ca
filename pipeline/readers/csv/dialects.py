"""The dialect of a CSV file, by its first rows."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from itertools import product

from pipeline.readers.csv.cells import Dialect, cells_of, is_blank
from pipeline.readers.csv.cutter import Cutter
from schemas.files import Slice

HEAD = 1 << 20
#: The number of rows of the head that decide dialect and header.
_SAMPLE = 200
#: In a tie the rarer character wins: prose has commas.
DELIMITERS = ("\t", ";", "|", ",")


def sniff(head: bytes, delimiters: Sequence[str] = DELIMITERS) -> Dialect:
    """Return the dialect of a file from its first bytes.

    The delimiter is the one that cuts most rows alike, also after the quotes that enclose a cell.
    """
    newline = "\r" if b"\r" in head and b"\n" not in head else "\n"
    quote = _quote(head)
    ways = (False, True) if quote == '"' and b'\\"' in head else (False,)
    best, best_score = Dialect(delimiters[-1], quote, newline), (0.0, False)
    for delimiter, escapes in product(delimiters, ways):
        blanks = _has_blanks(head, delimiter, quote)
        dialect = Dialect(delimiter, quote, newline, escapes, blanks)
        widths = [len(row) for _, row in sample_rows(head, 0, dialect)]
        several = Counter(width for width in widths if width > 1)
        if not several:
            continue
        width, alike = several.most_common(1)[0]
        score = (alike / len(widths) / (1 + _torn(head, dialect)), widths[0] == width)
        if score > best_score:
            best, best_score = dialect, score
    return best


def _quote(head: bytes) -> str:
    """Return `'` if it encloses every cell that it begins, and there is no `"`."""
    if b'"' in head:
        return '"'
    begun = len(re.findall(rb"(?:^|[,;\t|])'", head, re.MULTILINE))
    cell = rb"(?:^|[,;\t|])'(?:[^'\r\n]++|'')*+'(?=[,;\t|\r\n])"
    enclosed = len(re.findall(cell, head, re.MULTILINE))
    return "'" if enclosed > 1 and enclosed == begun else '"'


def _has_blanks(head: bytes, delimiter: str, quote: str) -> bool:
    """Return whether most quotes that open cells have blanks between the delimiter and them."""
    d, q = re.escape(delimiter).encode("ascii"), quote.encode("ascii")
    behind = len(re.findall(rb"%b +%b" % (d, q), head))
    return behind > head.count(delimiter.encode("ascii") + q)


def _torn(head: bytes, dialect: Dialect) -> float:
    """Return how many quoted cells end badly for each that ends at a delimiter."""
    d, q = (re.escape(c).encode("ascii") for c in (dialect.delimiter, dialect.quote))
    begin = rb" *+" if dialect.blanks else b""
    cell = rb"(?:^|%b)%b%b(?:[^%b\r\n]++|%b%b)*+%b" % (d, begin, q, q, q, q, q)
    ends = Counter(found[1] for found in re.finditer(cell + rb"(.?)", head, re.MULTILINE))
    whole = ends[dialect.delimiter.encode("ascii")] + ends[b"\r"] + ends[b""]
    return (ends.total() - whole) / (1 + whole)


def sample_rows(
    head: bytes, start: int, dialect: Dialect, *, broken: bool = False
) -> list[tuple[int, list[str]]]:
    """Return the first rows that are not empty, each with its offset.

    With `broken` also return each line that is not a row, as one cell.
    """
    rows: list[tuple[int, list[str]]] = []
    for batch in Cutter(io.BytesIO(head), dialect, HEAD).batches(Slice(start, len(head))):
        offset = batch.offset
        raws = batch.rows[: _SAMPLE + 1] if broken or batch.reason is None else []
        texts = [raw.decode("utf-8", "replace") for raw in raws]
        cells = cells_of(texts, dialect) if batch.reason is None else [[text] for text in texts]
        for raw, row in zip(raws, cells, strict=True):
            rows.append((offset, row))
            offset += len(raw) + 1
        if len(rows) > _SAMPLE:
            break
    if len(head) == HEAD and 1 < len(rows) <= _SAMPLE:
        rows.pop()  # the head ends within it
    return [(offset, row) for offset, row in rows[:_SAMPLE] if not is_blank(row)]
