"""SMS Backup & Restore: one backup of short messages and MMS with pictures."""

from __future__ import annotations

import base64
from pathlib import Path
from random import Random
from xml.sax.saxutils import quoteattr

_START_MS = 1_600_000_000_000
#: One in the first number is an MMS with a picture, one in the second can't be read.
_MMS, _BROKEN = 20, 50


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """`records` messages; an MMS is a message and an attachment."""
    random = Random(seed)
    path = folder / "SMSBackupRestore" / "sms-20260307.xml"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as out:
        out.write("<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n")
        out.write(f'<smses count="{records}" backup_set="1" backup_date="1772874000000">\n')
        for number in range(records):
            out.write(_mms(number) if number % _MMS == 1 else _sms(number, random))
        out.write("</smses>\n")
    pictures = len(range(1, records, _MMS))
    broken = len(range(0, records, _BROKEN))
    return {"message": records - broken, "attachment": pictures, "rejected": broken}


def _sms(number: int, random: Random) -> str:
    """Those of the broken kind, never an MMS, have a date that is none."""
    date = "soon" if number % _BROKEN == 0 else str(_START_MS + number * 1_000)
    body = quoteattr(f"Nachricht {number}: {'Grüße & ' * random.randrange(4)}😀")
    person = f'address="+491555{number % 37:04}" contact_name="Person {number % 37}"'
    kind = number % 2 + 1
    return f'  <sms protocol="0" {person} date="{date}" type="{kind}" body={body} read="1" />\n'


def _mms(number: int) -> str:
    data = base64.b64encode(f"picture {number}".encode()).decode()
    return (
        f'  <mms date="{_START_MS + number * 1_000}" msg_box="1" address="+4915550000">\n'
        '    <parts><part ct="application/smil" text="&lt;smil/&gt;" />'
        f'<part ct="text/plain" text="Bild {number}" />'
        f'<part ct="image/jpeg" name="{number}.jpg" data="{data}" /></parts>\n'
        '    <addrs><addr address="+4915550000" type="137" /></addrs>\n  </mms>\n'
    )
