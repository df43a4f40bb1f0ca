"""Writes small pictures, sounds and videos for tests.

python -m tests.support.make_media FOLDER
"""

from __future__ import annotations

import struct
import sys
import wave
from pathlib import Path

from PIL import ExifTags, Image


def picture(path: Path, *, gps: bool = True) -> None:
    """A JPEG of 8 by 6 points with EXIF of a camera that knows its zone and place."""
    image = Image.new("RGB", (8, 6), (90, 120, 150))
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Heron"
    exif[ExifTags.Base.Model] = "Heron Eye 2"
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    inner[ExifTags.Base.DateTimeOriginal] = "2026:03:01 09:00:00"
    inner[ExifTags.Base.OffsetTimeOriginal] = "+01:00"
    if gps:
        place = exif.get_ifd(ExifTags.IFD.GPSInfo)
        place[ExifTags.GPS.GPSLatitudeRef] = "S"
        place[ExifTags.GPS.GPSLatitude] = (33.0, 30.0, 36.0)
        place[ExifTags.GPS.GPSLongitudeRef] = "E"
        place[ExifTags.GPS.GPSLongitude] = (151.0, 12.0, 0.0)
        place[ExifTags.GPS.GPSAltitudeRef] = b"\x01"
        place[ExifTags.GPS.GPSAltitude] = 12.5
    image.save(path, exif=exif, quality=50)


def sound(path: Path) -> None:
    """A quarter of a second of silence in WAV."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(800)
        out.writeframes(b"\x80" * 200)


def box(kind: bytes, inside: bytes) -> bytes:
    """A box of an MP4 with what is in it (ISO 14496-12, 4.2)."""
    return struct.pack(">I4s", 8 + len(inside), kind) + inside


def movie(path: Path, place: str = "") -> None:
    """The head of an MP4 made on 2026-03-01 at 08:00 UTC, two seconds long, with no track.

    `place` is where, in ISO 6709.
    """
    made = 1_772_352_000 + 2_082_844_800
    mvhd = struct.pack(">IIIII", 0, made, made, 1_000, 2_000) + bytes(80)
    name = box(b"\xa9nam", box(b"data", struct.pack(">II", 1, 0) + "Am See – früh".encode()))
    handler = box(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
    meta = box(b"meta", bytes(4) + handler + box(b"ilst", name))
    spot = box(b"\xa9xyz", struct.pack(">HH", len(place), 0x15C7) + place.encode())
    moov = box(b"moov", box(b"mvhd", mvhd) + box(b"udta", meta + spot * bool(place)))
    path.write_bytes(box(b"ftyp", b"isom" + bytes(4) + b"isommp42") + moov)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name in ("media.image", "media.audio_video"):
        (folder / name / "input" / "DCIM").mkdir(parents=True, exist_ok=True)
    picture(folder / "media.image" / "input" / "DCIM" / "IMG_0001.jpg")
    Image.new("P", (3, 2)).save(folder / "media.image" / "input" / "DCIM" / "Größe.png")
    sound(folder / "media.audio_video" / "input" / "DCIM" / "still.wav")
    movie(folder / "media.audio_video" / "input" / "DCIM" / "VID_0001.mp4")
