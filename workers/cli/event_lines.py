"""The audit trail in words: a sentence for each kind of event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from schemas.progress import Event
from schemas.reasons import in_words

Detail = Mapping[str, Any]


class _Known(dict[str, Any]):
    """The details of an event; a name that an older version did not note is "?"."""

    def __missing__(self, name: str) -> str:
        return "?"


def sentence(kind: str, detail: Detail) -> str:
    """Return a sentence for an event; for a kind that is not known, its name and details."""
    facts = _Known({name: value for name, value in detail.items() if value is not None})
    if kind not in _SENTENCES:
        return f"{kind}: {_pairs(facts)}" if facts else kind
    return _SENTENCES[Event(kind)](facts)


def _records(number: object) -> str:
    return "1 record" if number == 1 else f"{number} records"


def _pairs(detail: Detail) -> str:
    """Return counts or facts with commas between; those that are 0 are left out."""
    pairs = ((name.replace("_", " "), value) for name, value in detail.items() if value)
    return ", ".join(f"{value} {name}" for name, value in pairs)


def _received(detail: Detail) -> str:
    by = {"add": "datapunk add", "watch": "the watcher, from staging"}.get(detail["by"])
    return f"The file was taken in{f' by {by}' if by else ''}"


def _alert(detail: Detail) -> str:
    if "seen" in detail:
        return f"Alert: {detail['quarantined']} of {detail['seen']} records are in quarantine"
    if "defects" in detail:
        return f"Alert: the lake's own code failed for {_records(detail['defects'])}"
    scores = ", ".join(f"{name} {value:.1%}" for name, value in detail.items())
    return f"Alert: low quality: {scores}"


def _defect(detail: Detail) -> str:
    if "file" in detail:
        return f"The lake's own code failed for file {detail['file']}, at {detail['where']}"
    return f"The lake's own code failed for {_records(detail['records'])} of {detail['format']}"


def _shown(detail: Detail) -> str:
    if "document" in detail:
        return f"Document {detail['document']} was shown"
    return f"The content of quarantined record {detail['quarantine']} was shown"


def _exported(detail: Detail) -> str:
    if "form" in detail:
        return f"Documents were exported as {detail['form']}"
    code = f" with code {detail['code']}" if "code" in detail else ""
    return f"Quarantined records{code} were exported with their content"


def _coded(detail: Detail) -> str:
    return f" with code {detail['code']}" if "code" in detail else ""


def _reparsed(detail: Detail) -> str:
    left = {n: v for n, v in detail.items() if n not in ("format", "version", "files", "zone")}
    zone = f", in {detail['zone']}" if "zone" in detail else ""
    return (
        f"{detail['files']} files were read again by {detail['format']} version "
        f"{detail['version']}{zone}: {_pairs(left) or 'nothing changed'}"
    )


def _quarantined(detail: Detail) -> str:
    codes = detail["codes"]
    why = ", ".join(f"{n} {code}" for code, n in codes.items()) if isinstance(codes, dict) else "?"
    were = "was" if detail["records"] == 1 else "were"
    return f"{_records(detail['records'])} {were} quarantined: {why}"


def _ended(detail: Detail) -> str:
    without = f", without its step {detail['without']}" if "without" in detail else ""
    return f"The job ended: {detail['status']}{without}"


_SENTENCES: dict[Event, Callable[[Detail], str]] = {
    Event.RECEIVED: _received,
    Event.STARTED: lambda _: "The work on the file began",
    Event.DUPLICATE: lambda d: f"The file is a duplicate: job {str(d['of'])[:8]} had its bytes",
    Event.REJECTED: lambda d: f"The file was rejected: {in_words(d['code'])}",
    Event.FINISHED: _ended,
    Event.CANCELLED: lambda d: (
        f"The job was cancelled: {d['stopped']} chunks stopped, {d['loaded']} records stay"
    ),
    Event.RETRIED: lambda d: f"The job was continued with {d['chunks']} chunks",
    Event.ROLLED_BACK: lambda d: f"The import was taken back: {_pairs(d) or 'nothing was there'}",
    Event.REPARSED: _reparsed,
    Event.ALERT: _alert,
    Event.MALWARE: lambda d: f"The scanner found {d['found']} in file {d['file']}",
    Event.SET_NOT_WAITED_FOR: lambda d: f"What waited for missing parts of {d['set']} went on",
    Event.FENCED: lambda _: "A worker lost a chunk to another one; its work was discarded",
    Event.FAILED: lambda d: f"An attempt at {d['stage']} failed: {d['code']}, at {d['where']}",
    Event.DEAD: lambda d: f"A chunk used up its attempts at {d['stage']}: {in_words(d['code'])}",
    Event.POISON: lambda d: f"A record ended each worker at {d['stage']}, and was quarantined",
    Event.DEFECT: _defect,
    Event.QUARANTINED: _quarantined,
    Event.REVEALED: _shown,
    Event.EXPORTED: _exported,
    Event.QUARANTINE_RETRIED: lambda d: f"Quarantined records were retried: {_pairs(d) or 'none'}",
    Event.MENDED: lambda d: f"Quarantined record {d['quarantine']} was given other bytes",
    Event.DISCARDED: lambda d: f"{_records(d['records'])} in quarantine{_coded(d)} discarded",
    Event.DELETED: lambda d: f"The bytes of {_records(d['records'])} in quarantine were deleted",
    Event.PRIVACY_APPLIED: lambda d: (
        f"The privacy policy changed {_records(d['records'])} of {d['table']}"
    ),
}
