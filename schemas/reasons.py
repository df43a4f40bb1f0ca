"""The stable codes of everything rejected, quarantined, ignored or unknown."""

from __future__ import annotations

import errno
import os
from enum import StrEnum


class Category(StrEnum):
    """What a user has to do about an error."""

    #: It may pass by itself: the same bytes may succeed later.
    TRANSIENT = "transient"
    #: Bytes, format or code must change first.
    PERMANENT = "permanent"
    #: The bytes do what an attack would do: check them before trusting them.
    SECURITY = "security"
    #: The code failed, the same at each attempt: it must be fixed, and the records retried.
    DEFECT = "defect"


class Reason(StrEnum):
    """Why a record, a member or a whole archive did not become rows.

    The value is a stable code: users retry by it, so it never changes its meaning.
    """

    # whole archives and members
    EMPTY = "empty"
    NOT_REGULAR = "not_a_regular_file"
    TOO_LARGE = "too_large"
    CHANGED = "changed_while_read"
    AMBIGUOUS_TYPE = "ambiguous_type"
    UNSUPPORTED_TYPE = "unsupported_type"
    CHECKSUM_MISMATCH = "checksum_mismatch"
    MALWARE = "malware"
    NOT_SCANNED = "not_scanned"
    ARCHIVE_BROKEN = "archive_broken"
    ARCHIVE_RATIO = "archive_ratio"
    ARCHIVE_TOTAL = "archive_total_bytes"
    ARCHIVE_MEMBERS = "archive_members"
    ARCHIVE_DEPTH = "archive_depth"
    ARCHIVE_OVERLAP = "archive_overlap"
    ARCHIVE_TIME = "archive_time"
    ARCHIVE_RECURSION = "archive_recursion"
    ENCRYPTED = "encrypted"
    TRUNCATED = "truncated"
    BAD_CHECKSUM = "bad_checksum"
    LINK_OR_DEVICE = "link_or_device"
    METHOD = "unsupported_compression"
    # ignored, with why
    LITTER = "system_litter"
    DIRECTORY = "directory"
    SETTINGS = "settings_not_records"
    TWIN = "twin_of_another_file"
    ELSEWHERE = "data_is_elsewhere"
    INDEX_PAGE = "index_of_the_export"
    # unknown, with why
    NO_FORMAT = "no_format_recognises_it"
    CONFLICT = "claimed_by_several_formats"
    # records
    BAD_SYNTAX = "bad_syntax"
    BAD_ENCODING = "bad_encoding"
    BAD_SHAPE = "unexpected_shape"
    BAD_TIME = "bad_time"
    BAD_NUMBER = "bad_number"
    BAD_PLACE = "place_out_of_range"
    MISSING_FIELD = "missing_field"
    ITEM_TOO_LARGE = "item_too_large"
    TOO_DEEP = "nested_too_deep"
    UNCLOSED_QUOTE = "unclosed_quote"
    RAGGED_ROW = "ragged_row"
    MAIL_UNREADABLE = "mail_unreadable"
    NOT_A_MAIL = "not_a_mail"
    POISON = "poison"
    FORMAT_DEFECT = "format_defect"

    @property
    def category(self) -> Category:
        """What has to be done about it."""
        if self in _HOSTILE:
            return Category.SECURITY
        if self is Reason.FORMAT_DEFECT:
            return Category.DEFECT
        return Category.TRANSIENT if self is Reason.CHANGED else Category.PERMANENT


_HOSTILE = frozenset(
    {
        Reason.AMBIGUOUS_TYPE,
        Reason.MALWARE,
        Reason.NOT_SCANNED,
        Reason.ARCHIVE_RATIO,
        Reason.ARCHIVE_TOTAL,
        Reason.ARCHIVE_MEMBERS,
        Reason.ARCHIVE_DEPTH,
        Reason.ARCHIVE_OVERLAP,
        Reason.ARCHIVE_RECURSION,
        Reason.LINK_OR_DEVICE,
        Reason.POISON,
    }
)

#: Codes of chunks and jobs that are not reasons: the process or its surroundings were at fault.
_PASSING = frozenset(
    {
        "scanner_down",
        "policy_superseded",
        "policy_changed",
        "worker_lost",
        "time_limit",
        "cancelled",
    }
)
_PASSING_KINDS = ("os_", "transient_")


#: File system errors for the process's user: a person has to change permissions.
CLOSED = frozenset(f"os_{number}" for number in (errno.EACCES, errno.EPERM))

#: The same, and errors about a name or the layout, which no time mends.
LASTING = CLOSED | {
    f"os_{number}"
    for number in (
        errno.ENAMETOOLONG, errno.ELOOP, errno.EXDEV, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY,
    )
}  # fmt: skip

#: Errors for which no record is at fault, however often they end its chunk.
OF_FILES = LASTING | {"file_missing"}

_MEANINGS = {
    "scanner_down": "clamd does not answer",
    "transient_DiskFull": "the database has no room on its disk",
    "policy_superseded": "another host has a newer privacy policy",
}


def category_of(code: str) -> Category:
    """Return the category of any code: a reason's, or a chunk's, such as an exception's name."""
    if code in set(Reason):
        return Reason(code).category
    passing = code in _PASSING or (code.startswith(_PASSING_KINDS) and code not in LASTING)
    return Category.TRANSIENT if passing else Category.PERMANENT


def in_words(code: str) -> str:
    """Return a code of a chunk with its meaning, where that is known."""
    if code.startswith("os_") and code[3:].isdigit():
        return f"{code}: {os.strerror(int(code[3:]))}"
    return f"{code}: {_MEANINGS[code]}" if code in _MEANINGS else code
