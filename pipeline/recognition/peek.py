"""Structural looks at the head of a member, for formats that ask "is this mine?".

A head breaks off anywhere, may begin with a byte order mark and may be no JSON at all; none of
these functions raises. What was read before the break counts. Members and items that are broken in
themselves are left out, so that damage in the head costs no more than behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec
import orjson

from pipeline.syntax import json_events
from pipeline.syntax.json_mended import mended
from schemas.files import Head

_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\n\r"
_VALUE_STARTS = b'{["-0123456789tfnNI'

#: What may stand around a value on a line of its own: the sign of RFC 7464, a comma.
_BETWEEN = _SPACE + b"\x1e,"
#: What a path is made of beside keys.
_STEPS = frozenset(".*[]{}")

_BUFFER = 1024
#: Lines among which two are values where they are such a file's.
_LINES = 8
#: What the parser says of a text that ends too early.
_BREAKS_OFF = "premature EOF"
#: As many items as most formats ask for.
_USUAL = 10
#: Whose keys are looked at together, since one may be damaged.
_SOME = 3


def text_of(head: Head) -> bytes:
    """The head's bytes without a byte order mark and the white space before the text."""
    return head.data.removeprefix(_BOM).lstrip(_SPACE)


def is_json_array(head: Head) -> bool:
    """Whether the text begins as an array does: a bracket, then a value, its close or nothing."""
    text = text_of(head)
    if not text.startswith(b"["):
        return False
    inside = text[1:].lstrip(_SPACE)
    return not inside or inside[0] in _VALUE_STARTS or inside.startswith(b"]")


def is_json_object(head: Head) -> bool:
    """Whether the text begins as an object does: a brace, then a key, its close or nothing."""
    text = text_of(head)
    if not text.startswith(b"{"):
        return False
    inside = text[1:].lstrip(_SPACE)
    return not inside or inside[:1] in (b'"', b"}")


def first_items(head: Head, path: str = "", n: int = 3) -> list[Any]:
    """Up to `n` whole items of the array at `path` (keys joined by dots; "" is the top).

    Numbers with a fraction come as `Decimal`. Fewer where the head ends or breaks before.
    """
    if not _may_hold(head, path):
        return []
    return list(_first_items(head.data, path, max(n, _USUAL))[:n])


def first_objects(head: Head, path: str = "", n: int = 3) -> list[dict[str, Any]]:
    """Those of the first `n` whole items of the array at `path` that are objects."""
    return [item for item in first_items(head, path, n) if isinstance(item, dict)]


@lru_cache(maxsize=4)
def _first_items(data: bytes, path: str, n: int) -> tuple[Any, ...]:
    """Every format that reads arrays asks this of the same head; nobody changes an item."""
    stream = json_events.events(_sound(data), _BUFFER)
    return tuple(islice(_until_it_breaks(_items(stream, path)), n))


def sound_text_of(head: Head) -> bytes:
    """As `text_of`, without the members and items that are broken."""
    return _sound(head.data).removeprefix(_BOM).lstrip(_SPACE)


@lru_cache(maxsize=4)
def _sound(data: bytes) -> bytes:
    """The text without what is broken in it; the same where it only breaks off."""
    for text in (data, loose := json_events.loosened(data)):
        try:
            deque(json_events.events(text, _BUFFER), maxlen=0)
        except json_events.BROKEN as error:
            if _BREAKS_OFF in str(error):
                return text
        else:
            return text
    return mended(loose)


def _may_hold(head: Head, path: str) -> bool:
    """Whether the text is an array, or an object with the first key: a look that is remembered."""
    if not path:
        return is_json_array(head)
    key = path.partition(".")[0]
    return key in top_keys(head)


def _items(stream: Iterator[json_events.Event], path: str) -> Iterator[Any]:
    if json_events.enter_array(stream, path):
        yield from json_events.build_items(stream)


def top_keys(head: Head) -> tuple[str, ...]:
    """The keys of the object at the top, in order, as far as the head shows them."""
    return _top_keys(head.data) if is_json_object(head) else ()


@lru_cache(maxsize=4)
def _top_keys(data: bytes) -> tuple[str, ...]:
    """Nearly every format asks this of the same head."""
    return tuple(_until_it_breaks(_keys(json_events.events(_sound(data), _BUFFER))))


def _keys(stream: Iterator[json_events.Event]) -> Iterator[str]:
    depth = 0
    for event, value in stream:
        depth += event.startswith("start_") - event.startswith("end_")
        if event == "map_key" and depth == 1:
            yield value


def wrapped(head: Head) -> str | None:
    """The key of the array of objects in the object at the top; None if there is none, or several,
    or if no path can name it."""
    keys = _arrays(head.data) if is_json_object(head) else ()
    return keys[0] if len(keys) == 1 and not _STEPS.intersection(keys[0]) else None


@lru_cache(maxsize=4)
def _arrays(data: bytes) -> tuple[str, ...]:
    return tuple(_until_it_breaks(_keys_of_arrays(json_events.events(_sound(data), _BUFFER))))


def _keys_of_arrays(stream: Iterator[json_events.Event]) -> Iterator[str]:
    """The keys at the top whose arrays begin with an object."""
    depth, key, before = 0, "", ""
    for event, value in stream:
        if event == "map_key" and depth == 1:
            key = value
        if depth == 2 and event == "start_map" and before == "start_array":
            yield key
        depth += event.startswith("start_") - event.startswith("end_")
        before = event


def are_lines_of_values(head: Head) -> bool:
    """Whether the first two lines that are not blank are objects or arrays, each by itself.

    What is broken in one does not count, as long as something is sound in the two; or a line is
    broken as a whole, and the first is sound and one more.
    """
    if is_line_of_value(head) and sum(_value(line) is not None for line in lines(head, _LINES)) > 1:
        return True
    sound = msgspec.structs.replace(head, data=_sound(head.data))
    values = [_value(line) for line in lines(sound, 2)]
    return len(values) == 2 and None not in values and any(values)


def is_array_over_lines(head: Head) -> bool:
    """Whether the text is one array, whose first line is its bracket alone."""
    return is_json_array(head) and lines(head, 1) == [b"["]


def is_line_of_value(head: Head) -> bool:
    """Whether the first line that is not blank is an object or an array by itself."""
    return any(_value(line) for line in lines(head, 1))


def _value(line: bytes) -> dict[str, Any] | list[Any] | None:
    try:
        value = orjson.loads(line.strip(_BETWEEN))
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict | list) else None


def item_keys(head: Head, path: str = "") -> tuple[str, ...]:
    """The keys of the first few items of the array at `path`, as far as the head shows them.

    For items that may be larger than the head.
    """
    if not _may_hold(head, path):
        return ()
    stream = json_events.events(_sound(head.data), _BUFFER)
    return tuple(dict.fromkeys(_until_it_breaks(_item_keys(stream, path))))


def _item_keys(stream: Iterator[json_events.Event], path: str) -> Iterator[str]:
    depth = items = 0
    if not json_events.enter_array(stream, path):
        return
    for event, value in stream:
        depth += event.startswith("start_") - event.startswith("end_")
        items += event == "end_map" and depth == 0
        if event == "map_key" and depth == 1:
            yield value
        elif depth < 0 or items == _SOME:
            return


def lines(head: Head, n: int = 3) -> list[bytes]:
    """Up to `n` whole lines that are not blank; a last line cut by the head's end is none."""
    parts = text_of(head).split(b"\n")
    if not head.complete:
        parts.pop()
    return list(islice((line for line in map(bytes.strip, parts) if line), n))


def _until_it_breaks(values: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from values
    except json_events.BROKEN:
        return
