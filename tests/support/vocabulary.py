"""Holds a record to `schemas.vocabulary`: shared by the contract tests."""

from __future__ import annotations

from pipeline.values.record_checks import wrong_type
from schemas.records import Record
from schemas.vocabulary import REQUIRED, RecordType


def misspoken(record: Record) -> list[str]:
    """What is wrong with a record's words; empty if nothing is."""
    wrong = [name] if (name := wrong_type(record)) else []
    if record.record_type not in set(RecordType):
        return [*wrong, f"no record type {record.record_type}"]
    needed = REQUIRED.get(RecordType(record.record_type), ())
    missing = [g for g in needed if not any(record.metadata.get(name) for name in g)]
    return [*wrong, *(f"none of {', '.join(group)}" for group in missing)]
