"""Apply a policy to the texts of one record."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.ports import Names
from pipeline.privacy import detectors, findings, ner
from pipeline.privacy.findings import Finding
from pipeline.privacy.ner import NerResult
from pipeline.privacy.policy import Policy
from schemas.errors import ConfigurationError
from schemas.privacy import Action, Done, Kind, ReadUnder


class Texts(NamedTuple):
    """The texts of a record that the policy applies to."""

    title: str | None
    content: str | None
    metadata: dict[str, Any]


class Redacted(NamedTuple):
    """The texts after the policy, what was done, and the texts that were removed."""

    texts: Texts
    done: Done
    removed: tuple[str, ...]


_DROPPED: Any = object()
#: The field name in rules for names of attachments and documents.
NAME_OF_BLOB = "metadata.blob.name"
#: Integers from here on may be card numbers; shorter ones only where the field's name says so.
_LONG_NUMBER = 10**11


class Redactor:
    """A policy with the key of one user, ready for use.

    `key` is needed where the policy hashes; equal values of one user give equal tokens. Without
    `models` names of people, places and organisations are not searched for.
    """

    def __init__(
        self, policy: Policy, key: bytes = b"", user: bytes = b"", models: Names | None = None
    ) -> None:
        if policy.hashes and not key:
            raise ConfigurationError(
                "the privacy policy hashes: set DATAPUNK_PRIVACY_KEY_FILE to a file with a key"
            )
        self.policy = policy
        self.under = ReadUnder(policy.fingerprint(key, models.identity if models else ""))
        self._models = models
        self._key = hmac.digest(key, user, "sha256")
        self._rounds = any(
            rule.action is not Action.KEEP and Kind.COORDINATES in rule.kinds
            for rule in policy.rules
        )

    def for_unknown_origin(self) -> Redactor:
        """Return the same for texts of unknown origin (`Policy.for_unknown_origin`).

        It finds no names that only a language model finds.
        """
        return Redactor(self.policy.for_unknown_origin)

    def find_names(
        self, records: Iterable[tuple[str | None, Texts, str | None]]
    ) -> dict[int, NerResult]:
        """Return the names in the texts of some records, by the number of the record.

        Each record is its language, its texts, and the name of its file. Records without names are
        left out; `redact` and `redact_name` take the result.
        """
        if self._models is None:
            return {}
        texts_of = ((tongue, ner.strings([*texts, file])) for tongue, texts, file in records)
        return {n: one for n, one in enumerate(ner.find_names(self._models, texts_of)) if one}

    def redact(self, source: str, texts: Texts, found_names: NerResult | None = None) -> Redacted:
        """Return one record's texts after the policy; the same objects where nothing changed."""
        return _Pass(self, source, found_names or {}).over(texts)

    def redact_name(
        self, text: str, source: str, field: str, found_names: NerResult | None = None
    ) -> str:
        """Return a name (of a file, of a field) without what the policy removes; not counted."""
        return _Pass(self, source, found_names or {}).text(text, field, "")

    def replacement(self, finding: Finding, action: Action, text: str) -> str:
        """Return the text that replaces a finding."""
        if action is Action.HASH:
            return self.token(finding.kind, finding.value)
        if action is Action.MASK:
            return "".join("*" if c.isalnum() else c for c in text)
        return f"[{finding.kind.value} removed]"

    def token(self, kind: Kind, value: str) -> str:
        """Return the token of a value under the key: letters alone, so that it holds no number."""
        digest = hmac.digest(
            self._key, f"{kind.value}\x1f{value}".encode("utf-8", "replace"), "sha256"
        )
        letters = "".join(chr(97 + (byte >> 4)) + chr(97 + (byte & 15)) for byte in digest[:10])
        return f"[{kind.value}:{letters}]"

    @property
    def rounds_places(self) -> bool:
        """Whether the policy also changes the numbers of a place."""
        return self._rounds


