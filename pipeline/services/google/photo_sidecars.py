"""Which sidecar JSON of Google Photos belongs to which medium.

Takeout writes `X.jpg.json`, since the end of 2024 `X.jpg.supplemental-metadata.json`. It cuts the
sidecar's name at 46 characters and the medium's at 47, numbers namesakes in two ways, gives edited
copies and the moving half of a live photo no sidecar of their own, and replaces characters that
file systems reject. All names here are those of one folder, from all parts of the export (rule 8).

Source: `docs/reference/exports/google-photos.md#which-sidecar-belongs-to-which-file`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_SIDECAR_CHARACTERS, _MEDIUM_CHARACTERS = 46, 47
_SUFFIX = ".supplemental-metadata"
_NUMBER = re.compile(r"\((\d{1,6})\)$")
#: Shorter names are not matched by their beginning.
_UNIQUE_PREFIX = 40
#: No file system has longer names.
_LONGEST_NAME = 255
#: What marks an edited copy, by the language of the account.
_EDITED = (
    "-edited",
    "-bearbeitet",
    "-modifié",
    "-modificato",
    "-bewerkt",
    "-edytowane",
    "-編集済み",
    "-ha editado",
    "-editat",
)
_STILLS = (".heic", ".jpg", ".jpeg", ".png", ".dng", ".gif", ".webp", ".avif")
#: Characters that file names replace by `_`.
_REPLACED = re.compile(r"[&?<>:\"/\\|*%'=+,;#\x00-\x1f]")


class Match(NamedTuple):
    """A sidecar's name, and the rule that found it."""

    sidecar: str
    rule: str


class Sidecars:
    """The sidecars of one folder: their names with the `title` in each, None if not known."""

    def __init__(self, titles: Mapping[str, str | None]) -> None:
        self._names = {_key(name): name for name in titles}
        self._titles: dict[tuple[str, str, str], list[str]] = {}
        self._stems: dict[tuple[str, str], list[str]] = {}
        self._bases: dict[tuple[str, str], list[str]] = {}
        for name, title in titles.items():
            base, number = _split_sidecar(name)
            self._bases.setdefault((base, number), []).append(name)
            still = next((e for e in _STILLS if base.endswith(e)), None)
            if still:
                self._stems.setdefault((base.removesuffix(still), number), []).append(name)
            if title:
                key = (_safe(title), number, _safe(name)[:8])
                self._titles.setdefault(key, []).append(name)
        longest = max((len(base) for base, _ in self._bases), default=0)
        self._longest = min(longest, _LONGEST_NAME)

    def of(self, medium: str) -> Match | None:
        """Return the sidecar of a medium by its file name; None if no rule leads to exactly one."""
        for rule, way in (
            ("exact", self._exact),
            ("rule", self._by_rule),
            ("edited", self._edited),
            ("live", self._live),
            ("title", self._by_title),
            ("prefix", self._by_prefix),
            ("stem", self._by_stem),
        ):
            if (found := way(medium)) is not None:
                return Match(found, rule)
        return None

    def _exact(self, medium: str) -> str | None:
        return self._first((f"{medium}.json", f"{medium}{_SUFFIX}.json"))

    def _by_rule(self, medium: str) -> str | None:
        return self._first(_expected(medium))

    def _first(self, names: Iterator[str] | tuple[str, ...]) -> str | None:
        return next(
            (self._names[key] for name in names if (key := _key(name)) in self._names), None
        )

    def _edited(self, medium: str) -> str | None:
        """Return the sidecar of the original of an edited copy."""
        stem, number, suffix = _parts(medium)
        for mark in _EDITED:
            if original := _without(stem, mark):
                plain = f"{original}{number}{suffix}"
                rules = (self._exact, self._by_rule, self._by_title, self._by_stem)
                return next((found for rule in rules if (found := rule(plain))), None)
        return None

    def _live(self, medium: str) -> str | None:
        """Return the sidecar of the still half, whose name the moving half has."""
        stem, number, _ = _parts(medium)
        return _only(self._stems.get((_key(stem), _inner(number))))

    def _by_title(self, medium: str) -> str | None:
        """Match the untruncated name in the sidecar, if the sidecar's own name begins like it."""
        stem, number, suffix = _parts(medium)
        key = (_safe(f"{stem}{suffix}"), _inner(number), _safe(stem)[:8])
        return _only(self._titles.get(key))

    def _by_prefix(self, medium: str) -> str | None:
        """Match a name that was cut, if no other begins alike."""
        stem, number, suffix = _parts(medium)
        wanted = _key(f"{stem}{suffix}")
        count, found = _inner(number), list[str]()
        for end in range(_UNIQUE_PREFIX, min(len(wanted), self._longest) + 1):
            found += self._bases.get((wanted[:end], count), ())[:2]
        return _only(found)

    def _by_stem(self, medium: str) -> str | None:
        """Match a name without the suffix, which Google leaves out if the title has none."""
        stem, number, _ = _parts(medium)
        return self._first(_cut_names(stem, number))


