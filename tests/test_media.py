"""Pictures, sound and video: what they say of themselves, and that nothing is decoded or raised."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from random import Random

import pytest
from PIL import ExifTags, Image

from pipeline import media
from schemas.records import Instant
from tests.make_media import movie, picture, sound


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif"])
def test_a_picture_says_when_and_where(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    picture(path)
    found = media.picture(path)
    assert found.time is not None and found.time.at is not None
    assert found.time.at.isoformat() == "2026-03-01T08:00:00+00:00"
    assert (found.time.text, found.time.offset) == ("2026:03:01 09:00:00+01:00", 60)
    assert found.metadata == {
        "width": 8,
        "height": 6,
        "camera": "Heron Eye 2",
        "latitude": -33.51,
        "longitude": 151.2,
        "altitude_m": -12.5,
    }


@pytest.mark.parametrize(
    ("written", "flag"),
    [
        ("", None),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("2026:02:30 09:00:00", "time_unread"),
        ("yesterday", "time_unread"),
        ("1904:01:01 00:00:00", "clock_unset"),
    ],
)
def test_a_time_that_is_none_is_none(tmp_path: Path, written: str, flag: str | None) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = written
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[ExifTags.GPS.GPSLatitudeRef], place[ExifTags.GPS.GPSLatitude] = "N", (0.0, 0.0, 0.0)
    place[ExifTags.GPS.GPSLongitudeRef], place[ExifTags.GPS.GPSLongitude] = "E", (0.0, 0.0, 0.0)
    Image.new("L", (2, 2)).save(tmp_path / "a.jpg", exif=exif)
    time = Instant(None, written, None, flag) if flag else None
    expected = media.Found(time=time, metadata={"width": 2, "height": 2})
    assert media.picture(tmp_path / "a.jpg") == expected


def test_pixels_are_not_decoded(tmp_path: Path) -> None:
    """A PNG that says it is 60,000 by 60,000, and holds nothing of that."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    (tmp_path / "a.png").write_bytes(data)
    assert media.picture(tmp_path / "a.png").metadata == {"width": 60_000, "height": 60_000}


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    assert media.picture(path).flags in (("unreadable",), ("broken",))
    path.write_bytes(b"no sound at all")
    assert media.recording(path).flags == ("unreadable",)


def test_recordings_say_how_long(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    assert media.recording(tmp_path / "a.wav").metadata == {"duration_s": 0.25}
    movie(tmp_path / "a.mp4")
    found = media.recording(tmp_path / "a.mp4")
    assert found.time is not None and found.time.at is not None
    assert found.time.at.isoformat() == "2026-03-01T08:00:00+00:00"
    assert (found.title, found.metadata) == ("Am See – früh", {"duration_s": 2.0})


def _frame(name: str, text: str) -> bytes:
    body = b"\3" + text.encode()
    return name.encode() + len(body).to_bytes(4, "big") + b"\0\0" + body


def _mp3() -> bytes:
    """A second of silence at 128 kbit/s, behind an ID3 tag."""
    said = {"TIT2": "Am See", "TPE1": "The Herons", "TALB": "Reeds", "TDRC": "2024", "TCON": "(17)"}
    tags = b"".join(_frame(*each) for each in said.items())
    head = b"ID3\4\0\0" + bytes(len(tags) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return head + tags + (b"\xff\xfb\x90\x00" + bytes(413)) * 38


def _flac() -> bytes:
    """Half a second of FLAC's head, with comments as Vorbis has them."""
    info = bytes(10) + (44_100 << 44 | 1 << 41 | 15 << 36 | 22_050).to_bytes(8, "big") + bytes(16)
    said = (b"TITLE=Am See", b"ARTIST=The Herons", b"ALBUM=Reeds", b"DATE=2024", b"GENRE=Rock")
    notes = b"".join(len(each).to_bytes(4, "little") + each for each in said)
    notes = bytes(4) + len(said).to_bytes(4, "little") + notes
    blocks = ((0, info), (4, notes), (0x81, bytes(8)))
    return b"fLaC" + b"".join(
        bytes([kind]) + len(body).to_bytes(3, "big") + body for kind, body in blocks
    )


@pytest.mark.parametrize(("data", "seconds"), [(_mp3(), 0.993), (_flac(), 0.5)])
def test_tags_are_called_alike_in_each_kind_of_file(
    tmp_path: Path, data: bytes, seconds: float
) -> None:
    path = tmp_path / "4"  # members have numbers for names
    path.write_bytes(data)
    found = media.recording(path)
    length = found.metadata.pop("duration_s")
    assert abs(length - seconds) < 0.05
    assert (found.title, found.metadata, found.flags) == (
        "Am See",
        {"artist": "The Herons", "album": "Reeds", "date": "2024", "genre": "Rock"},
        (),
    )


@pytest.mark.parametrize(
    "noise",
    [
        b"\xff" * 50_000,
        b"\xff\xfb\x00\x00" * 50_000,
        b"ID3\4\0\0\0\0\0\0" + b"\xff" * 50_000,
        b"RIFF\xff\xff\xff\xffWAVE" + b"abcd\0\0\0\0" * 50_000,
        b"fLaC" + b"\1\0\0\0" * 50_000,
        b"\0\0\0\x10ftypmp42\0\0\0\0" + b"\0\0\0\x08moov" * 50_000,
    ],
)
def test_a_search_without_end_is_given_up(
    tmp_path: Path, noise: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "_MOST_READS", 1_000)
    path = tmp_path / "a"
    path.write_bytes(noise)
    assert media.recording(path).flags == ("broken",)


def test_no_tag_is_larger_than_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "_MOST_AT_ONCE", 100)
    path = tmp_path / "a"
    path.write_bytes(b"ID3\4\0\0\0\0\x7f\x7f" + _frame("TIT2", "a" * 120) + bytes(20_000))
    assert media.recording(path).flags == ("broken",)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("+52.5200+013.4050/", {"latitude": 52.52, "longitude": 13.405}),
        ("-33.5+151.2-4/", {"latitude": -33.5, "longitude": 151.2, "altitude_m": -4.0}),
        ("+00.0000+000.0000/", {}),
        ("+91.0000+013.4050/", {}),
        ("by the pond", {}),
    ],
)
def test_a_movie_says_where(tmp_path: Path, said: str, place: dict[str, float]) -> None:
    movie(tmp_path / "a.mp4", said)
    assert media.recording(tmp_path / "a.mp4").metadata == {"duration_s": 2.0, **place}


def test_noise_raises_nothing(tmp_path: Path) -> None:
    random = Random(11)
    made = {"a.jpg": picture, "a.tiff": picture, "a.webp": picture, "a.mp4": movie, "a.wav": sound}
    for name, make in made.items():
        path = tmp_path / name
        make(path)
        data = path.read_bytes()
        for _ in range(60):
            noisy = bytearray(data[: random.randrange(len(data))])
            for _ in range(3):
                if noisy:
                    noisy[random.randrange(len(noisy))] = random.randrange(256)
            path.write_bytes(noisy)
            media.picture(path)
            media.recording(path)
