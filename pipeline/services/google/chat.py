"""What the files of Google Chat in Takeout share: which group they belong to."""

from __future__ import annotations

from pathlib import PurePosixPath


def group_of(path: str) -> str | None:
    """The id of the group whose folder the file lies in: `Groups/Space AAAA/messages.json`.

    The word before the id may be in the account's language. None where there is no such folder.
    """
    folder = PurePosixPath(path.rsplit("!/", 1)[-1]).parent.name
    kind, _, group = folder.rpartition(" ")
    return group if kind and group else None