def _expected(medium: str) -> Iterator[str]:
    """Yield the possible sidecar names of this medium: cut, and numbered in either way."""
    stem, number, suffix = _parts(medium)
    whole = f"{stem}{suffix}"
    for name, mark in ((whole, number), (medium, "")):
        yield from _cut_names(name, mark)


def _cut_names(name: str, mark: str) -> Iterator[str]:
    """Yield the possible sidecar names of this name: old and new, whole and cut."""
    yield f"{name}{mark}.json"
    yield f"{name}{_SUFFIX}{mark}.json"
    yield f"{_cut(name, _SIDECAR_CHARACTERS)}{mark}.json"
    long = _cut(f"{name}{_SUFFIX}", _SIDECAR_CHARACTERS)
    for end in range(len(long), len(name), -1):
        yield f"{long[:end]}{mark}.json"


def _units(text: str) -> int:
    """Return the length by Google's count in UTF-16, so that most emoji are two."""
    return len(text) + sum(character > "\uffff" for character in text)


def _cut(text: str, most: int) -> str:
    """Return as many characters of a text as have `most` units."""
    if _units(text) <= most:
        return text
    end = min(len(text), most)
    while _units(text[:end]) > most:
        end -= 1
    return text[:end]


def _parts(medium: str) -> tuple[str, str, str]:
    """Return stem, number in brackets and suffix: `IMG(1).JPG` is `IMG`, `(1)`, `.JPG`."""
    stem, dot, suffix = medium.rpartition(".")
    if not dot:
        stem, suffix = medium, ""
    found = _NUMBER.search(stem)
    number = found[0] if found else ""
    return stem.removesuffix(number), number, f"{dot}{suffix}"


def _inner(number: str) -> str:
    return number.strip("()")


def _split_sidecar(sidecar: str) -> tuple[str, str]:
    """Return the medium's name as far as the sidecar's name has it, and its number."""
    base = _key(sidecar).removesuffix(".json")
    found = _NUMBER.search(base)
    base = base.removesuffix(found[0]) if found else base
    name, _, end = base.rpartition(".")
    if name and _SUFFIX[1:].startswith(end):
        base = name
    return base, found[1] if found else ""


def _without(stem: str, mark: str) -> str:
    """Return the stem of an edited copy's original; the mark may be cut."""
    normal = unicodedata.normalize("NFC", stem)
    if normal.lower().endswith(mark):
        return normal[: -len(mark)]
    if _units(normal) in (_MEDIUM_CHARACTERS, _MEDIUM_CHARACTERS + 1):
        for end in range(len(mark) - 1, 1, -1):
            if normal.lower().endswith(mark[:end]):
                return normal[:-end]
    return ""


def _only(found: list[str] | None) -> str | None:
    return found[0] if found and len(found) == 1 else None


def _key(name: str) -> str:
    """Return a name for comparison: in NFC (zips of macOS have NFD) and without case."""
    return unicodedata.normalize("NFC", name).lower()


def _safe(title: str) -> str:
    """Return a title as it can be in a file name, cut like a medium's name."""
    stem, dot, suffix = _key(_REPLACED.sub("_", title)).rpartition(".")
    if not dot:
        stem, suffix = suffix, ""
    return f"{_cut(stem, _MEDIUM_CHARACTERS)}{dot}{suffix}"
