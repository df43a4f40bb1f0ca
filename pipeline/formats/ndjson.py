"""Any NDJSON (JSON Lines): each line's value is kept unchanged, and nothing is guessed."""

from __future__ import annotations

from pipeline.contract import Format, Rank
from pipeline.readers.json.ndjson import Ndjson
from pipeline.recognition import peek
from pipeline.services import generic_rows
from schemas.files import Head, Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "ndjson"
#: What RFC 7464 puts before a value.
_SIGNS = b"\x1e \t\r\n"
_FIRST = tuple(bytes((byte,)) for byte in b'{["-0123456789tfn')


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one line's value; `value` holds a value that is not an object."""
    return generic_rows.row(item.value, _NAME, member)


def _looks_like(head: Head) -> bool:
    """Recognise the name, unless the content is an array over several lines.

    A `.json` must begin with lines that are objects.
    """
    text = peek.text_of(head).lstrip(_SIGNS)
    if not head.path.lower().endswith(".json"):
        return text.startswith(_FIRST) and not peek.is_array_over_lines(head)
    return text.startswith(b"{") and peek.are_lines_of_values(head)


FORMAT = Format(
    name=_NAME,
    title="Lines of any NDJSON (JSON Lines)",
    version=3,
    data_type=DataType.STRUCTURED,
    paths=(r".+\.(ndjson|jsonl|jsonlines|ldjson|json)",),
    looks_like=_looks_like,
    reader=Ndjson(),
    record=to_record,
    tried=("purarue/browserexport",),
    rank=Rank.SYNTAX,
    record_types=(RecordType.ROW,),
    repeats=True,
)
