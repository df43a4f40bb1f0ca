"""A format that does what no format should: by its records it kills, hangs, hoards or fails.

It lies outside the folder of formats; `tests.support.poison` adds it to the folder's path.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.ndjson import Ndjson
from schemas.errors import BadValue
from schemas.files import Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record


def hang() -> None:
    """Goes on past the soft limit, as a loop in C would."""
    while True:
        with contextlib.suppress(Exception):
            time.sleep(60)


def memory() -> None:
    held = []
    while len(held) < 1024:  # 64 GiB, of which none is touched
        held.append(bytearray(64 << 20))


def segfault() -> None:
    ctypes.string_at(0)


def leave() -> None:
    os._exit(3)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def defect() -> None:
    raise ZeroDivisionError("planted canary 4711")


def choke() -> None:
    raise MemoryError  # as of a limit: no defect, and it says nothing of the bytes


def call_home() -> None:
    """Any address will do: without a network there is no way to any."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        datagram.connect(("127.0.0.1", 9))


KINDS: dict[str, Callable[[], None]] = {
    "hang": hang,
    "memory": memory,
    "segfault": segfault,
    "exit": leave,
    "kill": kill,
    "choke": choke,
    "defect": defect,
    "call_home": call_home,
}


def record(item: RawRecord, member: Member) -> Record:
    row: dict[str, Any] = item.value
    if kind := row.get("poison"):
        try:
            KINDS[kind]()
        except OSError as error:
            raise BadValue(Reason.POISON, f"error {error.errno}") from None
    return Record(
        data_type=DataType.STRUCTURED,
        source=FORMAT.name,
        record_type="poison.row",
        identity=(str(row["id"]),),
        content=row.get("text"),
    )


FORMAT = Format(
    name="poison.rows",
    title="Rows of which some kill",
    version=1,
    data_type=DataType.STRUCTURED,
    paths=(r"(.*/)?[^/]*\.poison",),
    looks_like=lambda head: True,
    reader=Ndjson(),
    record=record,
    embed=False,
)
