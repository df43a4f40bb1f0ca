"""The devices that Chrome syncs: `Chrome/Device Information.json` of Takeout.

`{"Device Info": [{client_name, device_type, manufacturer, model, os_type, chrome_version, …}]}`.
The unit of `last_updated_timestamp` is not verified, so its value is kept unchanged.

Source: `docs/reference/exports/browsers.md#chrome-in-takeout`.
"""

from __future__ import annotations

from typing import Any

from pipeline.contract import Format
from pipeline.readers.json.items import JsonItems
from pipeline.recognition import peek
from pipeline.values.fields import optional_text
from schemas.errors import BadValue
from schemas.files import Head, Member
from schemas.reasons import Reason
from schemas.records import DataType, RawRecord, Record
from schemas.vocabulary import RecordType

_NAME = "google.chrome_devices"
_KEY = "Device Info"
_KNOWN = frozenset(
    {"client_name", "device_type", "manufacturer", "model", "os_type", "chrome_version"}
    | {"last_updated_timestamp", "signin_scoped_device_id", "sync_user_agent"}
)


def to_record(item: RawRecord, member: Member) -> Record:
    """Return one device; versions and names change, its id does not."""
    fields: dict[str, Any] = item.value
    title = optional_text(fields, "client_name")
    device = optional_text(fields, "signin_scoped_device_id") or title
    if not device:
        raise BadValue(Reason.MISSING_FIELD, "the device has neither an id nor a name")
    agent = optional_text(fields, "sync_user_agent")
    metadata = {name: value for name, value in fields.items() if name != "sync_user_agent"}
    return Record(
        data_type=DataType.BROWSER,
        source=_NAME,
        record_type=RecordType.DEVICE,
        identity=("chrome", device),
        title=title or optional_text(fields, "model"),
        metadata={**metadata, "user_agent": agent} if agent else metadata,
        mutable=True,
    )


def _looks_like(head: Head) -> bool:
    return any(not item.keys().isdisjoint(_KNOWN) for item in peek.first_objects(head, _KEY))


FORMAT = Format(
    name=_NAME,
    title="Devices that Chrome syncs (Takeout)",
    version=1,
    data_type=DataType.BROWSER,
    paths=(r"(.+/)?[^/]+\.json",),
    looks_like=_looks_like,
    reader=JsonItems(path=_KEY),
    record=to_record,
    products=("Google Takeout: Chrome",),
    record_types=(RecordType.DEVICE,),
    fields=_KNOWN,
)
