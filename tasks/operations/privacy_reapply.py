"""Apply a changed privacy policy again to what is stored.

What it removes can come back only from the original; so can what a looser policy allows again. A
page of rows is one transaction, which covers the texts and everything derived from them; a killed
run continues at the page after the last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from pipeline.enrich import text_pieces
from pipeline.enrich.entities import Mention, mentions
from pipeline.privacy.ner import NerResult
from pipeline.privacy.redact import NAME_OF_BLOB, Redactor, Texts, is_tag, merge_counts
from pipeline.privacy.redact_records import Codes, redact_codes, redact_media_type
from pipeline.render import mention_lines
from pipeline.storage.copy_text import content_hash, tag_name
from pipeline.text.cleaning import clean_json
from schemas.crash import crash_here
from schemas.errors import TransientError
from schemas.privacy import ReadUnder
from schemas.progress import Event
from schemas.records import DataType, Record
from sql import privacy
from sql.commit import note
from sql.load import Vectors
from sql.privacy import Reached, Renewed, Table
from sql.store import Hold, OtherPolicy
from tasks.derived import search_index
from tasks.ingest import chunk, members
from tasks.runtime.context import Runtime

_PAGE = 500
#: The longest time that the command waits for the search index; the reconciler does the rest.
_INDEX_S = 600.0


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """The result: rows read and changed.

    `done` counts the findings in the changed ones, by kind and action. `files` have another name,
    or other facts of a sidecar.
    """

    documents: int = 0
    versions: int = 0
    changed: int = 0
    files: int = 0
    done: dict[str, dict[str, int]] = {}


class _New(msgspec.Struct, frozen=True):
    """One row that changes, and how. `done` is what this run did."""

    row: DictRow
    texts: Texts
    done: dict[str, dict[str, int]]
    item: dict[str, Any]

    @property
    def has_new_texts(self) -> bool:
        """Whether more than the tag is new."""
        return self.item["gone"] is not None


def apply(run: Runtime, user_id: UUID, redactor: Redactor, *, dry: bool = False) -> Applied:
    """Apply the present policy to every document of a user, and every older version.

    With `dry` nothing is written. Raises `TransientError` if another policy comes into force
    meanwhile.
    """
    run_over = _Pass(run, user_id, redactor, dry=dry)
    if dry:
        run_over.rows(Reached(0, 0, 0))
        return run_over.applied()
    try:
        privacy.begin(run.lake, user_id, redactor.under)
        crash_here("privacy.begun")
        while not run_over.from_where_it_was():
            pass
    except OtherPolicy as error:
        raise TransientError(
            "the privacy policy changed on the way; run it again", code="policy_changed"
        ) from error
    search_index.index_user(run, user_id, seconds=_INDEX_S)
    return run_over.applied()


class _Pass:
    """A run over the stored rows of a user."""

    def __init__(self, run: Runtime, user_id: UUID, redactor: Redactor, *, dry: bool) -> None:
        self._run, self._user, self._redactor, self._dry = run, user_id, redactor, dry
        self._seen: Counter[str] = Counter()
        self._done: Counter[tuple[str, str]] = Counter()

    def applied(self) -> Applied:
        """Return the result so far."""
        return Applied(**self._seen, done=_nested(self._done))

    def from_where_it_was(self) -> bool:
        """Continue after the last page that was read; return whether the run has ended.

        Older versions that came back meanwhile may be from before the change: then it has not.
        """
        lake, redactor = self._run.lake, self._redactor
        at = privacy.reached(lake, self._user)
        self.rows(at)
        known = privacy.drift(lake, self._user)
        refused = [
            (f, name) for f, name in known if redactor.redact_name(name, f, "metadata") != name
        ]
        with lake.entering(self._user, redactor.under, hold=Hold.ALONE) as entered:
            raw = not redactor.policy.changes
            for series, n in ({} if raw else privacy.forget_unread_times(entered)).items():
                detail = {"table": series, "records": n}
                note(entered.connection, Event.PRIVACY_APPLIED, self._user, None, detail)
            ended = privacy.finish(entered, self._user, at.turn, refused, raw=raw)
            crash_here("privacy.before_end")
        crash_here("privacy.after_end")
        return ended

    def rows(self, at: Reached) -> None:
        """Apply the policy to documents and older versions after some ids, and to files."""
        run, user_id = self._run, self._user
        after = {Table.DOCUMENTS: at.after_document, Table.VERSIONS: at.after_version}
        for table in Table:
            for rows in _pages(partial(privacy.page, run.lake, user_id, table), after[table]):
                found = _changing(rows, self._redactor)
                self._seen[table] += len(rows)
                self._seen["changed"] += len(found)
                now = Counter(_flat(found))
                self._done += now
                if not self._dry:
                    place = (table, at.turn, rows[-1]["id"])
                    _write(run, user_id, self._redactor, place, found, now)
        self._seen["files"] += _redact_files(run, user_id, self._redactor, dry=self._dry)


def removable(rows: list[DictRow], redactor: Redactor) -> int:
    """Return how many of some stored rows hold what the policy removes."""
    return sum(new.has_new_texts for new in _changing(rows, redactor))


def removable_files(rows: list[DictRow], redactor: Redactor) -> int:
    """Return how many of some rows of files do."""
    return len(_changing_files(rows, redactor))


def stored_mentions(row: DictRow) -> list[Mention]:
    """Return the people, places and links in a stored document."""
    return list(mentions(_record(row, row["metadata"])))


def _pages(page: Callable[[int, int], list[DictRow]], after: int = 0) -> Iterator[list[DictRow]]:
    """Yield all rows that `page(after, n)` gives, by ids."""
    while rows := page(after, _PAGE):
        after = rows[-1]["id"]
        yield rows


def _redact_files(run: Runtime, user_id: UUID, redactor: Redactor, *, dry: bool) -> int:
    """Apply the policy to names of attachments and notes of sidecars; return how many rows change.

    Repeating it is a no-op, so no place is remembered.
    """
    changed = 0
    for rows in _pages(partial(privacy.files, run.lake, user_id)):
        items = _changing_files(rows, redactor)
        changed += len(items)
        if items and not dry:
            with run.lake.entering(user_id, redactor.under) as entered:
                privacy.renew_files(entered, user_id, items)
                detail = {"table": "files", "records": len(items)}
                note(entered.connection, Event.PRIVACY_APPLIED, user_id, None, detail)
    return changed


def _changing_files(rows: list[DictRow], redactor: Redactor) -> list[dict[str, Any]]:
    """Return the rows of files that change under the policy."""
    names = redactor.find_names((None, Texts(None, None, {}), _given_name(row)) for row in rows)
    found = (_redacted_file(row, names.get(n), redactor) for n, row in enumerate(rows))
    return [item for item in found if item]


def _given_name(row: DictRow) -> str | None:
    """Return the last part of an attachment's path, which a record gave.

    Others are the export's.
    """
    return str(row["path"]).rpartition("/")[2] if row["attached"] else None


def _redacted_file(
    row: DictRow, names: NerResult | None, redactor: Redactor
) -> dict[str, Any] | None:
    """Return a row after the policy; None where it stays as it is."""
    path, noted, form = row["path"], row["noted"], row["format"] or ""
    kind = row["media_type"]
    if name := _given_name(row):
        path = path.removesuffix(name) + redactor.redact_name(name, form, NAME_OF_BLOB, names)
        kind = kind and redact_media_type(kind, form, redactor)
    if isinstance(noted, dict):
        noted = members.redacted_note(noted, form, redactor)
    if (path, noted, kind) == (row["path"], row["noted"], row["media_type"]):
        return None
    return {"id": row["id"], "path": path, "noted": noted, "media_type": kind}


def _changing(rows: list[DictRow], redactor: Redactor) -> list[_New]:
    """Return the rows that change under the policy."""
    parted = [_without_tag(row) for row in rows]
    names = redactor.find_names(
        (row["language"], _own_texts(old), None) for row, (old, _) in zip(rows, parted, strict=True)
    )
    found = (
        _renewed(row, *old, names.get(n), redactor)
        for n, (row, old) in enumerate(zip(rows, parted, strict=True))
    )
    return [new for new in found if new]


def _own_texts(texts: Texts) -> Texts:
    """Return the texts without what the lake added: a time as it was written holds no name."""
    metadata = {
        name: value
        for name, value in texts.metadata.items()
        if name != "time" or not isinstance(value, dict)
    }
    return texts._replace(metadata=metadata)


def _without_tag(row: DictRow) -> tuple[Texts, Any]:
    """Return a row's texts, and what an earlier policy did to them."""
    metadata = dict(row["metadata"])
    tag = next((n for n in ("privacy_policy", "privacy") if is_tag(metadata.get(n))), None)
    before = metadata.pop(tag) if tag else None
    return Texts(row["title"], row["content"], metadata), before


