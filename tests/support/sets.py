"""Exports in parts, invented: a format that needs its set, archives, and pages that list them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import pipeline.formats
from pipeline.registry import all_formats

FOLDER = str(Path(__file__).parent / "planted" / "sets")
STEM = "takeout-20250102T030405Z"

#: Products and folders → names; a name that begins with `!` could not be exported.
Tree = Mapping[str, Mapping[str, Sequence[str]]]


def add_format() -> None:
    """Put the format into the folder of this process."""
    pipeline.formats.__path__ = [*pipeline.formats.__path__, FOLDER]
    all_formats.cache_clear()


def sidecar(*media: str) -> bytes:
    return b"".join(json.dumps({"media": name}).encode() + b"\n" for name in media)


def page(tree: Tree, *, title: str = "Archive for ana@example.org") -> bytes:
    """A page as it is served: rows with their folder's children in them."""
    sections = (
        f'<div id="service-details-{n}" class="service-detail"><div class="service_name">'
        f"<h1>{escape(product)}</h1></div><div class='extracted-list'>{_rows(folders)}</div></div>"
        for n, (product, folders) in enumerate(tree.items())
    )
    script = "<script>var row = \"<div class='extracted-file-name'>none</div>\";</script>"
    head = f'<html><head><meta charset="UTF-8">{script}</head><h1 class="header_title">{title}</h1>'
    return (head + "".join(sections) + '<div class="failure-message"></div></html>').encode()


def _rows(folders: Mapping[str, Sequence[str]]) -> str:
    made = ""
    for folder, names in folders.items():
        leaves = "".join(map(_leaf, names))
        for name in reversed(folder.split("/") if folder else []):
            leaves = (
                '<div class="table-row"><button class="extracted-folder">'
                f'<div class="extracted-folder-name">{escape(name)}</div></button>'
                f'<div class="extracted-child">{leaves}</div></div>'
            )
        made += leaves
    return made


def _leaf(name: str) -> str:
    failed = '<div class="failure-message">Kon dit item niet ophalen</div>'
    shown = escape(name.removeprefix("!"))
    tail = failed if name.startswith("!") else ""
    return (
        '<div class="file-leaf"><img src="data:," alt="">'
        f'<div class="extracted-file-name"> {shown}</div>{tail}</div>'
    )


def flat_page(tree: Tree) -> bytes:
    """The same as one list: a folder's name holds for the files behind it."""
    text = ""
    for product, folders in tree.items():
        text += f'<h1 class="data-folder-name" data-folder-name="{escape(product)}">A product</h1>'
        for folder, names in folders.items():
            if folder:
                text += f'<div class="extracted-folder-name">{escape(folder)}</div>'
            text += "".join(map(_leaf, names))
    return text.encode()


def tgz(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()
