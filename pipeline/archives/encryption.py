"""Encryption of a file for the holder of a private key, which this process does not need.

The format is age (age-encryption.org/v1): a fresh key for each file, wrapped for a public key.
"""

from __future__ import annotations

from pathlib import Path

import pyrage

from pipeline.archives.measure import open_regular
from pipeline.storage.atomic_files import written


def recipient(text: str) -> str:
    """Return the public key if it is one of age.

    Raises `ValueError`, without the text, otherwise.
    """
    try:
        return str(pyrage.x25519.Recipient.from_str(text.strip()))
    except pyrage.RecipientError:
        raise ValueError("is not a public key of age (age1…, from age-keygen)") from None


def seal(source: Path, target: Path, public_key: str) -> None:
    """Write `source` encrypted to `target`, durable or not at all, in bounded memory.

    Raises `TransientError` if the disk refuses it.
    """
    reader = pyrage.x25519.Recipient.from_str(public_key)
    with written(target) as out, open_regular(source) as plain:
        pyrage.encrypt_io(plain, out, [reader])
