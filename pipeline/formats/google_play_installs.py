"""Google Play Store in Takeout: `Installs.json`, apps on devices.

Source: `docs/reference/exports/google-services.md#play-store`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.services.google import play_store
from pipeline.values import open_zones
from pipeline.values.fields import non_empty
from schemas.files import Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.play_installs"
_KEY = "install"


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one app on one device; the time of its last update changes."""
    fields = play_store.inner(item, _KEY)
    kind, title = play_store.document(fields)
    device: dict[str, Any] = fields.get("deviceAttribute") or {}
    updated = play_store.moment(fields, "lastUpdateTime")
    model = play_store.written(device, "model")
    return Record(
        data_type=DataType.ACTIVITY,
        source=_NAME,
        record_type=RecordType.INSTALL,
        identity=(
            kind,
            title,
            play_store.written(fields, "firstInstallationTime"),
            model,
        ),
        time=play_store.moment(fields, "firstInstallationTime"),
        title=title or None,
        metadata=non_empty(
            {
                "kind": kind,
                "device": play_store.written(device, "deviceDisplayName") or model,
                "manufacturer": play_store.written(device, "manufacturer"),
                "carrier": play_store.written(device, "carrier"),
                "updated_at": open_zones.utc_text(updated) if updated else None,
            }
        ),
        mutable=True,
    )


FORMAT = Format(
    name=_NAME,
    title="Apps installed from Google Play (Takeout)",
    version=3,
    data_type=DataType.ACTIVITY,
    paths=play_store.PATHS,
    looks_like=play_store.holds(_KEY, "firstInstallationTime", "lastUpdateTime"),
    reader=JsonItems(),
    record=to_record,
    hints=(r"(.+/)?Google Play Store/Installs\.json",),
    products=("Google Takeout: Google Play Store",),
    tried=("purarue/google_takeout_parser",),
    record_types=(RecordType.INSTALL,),
    fields=frozenset({_KEY}),
)
