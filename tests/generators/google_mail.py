"""Gmail's mails in Takeout, of any size: one mbox; every tenth mail has an attachment."""

from __future__ import annotations

from email.utils import format_datetime
from pathlib import Path
from random import Random

from tests.generators.google_support import WORDS, added, grown, moment, opened

_NAMES = {
    "en": ("Mail", "All mail Including Spam and Trash"),
    "de": ("Gmail", "Alle E-Mails einschließlich Spam-Nachrichten und E"),
}
_ATTACHED = 10


def generate(
    folder: Path, records: int, seed: int, *, locale: str = "en", later: bool = False
) -> dict[str, int]:
    """Writes `records` mails; returns how many outcomes of each kind they are. `later`: as the
    mailbox is a month later, with new ones."""
    random, records = Random(seed), grown(records, later=later)
    product, name = _NAMES.get(locale, _NAMES["en"])
    with opened(folder / "Takeout" / product / f"{name}.mbox") as out:
        for number in range(records):
            out.write(_mail(number, random))
    return added({"message": records, "attachment": _attachments(records)})


def after(records: int) -> dict[str, int]:
    """What becomes of the second export."""
    total = grown(records, later=True)
    new = total - records + _attachments(total) - _attachments(records)
    return added({"new": new, "duplicate": records + _attachments(records)})


def _attachments(records: int) -> int:
    return len(range(0, records, _ATTACHED))


def _mail(number: int, random: Random) -> str:
    at = moment(number)
    head = [
        f"From {number}@xxx {at:%a %b %d %H:%M:%S} +0000 {at.year}",
        f"X-GM-THRID: {number // 3}",
        "X-Gmail-Labels: Inbox,Chor",
        f"Message-ID: <{number}@mail.example>",
        f"Date: {format_datetime(at)}",
        f"Subject: Mail {number}",
        f"From: Person {number % 50} <person{number % 50}@example.org>",
        "To: Zoe <zoe@example.org>",
        "MIME-Version: 1.0",
    ]
    text = f"{' '.join(random.choices(WORDS, k=12))}\n"
    plain = ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", "", text]
    if number % _ATTACHED:
        return "\n".join([*head, *plain, ""])
    attached = [
        "Content-Type: application/octet-stream",
        f"Content-Disposition: attachment; filename=a{number}.bin",
        "",
        f"attached {number}",
    ]
    mixed = ["Content-Type: multipart/mixed; boundary=part", "", "--part", *plain, "--part"]
    return "\n".join([*head, *mixed, *attached, "--part--", "", ""])
