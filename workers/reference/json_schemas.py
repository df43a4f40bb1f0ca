"""The JSON Schemas of what verbs print, in `docs/reference/json/`, and the table that links them.

`make docs` writes them there; a test runs each verb and validates what it prints.
"""

from __future__ import annotations

from typing import Any

import msgspec

from workers.reference.json_shapes import SHAPES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
#: The kind of call that is no verb: what any verb prints if it fails.
ERROR = "error"


def file_of(call: str) -> str:
    """Return the name of the file with the schema of a call, such as `sets NAME`."""
    return f"{call.lower().replace('--', '').replace(' ', '-')}.json"


def schema_of(call: str) -> dict[str, Any]:
    """Return the schema of what a call prints."""
    shape = SHAPES[call]
    kinds = shape if isinstance(shape, tuple) else (shape,)
    found, parts = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    for part in parts.values():
        if "properties" in part:  # a default is printed, too
            part["required"] = list(part["properties"])
        part.pop("default", None)
    body = {"type": "array", "items": {"anyOf": list(found)}} if len(kinds) > 1 else found[0]
    title = "datapunk: an error" if call == ERROR else f"datapunk {call} --json"
    return {"$schema": DIALECT, "title": title, **body, "$defs": parts}


def text_of(call: str) -> str:
    """Return the schema of a call as the text of its file."""
    return msgspec.json.format(msgspec.json.encode(schema_of(call)), indent=2).decode() + "\n"


def table() -> str:
    """Return a line for each call: what it prints, and where the schema is."""
    lines = ["| call | prints | schema |", "|---|---|---|"]
    for call in SHAPES:
        name = "any verb that fails" if call == ERROR else f"`{call}`"
        lines.append(f"| {name} | {_prints(SHAPES[call])} | [schema](json/{file_of(call)}) |")
    return "\n".join(lines) + "\n"


def _prints(shape: Any) -> str:
    """Return the shape in words: an object, or a list of which objects."""
    if isinstance(shape, tuple):
        return "a list; each item: " + "; or ".join(map(_named, shape))
    kind = msgspec.inspect.type_info(shape)
    if isinstance(kind, msgspec.inspect.ListType):
        return f"a list; each item: {_named(shape.__args__[0])}"
    if isinstance(kind, msgspec.inspect.DictType):
        return f"an object with, for each user: {_named(shape.__args__[1])}"
    return _named(shape)


def _named(shape: Any) -> str:
    """Return the first sentence of a type's description, in small letters."""
    text = " ".join((shape.__doc__ or "").partition("\n\n")[0].split()).partition(". ")[0]
    return text[:1].lower() + text[1:].rstrip(".").replace("`--json`", "JSON")