class _Pass:
    """One pass over one record."""

    def __init__(self, redactor: Redactor, source: str, found_names: NerResult) -> None:
        self._with, self._source, self._found_names = redactor, source, found_names
        self._policy = redactor.policy
        self._done: Counter[tuple[Kind, Action]] = Counter()
        self._removed: list[str] = []

    def over(self, texts: Texts) -> Redacted:
        title = texts.title and self.text(texts.title, "title", "")
        content = texts.content and self.text(texts.content, "content", "")
        metadata = self._object(texts.metadata, "metadata") if texts.metadata else texts.metadata
        done: Done = {}
        for (kind, action), n in sorted(self._done.items()):
            done.setdefault(kind.value, {})[action.value] = n
        return Redacted(Texts(title, content, metadata), done, tuple(self._removed))

    def text(self, text: str, field: str, hint: str) -> str:
        """Return the text with each finding as its rule wants it.

        The strictest of overlapping findings counts.
        """
        found = detectors.find(text, hint=hint, regions=self._policy.regions)
        if self._found_names and (found_names := self._found_names.get(text)):
            found += ner.names_as_findings(text, found_names, found)
        if not found:
            return text
        changes = self._changes(found, text, field)
        if not changes:
            return text
        parts: list[str] = []
        at = 0
        for start, end, new in changes:
            parts += (text[at:start], new)
            at = end
        return "".join((*parts, text[at:]))

    def _changes(
        self, found: Sequence[Finding], text: str, field: str
    ) -> list[tuple[int, int, str]]:
        """Count the findings; return the ranges that change, each with its new text."""
        changes = []
        for finding in sorted(found, key=lambda f: f.start):
            action = self._policy.action(finding, self._source, field)
            if action is Action.KEEP and finding.confidence < findings.SURE:
                continue
            self._done[finding.kind, action] += 1
            if action is not Action.KEEP:
                old = text[finding.start : finding.end]
                self._removed.append(old)
                changes.append(
                    (finding.start, finding.end, self._with.replacement(finding, action, old))
                )
        return changes

    def _value(self, value: Any, field: str, hint: str) -> Any:
        """Return a JSON-able value after the policy; `_GONE` if all of it was dropped."""
        if isinstance(value, str):
            new = self.text(value, field, hint)
            return _DROPPED if new is not value and _is_mark(new) else new
        if isinstance(value, dict):
            return self._object(value, field)
        if isinstance(value, list | tuple):
            return self._list(value, field, hint)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 9999:
            return self._number(value, field, hint)
        return value

    def _number(self, value: int, field: str, hint: str) -> Any:
        if abs(value) < _LONG_NUMBER and not _NUMBERED.intersection(hint.casefold().split("_")):
            return value
        text = str(value)
        new = self.text(text, field, hint)
        return value if new is text else _DROPPED if _is_mark(new) else new

    def _list(self, value: Any, field: str, hint: str) -> Any:
        new = [self._value(one, field, hint) for one in value]
        if all(a is b for a, b in zip(new, value, strict=True)):
            return value
        return [one for one in new if one is not _DROPPED]

    def _object(self, value: dict[Any, Any], field: str) -> dict[Any, Any]:
        new, same = {}, True
        for key, old in value.items():
            name = self.text(key, field, "") if isinstance(key, str) else key
            got = self._value(old, f"{field}.{key}", key if isinstance(key, str) else "")
            same = same and name is key and got is old
            if got is not _DROPPED:
                new[name] = got
        if self._with.rounds_places and not _UNUSABLE.isdisjoint(new):
            new, same = self._without_unusable(new, field), False
        if self._with.rounds_places and _is_place(new):
            return self._placed(new, field)
        return value if same else new

    def _without_unusable(self, place: dict[Any, Any], field: str) -> dict[Any, Any]:
        """Return an object without unusable coordinates, which can't be rounded."""
        found = Finding(Kind.COORDINATES, 0, 0, 1.0, "")
        action = self._policy.action(found, self._source, field)
        if action is Action.KEEP:
            return place
        self._done[Kind.COORDINATES, action] += 1
        return {name: value for name, value in place.items() if name not in _UNUSABLE}

    def _placed(self, place: dict[Any, Any], field: str) -> dict[Any, Any]:
        """Return the numbers of a place: masked to a tenth of a degree (some 10 km), or removed."""
        here = f"{place['latitude']:.5f},{place['longitude']:.5f}"
        action = self._policy.action(
            Finding(Kind.COORDINATES, 0, 0, 1.0, here), self._source, field
        )
        if action is Action.KEEP:
            return place
        rounded = {name: round(place[name], 1) for name in ("latitude", "longitude")}
        if action is Action.MASK and all(place[name] == n for name, n in rounded.items()):
            return place
        self._done[Kind.COORDINATES, action] += 1
        if action is Action.MASK:
            return {**place, **rounded}
        rest = {name: v for name, v in place.items() if name not in rounded}
        if action is Action.HASH:
            rest["coordinates"] = self._with.token(Kind.COORDINATES, here)
        return rest


#: Words in a field's name after which a short number may be personal.
_NUMBERED = frozenset(
    {"phone", "phones", "tel", "telephone", "mobile", "fax", "ssn", "bsn", "cpr", "pesel"}
)


def _is_mark(text: str) -> bool:
    return text.startswith("[") and text.endswith(" removed]") and text[1:-9] in _MARKS


_MARKS = frozenset(kind.value for kind in Kind)


#: Unusable coordinates, as they are written (`pipeline.values.coordinates`).
_UNUSABLE = frozenset({"exported_place", "exported_latitude", "exported_longitude"})


def _is_place(value: Mapping[Any, Any]) -> bool:
    return all(isinstance(value.get(n), float | int) for n in ("latitude", "longitude"))


def merge_counts(before: Any, now: Done) -> Done:
    """Return everything done to a record: kept findings count again, removals add up."""
    counted = before.items() if is_tag(before) else ()
    removals = {
        kind: changed
        for kind, actions in counted
        if (changed := {a: n for a, n in actions.items() if a != Action.KEEP.value})
    }
    return add_up(removals, now)


def add_up(*several: Done) -> Done:
    """Return the sum of counts by kind and action."""
    total: dict[str, Counter[str]] = {}
    for done in several:
        for kind, actions in done.items():
            total.setdefault(kind, Counter()).update(actions)
    return {kind: dict(sorted(actions.items())) for kind, actions in sorted(total.items())}


def is_tag(value: Any) -> bool:
    """Tell whether a value is the lake's tag, and not an export's value of the same name."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(kind in _MARKS and isinstance(actions, dict) for kind, actions in value.items())
    )
