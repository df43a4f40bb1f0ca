"""The names in the lake: the kinds of record, and the names in their metadata.

Every service uses the same names: a message is a `message` with a `sender`, `recipients` and a
`conversation`, be it a mail or a chat. The contract tests compare every format's sample with this
module, and `make docs` makes `docs/reference/vocabulary.md` from it.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class RecordType(StrEnum):
    """The kind of a document; `time` and `title_is` describe its time and its title."""

    time: str
    title_is: str

    def __new__(cls, value: str, time: str, title: str) -> RecordType:
        """Make a member that equals its value; the rest is for people."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.time, member.title_is = time, title
        return member

    MESSAGE = "message", "sent", "the subject, if any"
    REACTION = "reaction", "made", "the sign: an emoji, a like"
    CALL = "call", "began", "with whom"
    CONVERSATION = "conversation", "begun", "its name"
    CONTACT = "contact", "none", "the name"
    CONNECTION = "connection", "followed, befriended, blocked", "the other's name"
    EVENT = "event", "starts", "summary"
    TASK = "task", "created, else changed", "what to do"
    NOTE = "note", "created, else changed", "heading"
    POST = "post", "published", "heading"
    COMMENT = "comment", "published", "heading"
    REVIEW = "review", "published", "of what"
    VOTE = "vote", "cast", "on what"
    PLAY = "play", "began, of music, video, an episode", "what was played"
    VISIT = "visit", "opened, a page", "its title"
    SEARCH = "search", "asked", "the query"
    ACTIVITY = "activity", "happened, anything else that a service noted", ""
    PLACE_VISIT = "place_visit", "arrived", "the place"
    TRIP = "trip", "left, on the way from place to place", "by what"
    PLACE = "place", "saved", "its name"
    PURCHASE = "purchase", "bought", "what"
    PAYMENT = "payment", "money moved", "to or for what"
    SUBSCRIPTION = "subscription", "began", "to what"
    INSTALL = "install", "installed", "what"
    DEVICE = "device", "first seen", "its name"
    LOGIN = "login", "a use of the account", "the product"
    WORKOUT = "workout", "began", "its kind"
    SLEEP = "sleep", "began", "that it was sleep"
    SUMMARY = "summary", "the day, or whatever it sums up", "what is summed up"
    BOOKMARK = "bookmark", "added", "the page's title"
    PLAYLIST = "playlist", "created, else changed", "its name"
    ALBUM = "album", "made", "its name"
    MEDIUM = "medium", "taken, a photo, video, sound", "its title"
    DOCUMENT = "document", "none unless it says", "its title or name"
    ATTACHMENT = "attachment", "that of what it is attached to", "its name"
    PROFILE = "profile", "none", "what the account says of its owner"
    SETTING = "setting", "changed", "its name"
    LIST_ITEM = "list_item", "added", "a thing on a named list (a library, a wish list)"
    ROW = "row", "none", "none: a record of no known product"


class Shape(StrEnum):
    """The JSON shape of a metadata value.

    A *person* is an object with at least one of `address` (mail, lower case), `phone` (as
    written), `handle` (a name or number that the service keys people by), `name`; and
    `self: true` where the export says that it is the account's owner. A *place* is an object with
    any of `name`, `address`, `id`, `latitude`, `longitude`. A *file* is an object with `name` and
    any of `media_type`, `size`, `sha256`, `path` (inside the export), `url`. An *amount* is an
    object with `value` (a decimal as text, or None) `currency` and `text` (verbatim). An *object*
    has names of the export's own, which mean nothing here.
    """

    TEXT = "text"
    TEXTS = "texts"
    NUMBER = "number"
    FLAG = "flag"
    PERSON = "person"
    PEOPLE = "people"
    PLACE = "place"
    FILES = "files"
    AMOUNT = "amount"
    OBJECT = "object"
    OBJECTS = "objects"


