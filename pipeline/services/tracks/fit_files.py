"""What a FIT file is for, by its first message (FIT's profile, `file_id`)."""

from __future__ import annotations

import struct

COURSE = 6

_DEFINITION, _MORE = 0x40, 0x20
_KIND = 0


def kind(data: bytes) -> int | None:
    """The number of a FIT file's kind, out of its first bytes; None where they do not say.

    Behind the header come a definition (its order of bytes, its message, its fields' numbers and
    sizes) and the message itself.
    """
    try:
        at = data[0]
        order = ">" if data[at + 2] else "<"
        (message,) = struct.unpack_from(f"{order}H", data, at + 3)
        if data[8:12] != b".FIT" or data[at] & (0x80 | _DEFINITION) != _DEFINITION or message:
            return None
        many = data[at + 5]
        fields = [data[at + 6 + 3 * nth : at + 9 + 3 * nth] for nth in range(many)]
        value = at + 6 + 3 * many + 1
        if data[at] & _MORE:  # fields of the maker's own
            value += 1 + 3 * data[value - 1]
        for number, size, _ in fields:
            if number == _KIND:
                return data[value]
            value += size
    except (IndexError, ValueError, struct.error):
        return None
    return None
