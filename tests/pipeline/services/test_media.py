"""Pictures, sound and video: what they say of themselves, and that nothing is decoded or raised."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from random import Random

import pytest
from PIL import ExifTags, Image, PngImagePlugin

from pipeline.services import media
from schemas.records import Instant
from tests.support.make_media import movie, picture, sound


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


_XMP = "<x:xmpmeta><rdf:Description {}/></x:xmpmeta>"


@pytest.mark.parametrize(
    ("xmp", "at", "flags"),
    [
        ('photoshop:DateCreated="2019-05-06T07:08:09+02:00"', "2019-05-06T05:08:09", ()),
        ('exif:DateTimeOriginal="2019-05-06"', "2019-05-06T00:00:00", ()),
        ('xmp:CreateDate="2019-05-06T07:08:09Z"', "2019-05-06T07:08:09", ("time_of_digitizing",)),
        ('xmp:CreateDate="soon" xmp:ModifyDate="2019-05-06"', None, ()),
    ],
)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_xmp_says_what_exif_does_not(
    tmp_path: Path, suffix: str, xmp: str, at: str | None, flags: tuple[str, ...]
) -> None:
    path = tmp_path / f"a.{suffix}"
    said = _XMP.format(xmp + ' exif:GPSLatitude="52,30.6N" exif:GPSLongitude="13,24,36W"')
    more: dict[str, object] = {"xmp": said.encode()}
    if suffix == "png":
        notes = PngImagePlugin.PngInfo()
        notes.add_itxt("XML:com.adobe.xmp", said)
        more = {"pnginfo": notes}
    elif suffix == "tif":
        more = {"tiffinfo": {700: said.encode()}}
    Image.new("L", (2, 2)).save(path, **more)
    found = media.picture(path)
    moment = found.time.at if found.time else None
    assert (moment and moment.replace(tzinfo=None).isoformat()) == at
    assert found.flags == flags
    assert (found.metadata["latitude"], found.metadata["longitude"]) == (52.51, -13.41)


@pytest.mark.parametrize(
    ("changed", "at"), [("2024:01:02 03:04:05", "03:04:05"), (None, "00:00:00")]
)
def test_a_day_of_iptc_is_less_than_a_clock(tmp_path: Path, changed: str | None, at: str) -> None:
    """`8BIM`, 0x0404: 2:55 is the day, in APP13 of a JPEG."""
    exif = Image.Exif()
    if changed:
        exif[ExifTags.Base.DateTime] = changed
    Image.new("L", (2, 2)).save(tmp_path / "a.jpg", exif=exif)
    iptc = b"\x1c\x02\x37\x00\x0820240102"
    block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc + b"\0"
    data = (tmp_path / "a.jpg").read_bytes()
    app13 = b"\xff\xed" + struct.pack(">H", len(block) + 2) + block
    (tmp_path / "b.jpg").write_bytes(data[:2] + app13 + data[2:])
    time = media.picture(tmp_path / "b.jpg").time
    assert time is not None and time.at is not None
    assert f"{time.at:%Y-%m-%d %H:%M:%S}" == f"2024-01-02 {at}"


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


_SAID = {"TIT2": "Am See", "TPE1": "The Herons", "TALB": "Reeds", "TDRC": "2024", "TCON": "(17)"}


def _mp3(tags: bytes = b"") -> bytes:
    """A second of silence at 128 kbit/s, behind an ID3 tag."""
    tags = tags or b"".join(_frame(*each) for each in _SAID.items())
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
    ("title", "artist", "charset"),
    [
        ("Группа крови", "Кино", "cp1251"),
        ("角落之歌", "苏云", "gbk"),
        ("乾いた唄は魚の餌に", "森山直太朗", "cp932"),
        ("강남스타일", "싸이", "cp949"),
        ("Ζορμπάς", "Μίκης Θεοδωράκης", "cp1253"),
        ("Été à la mer", "Beyoncé", "latin-1"),
        ("Þæð", "Sigur Rós", "latin-1"),
        ("Åäö", "ÄÖ", "latin-1"),
    ],
)
def test_tags_that_call_themselves_latin(
    tmp_path: Path, title: str, artist: str, charset: str
) -> None:
    """ID3 knows no other charset of single bytes; tinytag has a sample of it, `chinese_id3.mp3`."""
    texts = {"TIT2": title, "TPE1": artist}
    bodies = {name: b"\0" + text.encode(charset) for name, text in texts.items()}
    heads = (
        (n.encode() + len(body).to_bytes(4, "big") + b"\0\0", body) for n, body in bodies.items()
    )
    path = tmp_path / "4"
    path.write_bytes(_mp3(b"".join(head + body for head, body in heads)))
    found = media.recording(path)
    assert (found.title, found.metadata["artist"]) == (title, artist)
    assert found.flags == (() if charset == "latin-1" else ("charset_guessed",))


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
