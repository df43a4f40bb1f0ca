"""Writes small FIT files for tests: the header, definitions, data and checksums of the protocol.

python -m tests.support.make_fit OUT.fit [DAY.fit]
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

_CRC = (
    0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
    0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
)  # fmt: skip
_EPOCH = 631_065_600  # 1989-12-31 in Unix seconds
START = 1_772_352_000 - _EPOCH  # 2026-03-01T08:00:00Z
#: Number, size and base type of the fields of each message.
_FILE_ID = (0, ((0, 1, 0x00), (4, 4, 0x86)))
_RECORD = (20, ((253, 4, 0x86), (0, 4, 0x85), (1, 4, 0x85), (2, 2, 0x84), (3, 1, 0x02)))
_SESSION = (18, ((253, 4, 0x86), (2, 4, 0x86), (5, 1, 0x00), (7, 4, 0x86), (9, 4, 0x86)))
_LAP = (19, ((253, 4, 0x86), (2, 4, 0x86), (7, 4, 0x86), (9, 4, 0x86)))
_WEIGHING = (30, ((253, 4, 0x86), (0, 2, 0x84), (1, 2, 0x84), (12, 2, 0x84)))
_PRESSURE = (51, ((253, 4, 0x86), (0, 2, 0x84), (1, 2, 0x84), (6, 1, 0x02)))
_INDOORS = (20, ((253, 4, 0x86), (7, 2, 0x84), (4, 1, 0x02)))
_DAY = (103, ((253, 4, 0x86), (5, 2, 0x84)))
_PULSE = (55, ((26, 2, 0x84), (27, 1, 0x02)))
_SUMS = (55, ((253, 4, 0x86), (3, 4, 0x86), (4, 4, 0x86), (5, 1, 0x00)))
_INTENSITY = (55, ((26, 2, 0x84), (24, 1, 0x0D)))
_STRESS = (227, ((0, 2, 0x83), (1, 4, 0x86)))
_OXYGEN = (269, ((253, 4, 0x86), (0, 1, 0x02), (1, 1, 0x02)))
_BREATH = (297, ((253, 4, 0x86), (0, 2, 0x83)))
_SLEEP = (275, ((253, 4, 0x86), (0, 1, 0x00)))


def crc(data: bytes) -> int:
    """The checksum of the FIT protocol, half a byte at a time."""
    sum_ = 0
    for byte in data:
        for half in (byte & 15, byte >> 4):
            sum_ = (sum_ >> 4) ^ _CRC[sum_ & 15] ^ _CRC[half]
    return sum_


def _definition(local: int, message: tuple[int, tuple[tuple[int, int, int], ...]]) -> bytes:
    number, fields = message
    head = struct.pack("<BBBHB", 0x40 | local, 0, 0, number, len(fields))
    return head + b"".join(bytes(field) for field in fields)


def _semicircles(degrees: float) -> int:
    return round(degrees * 2**31 / 180)


def record(
    seconds: int, north: float | None, east: float | None, metres: float, beats: int
) -> bytes:
    """A position `seconds` after the start; no position and no pulse are written as invalid."""
    place = [0x7FFFFFFF if d is None else _semicircles(d) for d in (north, east)]
    height = round((metres + 500) * 5)
    return struct.pack("<BIiiHB", 1, START + seconds, *place, height, beats)


def fit(body: bytes) -> bytes:
    """A whole file round some data messages."""
    inner = (
        _definition(0, _FILE_ID)
        + struct.pack("<BBI", 0, 4, START)
        + _definition(1, _RECORD)
        + _definition(2, _SESSION)
        + _definition(3, _LAP)
        + _definition(4, _INDOORS)
        + _definition(5, _WEIGHING)
        + _definition(6, _PRESSURE)
        + body
    )
    return whole(inner)


def whole(inner: bytes) -> bytes:
    """A file with its header and checksums."""
    head = struct.pack("<BBHI4s", 14, 0x20, 2195, len(inner), b".FIT")
    head += struct.pack("<H", crc(head))
    return head + inner + struct.pack("<H", crc(head + inner))


def day() -> bytes:
    """What a watch writes of a day: times of 16 bits that pass their end, sums by activity."""
    kinds = (_FILE_ID, _DAY, _PULSE, _SUMS, _INTENSITY, _STRESS, _OXYGEN, _BREATH, _SLEEP)
    low = (START + 60) & 0xFFFF
    return whole(
        b"".join(_definition(local, kind) for local, kind in enumerate(kinds))
        + struct.pack("<BBI", 0, 32, START)
        + struct.pack("<BHB", 2, low, 60)  # no whole time yet
        + struct.pack("<BIH", 1, START, 1800)
        + struct.pack("<BHB", 2, low, 61)
        + struct.pack("<BIIIB", 3, START + 120, 400, 90_000, 6)
        + struct.pack("<BIIIB", 3, START + 120, 400, 60_000, 1)
        + struct.pack("<BHB", 4, (low + 120) & 0xFFFF, 6 | 3 << 5)
        + struct.pack("<BHB", 2, (low - 1) & 0xFFFF, 62)  # 18 hours on
        + struct.pack("<BHB", 2, low, 0xFF)
        + struct.pack("<BhI", 5, 25, START + 180)
        + struct.pack("<BhI", 5, -1, START + 240)
        + struct.pack("<BIBB", 6, START + 300, 97, 2)
        + struct.pack("<BIh", 7, START + 360, 1450)
        + struct.pack("<BIB", 8, START + 420, 3)
        + struct.pack("<BIB", 8, START + 480, 0)
    )


def session(seconds: int, metres: float) -> bytes:
    """A run of so long and so far."""
    return struct.pack("<BIIBII", 2, START + seconds, START, 1, seconds * 1000, round(metres * 100))


def lap(seconds: int, metres: float) -> bytes:
    """A part of a run, from its start."""
    return struct.pack("<BIIII", 3, START + seconds, START, seconds * 1000, round(metres * 100))


def indoors(time: int, watts: int, turns: int) -> bytes:
    """What a trainer measures, at a time of the file's own clock."""
    return struct.pack("<BIHB", 4, time, watts, turns)


def weighing(seconds: int, kilograms: float, fat: float | None, whose: int) -> bytes:
    """What a scale measures of one of its people; no fat is written as invalid."""
    percent = 0xFFFF if fat is None else round(fat * 100)
    return struct.pack("<BIHHH", 5, START + seconds, round(kilograms * 100), percent, whose)


def pressure(seconds: int, systolic: int, diastolic: int, beats: int) -> bytes:
    """What a blood pressure monitor measures."""
    return struct.pack("<BIHHB", 6, START + seconds, systolic, diastolic, beats)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(
        fit(
            record(0, 52.5, 13.4, 34.2, 120)
            + record(5, 52.501, 13.401, 35, 0xFF)
            + record(10, None, None, 35, 122)
            + record(15, 95.0, 13.4, 35, 0xFF)
            + indoors(START + 20, 210, 88)
            + indoors(20, 211, 0xFF)
            + weighing(30, 71.5, 20.25, 1)
            + weighing(31, 12.5, None, 2)
            + pressure(40, 118, 76, 61)
            + lap(300, 1000.5)
            + session(600, 2000.5)
        )
    )
    if sys.argv[2:]:
        Path(sys.argv[2]).write_bytes(day())
