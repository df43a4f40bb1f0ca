"""What a person wants done with personal data, and doing it to a record.

A policy is a list of rules; the first that fits a finding says what is done with it, and what no
rule fits is kept and tagged. It is applied to title, text and metadata before anything is made of
them, and never to what identifies a record.
"""

from __future__ import annotations

import hmac
import re
import tomllib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache, partial
from hashlib import blake2b, sha256
from itertools import accumulate, islice
from typing import Any, NamedTuple

import msgspec
import orjson
import phonenumbers

from pipeline import defects
from pipeline.normalise import Found, defective
from pipeline.ports import Names
from pipeline.privacy import detectors, ner, prefilter
from pipeline.privacy.detectors import Finding
from pipeline.privacy.ner import NerResult
from pipeline.values import timestamps
from schemas.errors import ConfigurationError
from schemas.privacy import BY_RULE, Action, Done, Kind, ReadUnder
from schemas.records import Blob, Instant, Outcome, Record, Rejection

#: The least letters of a key: 128 bits as hexadecimal digits.
KEY_CHARS = 32

_STRICTNESS = {action: n for n, action in enumerate(Action)}


# --- the policy ------------------------------------------------------------------------------


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What is done with findings of some kinds, sources and fields."""

    kinds: frozenset[Kind]
    action: Action
    source: str = "*"
    field: str = "*"
    confidence: float = detectors.SURE

    def fits(self, kind: Kind, source: str, field: str) -> bool:
        """Whether it is about findings of that kind there, if they are sure enough."""
        return kind in self.kinds and _within(source, self.source) and self._about(field)

    def _about(self, field: str) -> bool:
        """Whether it is about a field; one of a row's own names may leave out `fields`."""
        return _within(field, self.field) or (
            field.startswith(_OWN) and _within(f"metadata.{field[len(_OWN) :]}", self.field)
        )


#: Before the names that a table or list of no known product gives its cells.
_OWN = "metadata.fields."


