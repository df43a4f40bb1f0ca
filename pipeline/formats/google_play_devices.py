"""Google Play Store in Takeout: `Devices.json`, devices of the account.

Source: `docs/reference/exports/google-services.md#play-store`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.services.google import play_store
from pipeline.values.fields import StableNames
from schemas.files import Member
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.play_devices"
_KEY = "device"
_TIMES = ("userAddedOnDeviceTime", "lastTimeDeviceActive")
_NAMES = StableNames(deviceIpCountry="ip_country")


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one device; all but its maker, model and registration may change."""
    fields: dict[str, Any] = play_store.inner(item, _KEY)
    latest: dict[str, Any] = fields.get("mostRecentData") or {}
    maker, model = (play_store.written(latest, n) for n in ("manufacturer", "modelName"))
    registered = play_store.written(fields, "deviceRegistrationTime")
    return Record(
        data_type=DataType.STRUCTURED,
        source=_NAME,
        record_type=RecordType.DEVICE,
        identity=(maker, model, registered) if maker or model or registered else (),
        time=play_store.moment(fields, "deviceRegistrationTime"),
        title=play_store.written(latest, "deviceName") or " ".join((maker, model)).strip() or None,
        metadata={
            **{_NAMES[name]: value for name, value in latest.items() if value},
            **{_NAMES[name]: fields[name] for name in _TIMES if fields.get(name)},
        },
        mutable=True,
    )


FORMAT = Format(
    name=_NAME,
    title="Devices of Google Play (Takeout)",
    version=2,
    data_type=DataType.STRUCTURED,
    paths=play_store.PATHS,
    looks_like=play_store.holds(_KEY, "mostRecentData", "deviceRegistrationTime"),
    reader=JsonItems(),
    record=to_record,
    hints=(r"(.+/)?Google Play Store/Devices\.json",),
    products=("Google Takeout: Google Play Store",),
    record_types=(RecordType.DEVICE,),
    fields=frozenset({_KEY}),
)
