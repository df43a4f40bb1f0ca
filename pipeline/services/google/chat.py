"""What the files of Google Chat in Takeout share: the group that they belong to."""

from __future__ import annotations

from pathlib import PurePosixPath


def group_of(path: str) -> str | None:
    """Return the id of the group in whose folder the file is: `Groups/Space AAAA/messages.json`.

    The word before the id may be in the account's language. Return None without such a folder.
    """
    folder = PurePosixPath(path.rsplit("!/", 1)[-1]).parent.name
    kind, _, group = folder.rpartition(" ")
    return group if kind and group else None