def _renewed(
    row: DictRow, old: Texts, before: Any, names: NerResult | None, redactor: Redactor
) -> _New | None:
    """Return a row after the policy; None where it stays as it is, tag and all."""
    texts, done, removed = redactor.redact(row["source"], old, names)
    tag = merge_counts(before, done)
    before_codes = Codes(row["content_type"], row["language"])
    codes = redact_codes(before_codes, row["source"], redactor)
    same = codes == before_codes and all(a is b for a, b in zip(texts, old, strict=True))
    if same and tag == (before or {}):
        return None
    hashed = row["content_hash"]
    if not same and hashed is not None:
        now = {**row, **codes._asdict(), "title": texts.title, "content": texts.content}
        hashed = UUID(bytes=content_hash(now, texts.metadata, clean_json))
    item = {
        "id": row["id"],
        "was": row["content_hash"] and str(row["content_hash"]),
        "title": texts.title,
        "content": texts.content,
        "metadata": {**texts.metadata, tag_name(texts.metadata): tag} if tag else texts.metadata,
        "content_hash": hashed and str(hashed),
        **codes._asdict(),
        "gone": None if same else [text for text in removed if text.strip()],
    }
    return _New(row, texts, done, item)


def _write(
    run: Runtime,
    user_id: UUID,
    redactor: Redactor,
    place: tuple[Table, int, int],
    found: list[_New],
    now: Counter[tuple[str, str]],
) -> None:
    """Write one page back into the lake, with everything derived from its texts, and an audit line.

    `place` is its table, the turn of the run and the last id.
    """
    table, turn, last = place
    changed = [new for new in found if new.has_new_texts] if table is Table.DOCUMENTS else []
    for new in changed:
        new.item["hashes"] = _remembered(run, new.row)
    page = Renewed(
        table=table,
        turn=turn,
        last=last,
        items=[new.item for new in found],
        mentions={new.row["id"]: _mentions(new) for new in changed},
        vectors=_vectors(run, user_id, changed, redactor.under),
    )
    with run.lake.entering(user_id, redactor.under) as entered:
        if n := privacy.renew(entered, user_id, page):
            detail = {"table": table.value, "records": n, "done": _nested(now)}
            note(entered.connection, Event.PRIVACY_APPLIED, user_id, None, detail)
        crash_here("privacy.before_commit")
    crash_here("privacy.after_commit")