def _within(name: str, pattern: str) -> bool:
    """A pattern also fits whatever lies below the name that it fits."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """All rules, in order. Without any, all is kept and tagged."""

    rules: tuple[Rule, ...] = ()
    regions: tuple[str, ...] = detectors.REGIONS

    @property
    def changes(self) -> bool:
        """Whether it does more than to tag."""
        return any(rule.action is not Action.KEEP for rule in self.rules)

    @property
    def hashes(self) -> bool:
        """Whether it needs a key."""
        return any(rule.action is Action.HASH for rule in self.rules)

    def fingerprint(self, key: bytes = b"", models: str = "") -> str:
        """The same for the same rules, key and language models: what was made under another one
        is out of date."""
        said = msgspec.json.encode(self, order="deterministic") + models.encode()
        return blake2b(said, key=sha256(key).digest(), digest_size=8).hexdigest()

    @property
    def wherever(self) -> Policy:
        """What it takes away of any source and from any field, as a policy that drops it: for
        texts of which nobody knows where they stood."""
        rules: list[Rule] = []
        kept: set[Kind] = set()
        for rule in self.rules:
            if rule.action is Action.KEEP:
                kept |= rule.kinds
            elif (rule.source, rule.field) == ("*", "*") and rule.kinds - kept:
                kinds = rule.kinds - kept
                rules.append(msgspec.structs.replace(rule, kinds=kinds, action=Action.DROP))
        return Policy(rules=tuple(rules), regions=self.regions)

    def action(self, finding: Finding, source: str, field: str) -> Action:
        """What the first rule that fits says; to keep it, if none does."""
        for rule in _fitting(self, finding.kind, source, field):
            if finding.confidence >= rule.confidence:
                return rule.action
        return Action.KEEP


@lru_cache(maxsize=4096)
def _fitting(policy: Policy, kind: Kind, source: str, field: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in policy.rules if rule.fits(kind, source, field))


def parse(data: bytes, kinds: frozenset[Kind] = BY_RULE) -> Policy:
    """A policy file, TOML; `kinds` are those that can be found here, and all that `*` is.

    Raises `ConfigurationError` with where and what is wrong.
    """
    try:
        table = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"privacy policy: {error}") from None
    _refuse_others(table, {"regions", "rule"}, "privacy policy")
    rules = table.get("rule", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise ConfigurationError("privacy policy: write each rule under its own [[rule]]")
    return Policy(
        rules=tuple(
            _rule(rule, f"privacy policy, rule {n}", kinds) for n, rule in enumerate(rules, 1)
        ),
        regions=_regions(table.get("regions", list(detectors.REGIONS))),
    )


def _refuse_others(table: Mapping[str, Any], known: set[str], where: str) -> None:
    if others := sorted(table.keys() - known):
        raise ConfigurationError(
            f"{where}: there is no {others[0]!r}; there are {', '.join(sorted(known))}"
        )


def _rule(table: Mapping[str, Any], where: str, kinds: frozenset[Kind]) -> Rule:
    _refuse_others(table, {"kind", "action", "source", "field", "confidence"}, where)
    if "action" not in table:
        raise ConfigurationError(f"{where}: it says no action: {', '.join(Action)}")
    confidence = table.get("confidence", detectors.SURE)
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        raise ConfigurationError(f"{where}: confidence is a number from 0 to 1")
    if not 0 <= confidence <= 1:
        raise ConfigurationError(f"{where}: confidence is a number from 0 to 1")
    return Rule(
        kinds=_kinds(table.get("kind", "*"), where, kinds),
        action=Action(_one_of(table["action"], list(Action), "action", where)),
        source=_text(table, "source", where),
        field=_text(table, "field", where),
        confidence=float(confidence),
    )


def _kinds(said: Any, where: str, known: frozenset[Kind]) -> frozenset[Kind]:
    if said == "*":
        return known
    listed = said if isinstance(said, list) else [said]
    kinds = frozenset(Kind(_one_of(n, list(Kind), "kind", where)) for n in listed)  # type: ignore[call-arg]
    if missing := sorted(kinds - known):
        raise ConfigurationError(
            f"{where}: only a language model finds {missing[0].value!r}, and none is set: install "
            "datapunk-lake[presidio] and name one in DATAPUNK_PRIVACY_MODELS "
            "(docs/explanation/privacy.md)"
        )
    return kinds


def _one_of(said: Any, known: list[Any], what: str, where: str) -> str:
    if said not in [str(name.value) for name in known]:
        names = ", ".join(name.value for name in known)
        raise ConfigurationError(f"{where}: there is no {what} {said!r}; there are {names}")
    return str(said)


def _text(table: Mapping[str, Any], name: str, where: str) -> str:
    said = table.get(name, "*")
    if not isinstance(said, str) or not said:
        raise ConfigurationError(f'{where}: {name} is a text, such as "mail.*"')
    known = said.startswith("*") or said.partition(".")[0] in ("title", "content", "metadata")
    if name == "field" and not known:
        raise ConfigurationError(f"{where}: field begins with title, content or metadata")
    return said


def _regions(said: Any) -> tuple[str, ...]:
    known = phonenumbers.SUPPORTED_REGIONS
    if not isinstance(said, list) or any(region not in known for region in said):
        raise ConfigurationError(
            'privacy policy: regions are countries of two letters, such as ["DE", "AT"]'
        )
    return tuple(said)


# --- doing it --------------------------------------------------------------------------------


class Texts(NamedTuple):
    """What of a record is looked at."""

    title: str | None
    content: str | None
    metadata: dict[str, Any]


class Treated(NamedTuple):
    """The same after the policy, what was done, and the texts that are gone for it."""

    texts: Texts
    done: Done
    gone: tuple[str, ...]


_GONE: Any = object()
#: The field that a rule for names of attachments and documents asks for.
NAME_OF_BLOB = "metadata.blob.name"
#: Integers from here on may be a card's; any shorter one only where its name says so.
_LONG_NUMBER = 10**11


class Redactor:
    """A policy with the key of one user, ready to be applied.

    `key` is needed where the policy hashes; equal values of one user give equal tokens. Without
    `models` names of people, places and organisations are not looked for.
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

    def wherever(self) -> Redactor:
        """The same for texts of which nobody knows where they stood, without names that only a
        language model tells (`Policy.wherever`)."""
        return Redactor(self.policy.wherever)

    def told(self, records: Iterable[tuple[str | None, Texts, str | None]]) -> dict[int, NerResult]:
        """The names in the texts of each of some records: its language, its texts, and what a
        file is called that belongs to it. By the number of the record, if it has any; `of` and
        `name` are given them."""
        if self._models is None:
            return {}
        said = ((tongue, ner.strings([*texts, file])) for tongue, texts, file in records)
        return {n: one for n, one in enumerate(ner.tell(self._models, said)) if one}

    def of(self, source: str, texts: Texts, told: NerResult | None = None) -> Treated:
        """One record's texts after the policy; the same objects where nothing changed."""
        return _Pass(self, source, told or {}).over(texts)

    def name(self, text: str, source: str, field: str, told: NerResult | None = None) -> str:
        """A name (of a file, of a field) without what the policy takes away; counted nowhere."""
        return _Pass(self, source, told or {}).text(text, field, "")

    def replaced(self, finding: Finding, action: Action, text: str) -> str:
        """What stands in the place of a finding."""
        if action is Action.HASH:
            return self.token(finding.kind, finding.value)
        if action is Action.MASK:
            return "".join("*" if c.isalnum() else c for c in text)
        return f"[{finding.kind.value} removed]"

    def token(self, kind: Kind, value: str) -> str:
        """The name of a value under the key: of letters alone, so that nobody finds a number."""
        digest = hmac.digest(
            self._key, f"{kind.value}\x1f{value}".encode("utf-8", "replace"), "sha256"
        )
        letters = "".join(chr(97 + (byte >> 4)) + chr(97 + (byte & 15)) for byte in digest[:10])
        return f"[{kind.value}:{letters}]"

    @property
    def rounds_places(self) -> bool:
        """Whether the numbers of a place are its concern, too."""
        return self._rounds


