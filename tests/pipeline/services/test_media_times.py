"""Each rung of the ladders of times and places, of pictures, films and their names."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from pipeline.archives import media_types
from pipeline.services import media
from pipeline.values import dates_in_names
from schemas.files import Member
from tests.support.make_media import box

_BASE, _GPS = ExifTags.Base, ExifTags.GPS
_TAKEN = {_BASE.DateTimeOriginal: "2024:07:10 21:00:00"}
_DIGITIZED = {_BASE.DateTimeDigitized: "2024:07:11 21:00:00"}
_CHANGED = {_BASE.DateTime: "2024:07:12 21:00:00"}
_FIX = {_GPS.GPSDateStamp: "2024:07:13", _GPS.GPSTimeStamp: (19.0, 0.0, 0.0)}


def _picture(path: Path, said: dict[int, str], gps: dict[int, object] | None = None) -> media.Found:
    exif = Image.Exif()
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    for tag, value in said.items():
        (exif if tag == _BASE.DateTime else inner)[tag] = value
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps or {})
    Image.new("L", (2, 2)).save(path, exif=exif)
    return media.picture(path)


def _member(path: Path, name: str) -> Member:
    return Member(path=name, ordinal=0, file=path, size=1, sha256="0" * 64, media_type="image/jpeg")


@pytest.mark.parametrize(
    ("said", "gps", "day", "flags"),
    [
        (_TAKEN | _DIGITIZED | _CHANGED, {}, 10, ()),
        (_DIGITIZED | _CHANGED, {}, 11, ("time_of_digitizing",)),
        (_CHANGED, {}, 12, ("time_of_change",)),
        ({}, _FIX, 13, ("time_of_satellites",)),
        ({_BASE.DateTimeOriginal: "0000:00:00 00:00:00"} | _CHANGED, {}, 12, ("time_of_change",)),
        ({_BASE.DateTimeOriginal: "by the pond"} | _CHANGED, {}, 12, ("time_of_change",)),
        ({_BASE.DateTimeOriginal: "1980:01:01 00:00:00"} | _CHANGED, {}, 12, ("time_of_change",)),
    ],
)  # fmt: skip
def test_the_time_is_on_the_highest_rung(
    tmp_path: Path, said: dict[int, str], gps: dict[int, object], day: int, flags: tuple[str, ...]
) -> None:
    found = _picture(tmp_path / "a.jpg", said, gps)
    assert found.time is not None and found.time.at is not None
    assert (found.time.at.day, found.flags) == (day, flags)


@pytest.mark.parametrize(
    ("more", "hour"),
    [
        ({_BASE.OffsetTimeOriginal: "+02:00"}, 19),
        ({_BASE.OffsetTimeOriginal: "  :  "}, 21),
        # the offset of a change counts for the taking if both clocks show the same
        ({_BASE.DateTime: "2024:07:10 21:00:00", _BASE.OffsetTime: "+02:00"}, 19),
        ({_BASE.DateTime: "2024:12:24 21:00:00", _BASE.OffsetTime: "+01:00"}, 21),
        ({_BASE.OffsetTime: "+01:00"}, 21),
    ],
)
def test_an_offset_is_that_of_its_own_clock(
    tmp_path: Path, more: dict[int, str], hour: int
) -> None:
    found = _picture(tmp_path / "a.jpg", _TAKEN | more)
    assert found.time is not None and found.time.at is not None
    assert found.time.at.hour == hour
    assert (found.time.flag == "zone_assumed") is (hour == 21)


@pytest.mark.parametrize(
    "written",
    [
        "2024-07-10 21:00:00",
        "2024/07/10 21:00:00",
        "2024:07:10T21:00:00",
        "2024:07:10 21:00:00.50",
        "2024:07:10 19:00:00Z",
        "2024:07:10 21:00:00+02:00",
    ],
)
def test_other_marks_of_editors_are_read(tmp_path: Path, written: str) -> None:
    found = _picture(tmp_path / "a.jpg", {_BASE.DateTimeOriginal: written})
    assert found.time is not None and found.time.at is not None
    assert found.time.at.day == 10
    assert found.time.text == written


@pytest.mark.parametrize("north", ["N", "S", "n", "South", "", "X", None])
@pytest.mark.parametrize("east", ["E", "W", "west", "", "0", None])
def test_a_place_has_both_sides_or_is_none(
    tmp_path: Path, north: str | None, east: str | None
) -> None:
    gps: dict[int, object] = {
        _GPS.GPSLatitude: (10.0, 30.0, 0.0),
        _GPS.GPSLongitude: (20.0, 15.0, 0.0),
    }
    gps |= {_GPS.GPSLatitudeRef: north} if north is not None else {}
    gps |= {_GPS.GPSLongitudeRef: east} if east is not None else {}
    found = _picture(tmp_path / "a.jpg", {}, gps)
    sides = {"N": 1, "S": -1, "E": 1, "W": -1}
    if not ((north or "X")[0].upper() in "NS" and (east or "X")[0].upper() in "EW"):
        assert "latitude" not in found.metadata
        assert found.flags == ("place_unread",)
        return
    assert found.metadata["latitude"] == 10.5 * sides[(north or "")[0].upper()]
    assert found.metadata["longitude"] == 20.25 * sides[(east or "")[0].upper()]
    assert found.flags == ()


def _apple(texts: dict[bytes, str], *, full: bool) -> bytes:
    keys = b"".join(struct.pack(">I4s", 8 + len(key), b"mdta") + key for key in texts)
    items = b"".join(
        box(struct.pack(">I", n), box(b"data", struct.pack(">II", 1, 0) + text.encode()))
        for n, text in enumerate(texts.values(), 1)
    )
    head = box(b"hdlr", bytes(8) + b"mdta" + bytes(13))
    inside = head + box(b"keys", struct.pack(">II", 0, len(texts)) + keys) + box(b"ilst", items)
    return box(b"meta", bytes(4) * full + inside)


def _film(made: int, more: bytes = b"", *, brand: bool = True, wide: bool = False) -> bytes:
    form = ">IQQIQ" if wide else ">IIIII"
    head = struct.pack(form, wide << 24, made, made, 1_000, 2_000) + bytes(80)
    moov = box(b"moov", box(b"mvhd", head) + more)
    return (box(b"ftyp", b"qt  " + bytes(4)) if brand else box(b"wide", b"")) + moov


_EPOCHS = 2_082_844_800


@given(
    at=st.datetimes(min_value=datetime(1990, 1, 2), max_value=datetime(2035, 12, 31)),
    since_1970=st.booleans(),
    wide=st.booleans(),
    brand=st.booleans(),
)
def test_a_film_is_never_older_than_films(
    tmp_path_factory: pytest.TempPathFactory,
    at: datetime,
    since_1970: bool,
    wide: bool,
    brand: bool,
) -> None:
    """Whichever of the two epochs a program counted from, the moment is the same."""
    path = tmp_path_factory.mktemp("films") / "a.mov"
    moment = at.replace(microsecond=0, tzinfo=UTC)
    seconds = int(moment.timestamp()) + (0 if since_1970 else _EPOCHS)
    path.write_bytes(_film(seconds, brand=brand, wide=wide))
    found = media.recording(path)
    assert found.time is not None
    assert (found.time.at, found.flags) == (moment, ("counted_since_1970",) * since_1970)
    assert found.metadata == {"duration_s": 2.0}
    assert media_types.media_type(path.read_bytes(), "a.mov").startswith("video/")


@pytest.mark.parametrize("seconds", [1, 3, 86_400, _EPOCHS + 1])
def test_a_clock_that_nobody_set_dates_nothing(tmp_path: Path, seconds: int) -> None:
    (tmp_path / "a.mov").write_bytes(_film(seconds))
    found = media.recording(tmp_path / "a.mov")
    assert found.time is not None
    assert (found.time.at, found.time.flag) == (None, "clock_unset")


@pytest.mark.parametrize("full", [True, False])
def test_apples_own_date_and_place_come_before_the_header(tmp_path: Path, full: bool) -> None:
    said = {
        b"com.apple.quicktime.make": "Heron",
        b"com.apple.quicktime.creationdate": "2023-08-05T10:00:00+0200",
        b"com.apple.quicktime.location.ISO6709": "-33.8600+151.2100+012.000/",
    }
    (tmp_path / "a.mov").write_bytes(_film(_EPOCHS + 1_735_689_600, _apple(said, full=full)))
    found = media.recording(tmp_path / "a.mov")
    assert found.time is not None and found.time.at is not None
    assert found.time.at == datetime(2023, 8, 5, 8, tzinfo=UTC)
    assert (found.metadata["latitude"], found.metadata["longitude"]) == (-33.86, 151.21)


@pytest.mark.parametrize("text", ["", "in summer"])
def test_an_odd_date_of_apple_leaves_the_header(tmp_path: Path, text: str) -> None:
    said = _apple({b"com.apple.quicktime.creationdate": text}, full=False)
    (tmp_path / "a.mov").write_bytes(_film(_EPOCHS + 1_735_689_600, said))
    found = media.recording(tmp_path / "a.mov")
    assert found.time is not None
    assert found.time.at == datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "head",
    [b"\0\0\0\x10freedom for all", b"free", b"\0\0\0\x09wide\0more"],
)
def test_other_bytes_are_no_old_film(head: bytes) -> None:
    assert not media_types.media_type(head, "a.bin").startswith("video/")


_SPELT = (
    "IMG_%Y%m%d_%H%M%S.jpg",
    "IMG%Y%m%d%H%M%S.jpg",
    "VID_%Y%m%d_%H%M%S123.mp4",
    "%Y%m%d_%H%M%S(1).jpg",
    "Screenshot_%Y%m%d-%H%M%S_Notes.png",
    "Screenshot_%Y-%m-%d-%H-%M-%S-647_com.heron.jpg",
    "Screenshot from %Y-%m-%d %H-%M-%S.png",
    "Screenshot %Y-%m-%d at %I.%M.%S %p.png",
    "WhatsApp Image %Y-%m-%d at %H.%M.%S.jpeg",
    "signal-%Y-%m-%d-%H%M%S.jpg",
    "signal-%Y-%m-%d-%H-%M-%S-123.jpg",
    "%Y-%m-%d %H.%M.%S.jpg",
    "%Y_%m_%d_%H_%M_%S.mp4",
    "photo_%Y-%m-%d_%H-%M-%S.jpg",
    "00015IMG_00015_BURST%Y%m%d%H%M%S_COVER.jpg",
    "PXL_%Y%m%d_%H%M%S123.TS.mp4",
)
_DAYS = (
    "IMG-%Y%m%d-WA0004.jpg",
    "VID-%Y%m%d-WA0004.mp4",
    "%Y-%m-%d.png",
    "heron_%Y-%m-%d nest.jpg",
)


@given(
    at=st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2059, 12, 31)),
    spelling=st.sampled_from((*_SPELT, *_DAYS)),
)
def test_a_name_tells_its_time(at: datetime, spelling: str) -> None:
    found = dates_in_names.moment(at.strftime(spelling))
    wanted = at.replace(microsecond=0, tzinfo=UTC)
    if spelling in _DAYS:
        wanted = wanted.replace(hour=0, minute=0, second=0)
    assert found is not None
    assert found.at == wanted
    assert found.text in at.strftime(spelling)
    assert (found.flag is None) is spelling.startswith("PXL_")


def test_milliseconds_in_a_name_are_read() -> None:
    found = dates_in_names.moment("FB_IMG_1642723200123.jpg")
    assert found is not None
    assert found.at == datetime(2022, 1, 21, tzinfo=UTC) + timedelta(milliseconds=123)


@pytest.mark.parametrize(
    "name",
    [
        "2024.png",
        "2024-05.png",
        "IMG_1234.HEIC",
        "991231-125200",
        "20223112-125200",
        "2234089303984509579.png",
        "13039_327707840323_537645323_9470255_27214_n.jpg",
        "20240230_101112.jpg",
        "order 20240506.jpg",
        "",
    ],
)
def test_other_numbers_are_no_time(name: str) -> None:
    assert dates_in_names.moment(name) is None


def test_the_name_is_the_last_rung(tmp_path: Path) -> None:
    name = "IMG-20220121-WA0004.jpg"
    bare = media.record(_picture(tmp_path / "a.jpg", {}), _member(tmp_path, name), "x")
    assert bare.time is not None and bare.time.at == datetime(2022, 1, 21, tzinfo=UTC)
    assert bare.metadata["flags"] == ["time_in_name"]
    own = media.record(_picture(tmp_path / "a.jpg", _CHANGED), _member(tmp_path, name), "x")
    assert own.time is not None and own.time.at is not None and own.time.at.year == 2024
    unset = {_BASE.DateTimeOriginal: "1970:01:01 00:00:00"}
    reset = media.record(_picture(tmp_path / "a.jpg", unset), _member(tmp_path, name), "x")
    assert reset.time == bare.time
    assert reset.metadata["flags"] == ["clock_unset", "time_in_name"]
