"""Structural checks of the head of a member, for formats' recognition.

A head may break off anywhere, may begin with a byte order mark and may not be JSON at all; none of
these functions raises. Values before the break count. Broken members and items are left out, so
that damage in the head has the same effect as damage after it.
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

#: What may be around a value on a line of its own: the sign of RFC 7464, a comma.
_BETWEEN = _SPACE + b"\x1e,"
#: The characters of a path besides keys.
_STEPS = frozenset(".*[]{}")

_BUFFER = 1024
#: The number of lines of which two are values in a file of lines.
_LINES = 8
#: The parser's message for a text that ends too early.
_BREAKS_OFF = "premature EOF"
#: The number of items that most formats request.
_USUAL = 10
#: The number of items whose keys are joined, since one may be damaged.
_SOME = 3


def text_of(head: Head) -> bytes:
    """Return the head's bytes without a byte order mark and the white space before the text."""
    return head.data.removeprefix(_BOM).lstrip(_SPACE)


def is_json_array(head: Head) -> bool:
    """Return whether the text begins like an array: a bracket, then a value, "]" or nothing."""
    text = text_of(head)
    if not text.startswith(b"["):
        return False
    inside = text[1:].lstrip(_SPACE)
    return not inside or inside[0] in _VALUE_STARTS or inside.startswith(b"]")


def is_json_object(head: Head) -> bool:
    """Return whether the text begins like an object: a brace, then a key, its close or nothing."""
    text = text_of(head)
    if not text.startswith(b"{"):
        return False
    inside = text[1:].lstrip(_SPACE)
    return not inside or inside[:1] in (b'"', b"}")


def first_items(head: Head, path: str = "", n: int = 3) -> list[Any]:
    """Return up to `n` whole items of the array at `path` (keys joined by dots; "" is the top).

    Numbers with a fraction are `Decimal`. There are fewer if the head ends or breaks before.
    """
    if not _may_hold(head, path):
        return []
    return list(_first_items(head.data, path, max(n, _USUAL))[:n])


def first_objects(head: Head, path: str = "", n: int = 3) -> list[dict[str, Any]]:
    """Return the objects among the first `n` whole items of the array at `path`."""
    return [item for item in first_items(head, path, n) if isinstance(item, dict)]


@lru_cache(maxsize=4)
def _first_items(data: bytes, path: str, n: int) -> tuple[Any, ...]:
    """Return the first items, cached, since many formats need them; callers change no item."""
    stream = json_events.events(_sound(data), _BUFFER)
    return tuple(islice(_until_it_breaks(_items(stream, path)), n))


def sound_text_of(head: Head) -> bytes:
    """Return the text as `text_of`, without broken members and items."""
    return _sound(head.data).removeprefix(_BOM).lstrip(_SPACE)


@lru_cache(maxsize=4)
def _sound(data: bytes) -> bytes:
    """Return the text without its broken parts; unchanged if it only breaks off."""
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
    """Return whether the text is an array, or an object with the first key, by a cached check."""
    if not path:
        return is_json_array(head)
    key = path.partition(".")[0]
    return key in top_keys(head)


def _items(stream: Iterator[json_events.Event], path: str) -> Iterator[Any]:
    if json_events.enter_array(stream, path):
        yield from json_events.build_items(stream)


def top_keys(head: Head) -> tuple[str, ...]:
    """Return the keys of the object at the top, in order, as far as the head shows them."""
    return _top_keys(head.data) if is_json_object(head) else ()


@lru_cache(maxsize=4)
def _top_keys(data: bytes) -> tuple[str, ...]:
    """Return the top keys, cached, since nearly every format needs them."""
    return tuple(_until_it_breaks(_keys(json_events.events(_sound(data), _BUFFER))))


def _keys(stream: Iterator[json_events.Event]) -> Iterator[str]:
    depth = 0
    for event, value in stream:
        depth += event.startswith("start_") - event.startswith("end_")
        if event == "map_key" and depth == 1:
            yield value


def wrapped(head: Head) -> str | None:
    """Return the key of the array of objects in the object at the top.

    Return None if there is none, or several, or if no path can name it.
    """
    keys = _arrays(head.data) if is_json_object(head) else ()
    return keys[0] if len(keys) == 1 and not _STEPS.intersection(keys[0]) else None


@lru_cache(maxsize=4)
def _arrays(data: bytes) -> tuple[str, ...]:
    return tuple(_until_it_breaks(_keys_of_arrays(json_events.events(_sound(data), _BUFFER))))


def _keys_of_arrays(stream: Iterator[json_events.Event]) -> Iterator[str]:
    """Yield the keys at the top whose arrays begin with an object."""
    depth, key, before = 0, "", ""
    for event, value in stream:
        if event == "map_key" and depth == 1:
            key = value
        if depth == 2 and event == "start_map" and before == "start_array":
            yield key
        depth += event.startswith("start_") - event.startswith("end_")
        before = event


def are_lines_of_values(head: Head) -> bool:
    """Return whether the first two lines that are not blank are an object or an array each.

    Broken parts do not count, as long as something in the two is valid; or a whole line is broken,
    and the first and another one are valid.
    """
    if is_line_of_value(head) and sum(_value(line) is not None for line in lines(head, _LINES)) > 1:
        return True
    sound = msgspec.structs.replace(head, data=_sound(head.data))
    values = [_value(line) for line in lines(sound, 2)]
    return len(values) == 2 and None not in values and any(values)


def is_array_over_lines(head: Head) -> bool:
    """Return whether the text is one array, with only its bracket on the first line."""
    return is_json_array(head) and lines(head, 1) == [b"["]


def is_line_of_value(head: Head) -> bool:
    """Return whether the first line that is not blank is an object or an array by itself."""
    return any(_value(line) for line in lines(head, 1))


def _value(line: bytes) -> dict[str, Any] | list[Any] | None:
    try:
        value = orjson.loads(line.strip(_BETWEEN))
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict | list) else None


def item_keys(head: Head, path: str = "") -> tuple[str, ...]:
    """Return the keys of the first few items of the array at `path`, as far as the head shows them.

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
    """Return up to `n` whole lines that are not blank, without a last one that is cut off."""
    parts = text_of(head).split(b"\n")
    if not head.complete:
        parts.pop()
    return list(islice((line for line in map(bytes.strip, parts) if line), n))


def _until_it_breaks(values: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from values
    except json_events.BROKEN:
        return