class _Pass:
    """One pass over one record."""

    def __init__(self, redactor: Redactor, source: str, told: NerResult) -> None:
        self._with, self._source, self._told = redactor, source, told
        self._policy = redactor.policy
        self._done: Counter[tuple[Kind, Action]] = Counter()
        self._gone: list[str] = []

    def over(self, texts: Texts) -> Treated:
        title = texts.title and self.text(texts.title, "title", "")
        content = texts.content and self.text(texts.content, "content", "")
        metadata = self._object(texts.metadata, "metadata") if texts.metadata else texts.metadata
        done: Done = {}
        for (kind, action), n in sorted(self._done.items()):
            done.setdefault(kind.value, {})[action.value] = n
        return Treated(Texts(title, content, metadata), done, tuple(self._gone))

    def text(self, text: str, field: str, hint: str) -> str:
        """The text with each finding as its rule wants it; the strictest of those that overlap."""
        changes = self._changes(text, field, hint)
        if not changes:
            return text
        parts: list[str] = []
        at = 0
        for start, end, new in changes:
            parts += (text[at:start], new)
            at = end
        return "".join((*parts, text[at:]))

    def _changes(self, text: str, field: str, hint: str) -> list[tuple[int, int, str]]:
        found = detectors.find(text, hint=hint, regions=self._policy.regions)
        if told := self._told.get(text):
            found += ner.beside(text, told, found)
        changes = []
        for finding in sorted(found, key=lambda f: f.start):
            action = self._policy.action(finding, self._source, field)
            if action is Action.KEEP and finding.confidence < detectors.SURE:
                continue
            self._done[finding.kind, action] += 1
            if action is not Action.KEEP:
                old = text[finding.start : finding.end]
                self._gone.append(old)
                changes.append(
                    (finding.start, finding.end, self._with.replaced(finding, action, old))
                )
        return changes

    def _value(self, value: Any, field: str, hint: str) -> Any:
        """A JSON-able value after the policy; `_GONE` if all of it was dropped."""
        if isinstance(value, str):
            new = self.text(value, field, hint)
            return _GONE if new is not value and _is_mark(new) else new
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
        return value if new is text else _GONE if _is_mark(new) else new

    def _list(self, value: Any, field: str, hint: str) -> Any:
        new = [self._value(one, field, hint) for one in value]
        if all(a is b for a, b in zip(new, value, strict=True)):
            return value
        return [one for one in new if one is not _GONE]

    def _object(self, value: dict[Any, Any], field: str) -> dict[Any, Any]:
        new, same = {}, True
        for key, old in value.items():
            said = self.text(key, field, "") if isinstance(key, str) else key
            got = self._value(old, f"{field}.{key}", key if isinstance(key, str) else "")
            same = same and said is key and got is old
            if got is not _GONE:
                new[said] = got
        if self._with.rounds_places and not _UNUSABLE.isdisjoint(new):
            new, same = self._without_unusable(new, field), False
        if self._with.rounds_places and _is_place(new):
            return self._placed(new, field)
        return value if same else new

    def _without_unusable(self, place: dict[Any, Any], field: str) -> dict[Any, Any]:
        """An object without coordinates that are no numbers: those can't be rounded."""
        found = Finding(Kind.COORDINATES, 0, 0, 1.0, "")
        action = self._policy.action(found, self._source, field)
        if action is Action.KEEP:
            return place
        self._done[Kind.COORDINATES, action] += 1
        return {name: value for name, value in place.items() if name not in _UNUSABLE}

    def _placed(self, place: dict[Any, Any], field: str) -> dict[Any, Any]:
        """The numbers of a place: masked to a tenth of a degree (some 10 km), or gone."""
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