def _remembered(run: Runtime, row: DictRow) -> list[str]:
    """Return the hashes under which the cache may hold the vectors of the old text."""
    text = text_pieces.text_of(row["title"], row["content"])
    options = run.options
    pieces = text_pieces.pieces(text, options.piece_chars, options.most_pieces) if text else []
    return [str(UUID(bytes=text_pieces.text_hash(piece.text))) for piece in pieces]


def _mentions(new: _New) -> bytes:
    record = _record(new.row, new.texts.metadata)
    lines = mention_lines(new.row["record_key"].hex, record)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


def _record(row: DictRow, metadata: dict[str, Any]) -> Record:
    return Record(
        data_type=DataType(row["data_type"]),
        source=row["source"],
        record_type=row["record_type"],
        identity=(),
        metadata=metadata,
    )


def _vectors(run: Runtime, user_id: UUID, changed: list[_New], under: ReadUnder) -> Vectors | None:
    """Return new vectors for the documents that had some."""
    ids = [new.row["id"] for new in changed]
    had = privacy.with_vectors(run.lake, user_id, ids) if ids else set()
    keys = b"".join(privacy.key_of(n).bytes for n in ids)
    new_texts = [text_pieces.text_of(new.texts.title, new.texts.content) for new in changed]
    texts = [(n, text) for n, text in enumerate(new_texts) if text and ids[n] in had]
    return chunk.embed_texts(run, user_id, keys, texts, under) if texts else None


def _flat(found: list[_New]) -> dict[tuple[str, str], int]:
    total: Counter[tuple[str, str]] = Counter()
    for new in found:
        for kind, actions in new.done.items():
            total.update({(kind, action): n for action, n in actions.items()})
    return dict(total)


def _nested(done: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (kind, action), n in sorted(done.items()):
        nested.setdefault(kind, {})[action] = n
    return nested