#: Metadata names with the same meaning in every format, and their shapes. Other values of an export
#: are under their own names in snake case.
KEYS: Final = MappingProxyType(
    {
        # people and their parts in a record
        "sender": Shape.PERSON,
        "recipients": Shape.PEOPLE,
        "cc": Shape.PEOPLE,
        "bcc": Shape.PEOPLE,
        "reply_to": Shape.PEOPLE,  # who gets answers, where it is not the sender
        "author": Shape.PERSON,
        "organizer": Shape.PERSON,
        "attendees": Shape.PEOPLE,
        "participants": Shape.PEOPLE,  # of the conversation
        "people": Shape.PEOPLE,  # shown, tagged, or the person of a contact or connection
        # conversations
        "message_id": Shape.TEXT,
        "in_reply_to": Shape.TEXT,
        "conversation": Shape.TEXT,
        "conversation_title": Shape.TEXT,
        "direction": Shape.TEXT,  # "in" or "out", as the owner sees it
        "attachments": Shape.FILES,
        "reactions": Shape.OBJECTS,  # {reaction, person?}
        "edited_at": Shape.TEXT,
        "deleted": Shape.FLAG,
        # addresses and texts
        "url": Shape.TEXT,
        "links": Shape.TEXTS,
        "query": Shape.TEXT,
        "description": Shape.TEXT,
        "labels": Shape.TEXTS,
        "status": Shape.TEXT,
        "flags": Shape.TEXTS,  # of the lake: the doubts about this record
        "misread": Shape.OBJECTS,  # of the lake: {field, read_as}: texts that were mended
        # when it ended, RFC 3339; how long, in seconds
        "ended_at": Shape.TEXT,
        "created_at": Shape.TEXT,
        "updated_at": Shape.TEXT,
        "duration_s": Shape.NUMBER,
        # music, video
        "artist": Shape.TEXT,
        "album": Shape.TEXT,
        "track": Shape.TEXT,
        "show": Shape.TEXT,
        "episode": Shape.TEXT,
        "channel": Shape.TEXT,
        "video_id": Shape.TEXT,
        "played_s": Shape.NUMBER,
        "skipped": Shape.FLAG,
        "advertisement": Shape.FLAG,
        # where
        "place": Shape.PLACE,
        "from_place": Shape.PLACE,
        "to_place": Shape.PLACE,
        "latitude": Shape.NUMBER,
        "longitude": Shape.NUMBER,
        "altitude_m": Shape.NUMBER,
        "distance_m": Shape.NUMBER,
        # money
        "amount": Shape.AMOUNT,
        "merchant": Shape.TEXT,
        "payment_method": Shape.TEXT,
        # opinions
        "rating": Shape.NUMBER,
        "rating_max": Shape.NUMBER,
        "reaction": Shape.TEXT,
        # events and tasks
        "calendar": Shape.TEXT,
        "list": Shape.TEXT,
        "location": Shape.TEXT,
        "all_day": Shape.FLAG,
        "due": Shape.TEXT,
        "completed_at": Shape.TEXT,
        # machines
        "device": Shape.TEXT,
        "ip": Shape.TEXT,
        "user_agent": Shape.TEXT,
        "product": Shape.TEXT,
        # media
        "camera": Shape.TEXT,
        "width": Shape.NUMBER,
        "height": Shape.NUMBER,
        "album_titles": Shape.TEXTS,
        "files": Shape.FILES,  # the media that a sidecar describes
        # what has no name here
        "fields": Shape.OBJECT,  # all of a row; else values not as their names promise
        "around": Shape.OBJECT,  # what is above all rows of a file, or around them
        "file": Shape.TEXT,  # the file of a row: its path inside the export
    }
)

#: The names of which a record of the type has at least one (of each group).
REQUIRED: Final = MappingProxyType(
    {
        RecordType.MESSAGE: (("sender", "recipients", "participants", "conversation"),),
        RecordType.CONTACT: (("people",),),
        RecordType.CONNECTION: (("people",),),
        RecordType.PLACE: (("place", "url", "exported_place"),),
        RecordType.PLACE_VISIT: (("place",),),
        RecordType.REACTION: (("reaction",),),
        RecordType.VISIT: (("url",),),
        RecordType.SEARCH: (("query",),),
        RecordType.BOOKMARK: (("url",),),
    }
)


class Relation(StrEnum):
    """The relation of one document to another."""

    REPLY_TO = "reply_to"
    IN_CONVERSATION = "in_conversation"
    ATTACHMENT_OF = "attachment_of"
    IN_ALBUM = "in_album"
    PART_OF = "part_of"  # a playlist, a list, a workout
    COMMENT_ON = "comment_on"
    SAME_AS = "same_as"
    NEAR_DUPLICATE_OF = "near_duplicate_of"  # found by the lake, with a similarity


class MetricName(StrEnum):
    """The quantity of a metric; the value is its unit."""

    STEPS = "steps"  # count
    HEART_RATE = "heart_rate"  # bpm
    ENERGY = "energy"  # kcal
    DISTANCE = "distance"  # m
    SPEED = "speed"  # m/s
    WEIGHT = "weight"  # kg
    HEIGHT = "height"  # m
    BODY_FAT = "body_fat"  # %
    BLOOD_OXYGEN = "blood_oxygen"  # %
    BLOOD_PRESSURE_SYSTOLIC = "blood_pressure_systolic"  # mmHg
    BLOOD_PRESSURE_DIASTOLIC = "blood_pressure_diastolic"  # mmHg
    BODY_TEMPERATURE = "body_temperature"  # °C
    RESPIRATORY_RATE = "respiratory_rate"  # 1/min
    SLEEP_STAGE = "sleep_stage"  # 1 awake, 2 asleep, 3 out of bed, 4 light, 5 deep, 6 REM
    ACTIVE_TIME = "active_time"  # s
    FLOORS = "floors"  # count
    POWER = "power"  # W
    CADENCE = "cadence"  # 1/min


def table() -> str:
    """Return the record types, then the shared names of metadata, as Markdown."""
    lines = ["| record type | its time | its title | says at least |", "|---|---|---|---|"]
    for kind in RecordType:
        needed = "; ".join(" or ".join(f"`{n}`" for n in g) for g in REQUIRED.get(kind, ()))
        lines.append(f"| `{kind}` | {kind.time} | {kind.title_is} | {needed} |")
    lines += ["", "| name in metadata | shape |", "|---|---|"]
    lines += [f"| `{name}` | {shape} |" for name, shape in KEYS.items()]
    return "\n".join(lines) + "\n"