#: Coordinates that are none, as they are written (`pipeline.values.coordinates.settled`).
_UNUSABLE = frozenset({"exported_place", "exported_latitude", "exported_longitude"})


def _is_place(value: Mapping[Any, Any]) -> bool:
    return all(isinstance(value.get(n), float | int) for n in ("latitude", "longitude"))


def joined(before: Any, now: Done) -> Done:
    """What was ever done to a record: what it kept is told anew, what is gone stays told."""
    told = before.items() if is_tag(before) else ()
    gone = {
        kind: changed
        for kind, actions in told
        if (changed := {a: n for a, n in actions.items() if a != Action.KEEP.value})
    }
    return _sum(gone, now)


def _sum(*several: Done) -> Done:
    total: dict[str, Counter[str]] = {}
    for done in several:
        for kind, actions in done.items():
            total.setdefault(kind, Counter()).update(actions)
    return {kind: dict(sorted(actions.items())) for kind, actions in sorted(total.items())}


def is_tag(value: Any) -> bool:
    """Whether it is ours, and not something that an export says under the same name."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(kind in _MARKS and isinstance(actions, dict) for kind, actions in value.items())
    )


# --- the stage -------------------------------------------------------------------------------

_BATCH = 1_000


def protect(found: Iterable[Found], redactor: Redactor) -> Iterator[Found]:
    """Records with the policy applied, and what was done; rejections without their bytes where the
    policy changes anything, since nobody knows what stands in what can't be read.

    Positions and measured values hold no free text but a time that can't be read, of which a policy
    that changes anything keeps nothing. Of the records a first look at their JSON, a thousand at a
    time, tells which may hold anything; or a language model.
    """
    stream = iter(found)
    while batch := list(islice(stream, _BATCH)):
        yield from defects.each(partial(_protected, redactor), batch, defective)


def _protected(redactor: Redactor, found: Sequence[Found]) -> Sequence[Found]:
    batch = list(found)
    if redactor.policy.changes:
        batch = [(at, length, _without_bytes(one)) for at, length, one in batch]
    records = [(at, one[2]) for at, one in enumerate(batch) if isinstance(one[2], Record)]
    told = redactor.told(_said_in(record) for _, record in records)
    for n in {*told, *_suspects(record for _, record in records)}:
        at, record = records[n]
        offset, length, _ = batch[at]
        batch[at] = (offset, length, _treated(record, redactor, told.get(n)))
    return batch


def _without_bytes(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Rejection):
        return msgspec.structs.replace(outcome, raw=b"")
    if not isinstance(outcome, Record) and _unread(outcome.time):
        return msgspec.structs.replace(outcome, time=timestamps.unread(""))
    return outcome


def _unread(time: Instant | None) -> str:
    """The text of a time that can't be read, which may be any text; else empty."""
    return time.text if time is not None and time.flag == timestamps.UNREAD else ""


def _around(record: Record) -> dict[str, Any]:
    """What of a record is stored in its metadata beside them: a time as it is written."""
    written = _unread(record.time)
    return {"time": {"text": written}} if written else {}


class Codes(NamedTuple):
    """What should be codes and names of kinds, and is what an export says: any text, then."""

    content_type: str
    language: str | None


#: The media type of a file whose own the policy changes.
_BYTES = "application/octet-stream"


