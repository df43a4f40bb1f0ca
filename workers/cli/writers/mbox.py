"""A mail as an entry of an mbox."""

from __future__ import annotations

import re
from datetime import UTC, datetime

#: The length before a mail of `.emlx`.
_LENGTH = re.compile(rb"[ \t]*(\d{1,10})[ \t]*\r?\n")
_FROM, _ANY_FROM = re.compile(rb"(?m)^(From )"), re.compile(rb"(?m)^(>*From )")
_NEVER = datetime.fromtimestamp(0, UTC)
#: The formats whose items are mails as they were sent.
MAILS = frozenset(("mail.eml", "mail.emlx", "mail.mbox"))


def entry(source: str, raw: bytes, at: datetime | None) -> bytes:
    """Return an entry of an mbox in the form mboxrd: a separator, the mail, an empty line.

    `raw` is the item of one of the formats in `MAILS`, and `at` the mail's time. Source: RFC 4155,
    and qmail's mbox(5) for `>` before each line of `>`s and `From `. An item of an mbox has that
    already; only a bare `From ` is escaped there, which other mboxes allow.
    """
    mail, escaped = raw, _ANY_FROM
    if source == "mail.mbox":
        _, _, mail = raw.partition(b"\n")  # the separator: one file keeps to one form of it
        escaped = _FROM
        if mail.endswith((b"\n\n", b"\n\r\n")):
            mail = mail[:-1].removesuffix(b"\r")
    elif source == "mail.emlx" and (line := _LENGTH.match(raw)):
        mail = raw[line.end() :][: int(line[1])]
    if not mail.endswith(b"\n"):
        mail += b"\n"
    separator = f"From MAILER-DAEMON {(at or _NEVER).astimezone(UTC).ctime()}\n"
    return separator.encode("ascii") + escaped.sub(rb">\1", mail) + b"\n"
