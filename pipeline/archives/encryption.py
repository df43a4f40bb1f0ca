"""Sealing a file so that only the holder of a key can open it, who need not be here.

The format is age (age-encryption.org/v1): a fresh key for each file, wrapped for a public key.
"""

from __future__ import annotations

from pathlib import Path

import pyrage

from pipeline.archives.measure import open_regular
from pipeline.storage.atomic_files import written


def recipient(text: str) -> str:
    """The public key, checked. Raises `ValueError`, without the text, if it is none of age's."""
    try:
        return str(pyrage.x25519.Recipient.from_str(text.strip()))
    except pyrage.RecipientError:
        raise ValueError("is no public key of age (age1…, made by age-keygen)") from None


def seal(source: Path, target: Path, public_key: str) -> None:
    """Write `source` sealed to `target`, durable or not at all, in bounded memory.

    Raises `TransientError` where the disk won't take it.
    """
    reader = pyrage.x25519.Recipient.from_str(public_key)
    with written(target) as out, open_regular(source) as plain:
        pyrage.encrypt_io(plain, out, [reader])