def coded(codes: Codes, source: str, redactor: Redactor) -> Codes:
    """The same without those in which the policy takes anything away."""
    language = codes.language and redactor.name(codes.language, source, "metadata.language")
    return Codes(
        content_type=media_type(codes.content_type, source, redactor),
        language=language if language == codes.language else None,
    )


def media_type(said: str, source: str, redactor: Redactor) -> str:
    """A media type that a record declares, unless the policy takes something of it away."""
    return said if redactor.name(said, source, "metadata.blob.media_type") == said else _BYTES


def _said_in(record: Record) -> tuple[str | None, Texts, str | None]:
    metadata = {**record.metadata, **record.beside, **_around(record)}
    texts = Texts(record.title, record.content, metadata)
    return record.language, texts, record.blob.name if record.blob is not None else None


def _suspects(records: Iterable[Record]) -> list[int]:
    """Which records may hold personal data: mostly none of all, which one look tells."""
    said = [
        (
            one.title,
            one.content,
            one.metadata,
            one.beside,
            one.blob and (one.blob.name, one.blob.media_type),
            (one.content_type, one.language),
            _unread(one.time),
        )
        for one in records
    ]
    try:
        if prefilter.following(_unescaped(orjson.dumps(said)), 0) < 0:
            return []
    except (TypeError, orjson.JSONEncodeError):
        pass  # so one at a time
    return suspects(list(map(_json_of, said)))


def _json_of(said: Any) -> bytes:
    try:
        return orjson.dumps(said, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, orjson.JSONEncodeError):
        return prefilter.SUSPICIOUS  # surrogates, huge integers: look at it as it is


def suspects(documents: Sequence[bytes]) -> list[int]:
    """Which of the JSON texts may hold personal data, by their numbers."""
    whole = _unescaped(b"\n".join(documents))
    ends = list(accumulate(len(document) + 1 for document in documents))
    found: list[int] = []
    at = 0
    while (place := prefilter.following(whole, at)) >= 0:
        found.append(bisect_right(ends, place))
        at = ends[found[-1]] - 1  # where a line ends, a word may begin
    return found


#: How JSON writes what no line of it may hold: by letters, which hide where a word begins.
_CONTROLS = (b"\\n", b"\\r", b"\\t", b"\\b", b"\\f")
_BY_NUMBER = re.compile(rb"\\u00[01][0-9a-f]")


def _unescaped(documents: bytes) -> bytes:
    """With blanks in the place of control characters, each as long as it was."""
    if b"\\" not in documents:
        return documents
    whole = documents.replace(b"\\\\", b"\\ ")
    for written in _CONTROLS:
        whole = whole.replace(written, b"  ")
    return _BY_NUMBER.sub(b" " * 6, whole) if b"\\u00" in whole else whole


def _treated(record: Record, redactor: Redactor, told: NerResult | None) -> Record:
    before = Texts(record.title, record.content, record.metadata)
    texts, done, _ = redactor.of(record.source, before, told)
    beside, more, _ = redactor.of(record.source, Texts(None, None, record.beside), told)
    pairs = zip(Texts._fields, before, texts, strict=True)
    changes: dict[str, Any] = {name: new for name, old, new in pairs if new is not old}
    if beside.metadata is not record.beside:
        changes["beside"] = beside.metadata
    of_time: Done = {}
    if around := _around(record):
        written, of_time, _ = redactor.of(record.source, Texts(None, None, around), told)
        if written.metadata is not around:
            text = (written.metadata.get("time") or {}).get("text") or ""
            changes["time"] = timestamps.unread(text)
    if done or more or of_time:
        changes["privacy"] = _sum(done, more, of_time)
    if record.blob is not None and (blob := _named(record.blob, record.source, redactor, told)):
        changes["blob"] = blob
    codes = Codes(record.content_type, record.language)
    if (new := coded(codes, record.source, redactor)) != codes:
        changes |= new._asdict()
    return msgspec.structs.replace(record, **changes) if changes else record


def _named(blob: Blob, source: str, redactor: Redactor, told: NerResult | None) -> Blob | None:
    name = redactor.name(blob.name, source, NAME_OF_BLOB, told)
    kind = media_type(blob.media_type, source, redactor)
    if (name, kind) == (blob.name, blob.media_type):
        return None
    return msgspec.structs.replace(blob, name=name, media_type=kind)
