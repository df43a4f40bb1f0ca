"""Positions as a track of GPX."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from workers.cli.writers.rows import Rows, utc


def gpx(rows: Rows) -> Iterator[str]:
    """Yield a GPX 1.1 document with one track of the positions.

    Source: topografix.com/GPX/1/1. A position has `latitude` and `longitude` in degrees, `at`, and
    `altitude_m` or None.
    """
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield '<gpx version="1.1" creator="Datapunk Lake" xmlns="http://www.topografix.com/GPX/1/1">\n'
    yield "<trk><trkseg>\n"
    for row in rows:
        height = "" if row["altitude_m"] is None else f"<ele>{row['altitude_m']}</ele>"
        ends = f"lat={quoteattr(str(row['latitude']))} lon={quoteattr(str(row['longitude']))}"
        yield f"<trkpt {ends}>{height}<time>{escape(utc(row['at'], '%Y-%m-%dT%H:%M:%SZ'))}</time>"
        yield "</trkpt>\n"
    yield "</trkseg></trk>\n</gpx>\n"
