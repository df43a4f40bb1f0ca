"""Near duplicates: found across imports and linked, few missed and none invented."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from pipeline.enrich import near_duplicates
from pipeline.enrich.near_duplicates import Signature
from schemas.vocabulary import Relation
from tasks.derived import near_duplicates as comparing
from tasks.operations.rollback import roll_back
from tasks.runtime.context import Runtime
from tests.support.lake import Database, zipped

ANA, BO = "ana@example.org", "bo@example.org"
Imported = Callable[[str, str, bytes], dict[str, Any]]

# --- signatures ------------------------------------------------------------------------------

_WORDS = [
    "".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=2 + n % 9))
    for n in range(1_500)
]


def text(seed: int, words: int = 120) -> str:
    chosen = random.Random(seed)
    return " ".join(chosen.choice(_WORDS) for _ in range(words))


def signed(said: str) -> Signature:
    found = near_duplicates.of_text(said)
    assert found is not None
    return found


def alike(one: Signature, other: Signature) -> float:
    return float(near_duplicates.similarities(one.kind, one.value, [other.value])[0])


def found_alike(one: Signature, other: Signature, least: float = 0.7) -> bool:
    return bool(set(one.bands) & set(other.bands)) and alike(one, other) >= least


def edited(said: str, share: float, seed: int) -> str:
    chosen, words = random.Random(seed), said.split()
    for at in chosen.sample(range(len(words)), int(share * len(words))):
        words[at] = chosen.choice(_WORDS)
    return " ".join(words)


def test_a_signature_estimates_what_two_texts_share() -> None:
    def shingles(said: str) -> set[str]:
        return {said[n : n + 8] for n in range(len(said) - 7)}

    errors = []
    for n in range(40):
        one, other = text(n), edited(text(n), n / 200, n)
        mine, theirs = shingles(one), shingles(other)
        errors.append(alike(signed(one), signed(other)) - len(mine & theirs) / len(mine | theirs))
    assert abs(float(np.mean(errors))) < 0.03
    assert max(map(abs, errors)) < 0.2


def test_recall_and_false_positives_on_a_labelled_set() -> None:
    """Mails with another footer, notes with a typo or new spacing; and texts of their own."""
    pairs = []
    for n in range(100):
        one = text(n)
        changed = (
            one + " " + text(1_000 + n, 12),
            edited(one, 0.02, n),
            one.upper().replace(" ", "\n  "),
            f"{one}\n-- \n{text(2_000 + n, 40)}",
        )[n % 4]
        pairs.append((signed(one), signed(changed)))
    assert sum(found_alike(*pair) for pair in pairs) >= 97
    strangers = [signed(text(5_000 + n)) for n in range(120)]
    assert sum(found_alike(*pair) for pair in combinations(strangers, 2)) == 0


def test_a_reply_is_not_what_it_quotes() -> None:
    said = "\n".join(text(n, 12) for n in range(8))
    quoted = "\n".join(f"> {line}" for line in said.split("\n"))
    assert not found_alike(signed(said), signed(f"{text(77, 20)}\n{quoted}"))


def test_a_language_without_spaces_is_compared() -> None:
    said = (
        "昨日、公園の池で大きな鳥を見ました。とてもきれいでした。" * 2 + "明日もまた行きます。" * 3
    )
    assert found_alike(signed(said), signed(said + "では"))
    assert near_duplicates.of_text("short") is None


def picture(seed: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """An invented landscape: soft patches of light."""
    noise = np.random.default_rng(seed).integers(0, 255, size=(12, 16, 3), dtype=np.uint8)
    small = Image.fromarray(noise)
    return small.resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(4))


def encoded(image: Image.Image, kind: str = "JPEG", **how: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def test_an_image_is_known_at_any_size_and_quality(tmp_path: Path) -> None:
    def sign(data: bytes) -> Signature:
        (tmp_path / "x").write_bytes(data)
        found = near_duplicates.of_image(tmp_path / "x")
        assert found is not None
        return found

    least = near_duplicates.LEAST_OF_IMAGES
    originals = [sign(encoded(picture(n))) for n in range(20)]
    for n, original in enumerate(originals):
        small = picture(n).resize((200, 150))
        assert found_alike(original, sign(encoded(small, quality=60)), least)
        assert found_alike(original, sign(encoded(picture(n), "PNG")), least)
    assert not any(found_alike(*pair, least) for pair in combinations(originals, 2))


@pytest.mark.parametrize("data", [b"", b"no image", encoded(Image.new("RGB", (64, 64), "white"))])
def test_what_shows_nothing_has_no_signature(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    assert near_duplicates.of_image(tmp_path / "x") is None


# --- in the lake -----------------------------------------------------------------------------


def mails(*said: str, first: int = 1) -> bytes:
    return "".join(
        f"From - Mon May  1 10:00:00 2023\nMessage-ID: <{n}@example.org>\nSubject: {n}\n"
        f"Date: {n:02} May 2023 10:00:00 +0000\n\n{body}\n\n"
        for n, body in enumerate(said, first)
    ).encode()


def links(database: Database) -> list[tuple[str, str, float]]:
    rows = database.rows(
        "SELECT d.title AS one, o.title AS other, r.similarity FROM user_data.relations AS r "
        "JOIN user_data.documents AS d ON d.record_key = r.record_key AND d.user_id = r.user_id "
        "JOIN user_data.documents AS o ON o.record_key = r.other_key AND o.user_id = r.user_id "
        "WHERE r.relation = %s ORDER BY 1, 2",
        str(Relation.NEAR_DUPLICATE_OF),
    )
    return [(row["one"], row["other"], round(row["similarity"], 2)) for row in rows]


def named(database: Database) -> Sequence[tuple[str, str]]:
    return [(one, other) for one, other, _ in links(database)]


@pytest.mark.services
def test_across_imports_and_back(run: Runtime, imported: Imported, database: Database) -> None:
    body, other = text(1), text(2)
    one = imported(ANA, "1.zip", zipped({"1.mbox": mails(body + " " + text(3, 8), other)}))
    assert links(database) == []
    two = imported(ANA, "2.zip", zipped({"2.mbox": mails(body + " " + text(4, 8), first=8)}))
    imported(BO, "1.zip", zipped({"1.mbox": mails(body)}))
    ((later, earlier, similarity),) = links(database)
    assert (later, earlier) == ("8", "1")
    assert 0.7 <= similarity < 1.0
    assert database.one("SELECT count(*) FROM user_data.documents") == 4
    roll_back(run, one["user_id"], one["id"])
    assert links(database) == []
    assert database.one("SELECT count(*) FROM user_data.relations WHERE similarity > 0") == 0
    held = "SELECT count(DISTINCT document_id) FROM analytics.bands"
    assert database.one(held) == database.one("SELECT count(*) FROM analytics.fingerprints") == 2
    imported(ANA, "3.zip", zipped({"3.mbox": mails(body, first=9)}))
    assert named(database) == [("9", "8")]
    roll_back(run, two["user_id"], two["id"])
    assert links(database) == []


@pytest.mark.services
def test_a_resized_image_is_linked(imported: Imported, database: Database) -> None:
    large, small = picture(1), picture(1).resize((160, 120))
    broken = encoded(picture(4))[:900]
    imported(ANA, "1.zip", zipped({"a.jpg": encoded(large), "b.jpg": encoded(picture(2))}))
    imported(ANA, "2.zip", zipped({"c.png": encoded(small, "PNG"), "d.jpg": broken}))
    assert named(database) == [("c.png", "a.jpg")]


@pytest.mark.services
def test_what_ends_the_child_is_left_out_alone(
    imported: Imported, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = near_duplicates.of_image

    def ends(path: Path) -> Signature | None:
        if path.stat().st_size == killing:
            raise SystemExit(9)
        return read(path)

    images = {f"{n}.jpg": encoded(picture(n)) for n in range(3)}
    killing = len(images["1.jpg"])
    monkeypatch.setattr(near_duplicates, "of_image", ends)
    imported(ANA, "1.zip", zipped({**images, "again.png": encoded(picture(2), "PNG")}))
    assert named(database) == [("again.png", "2.jpg")] or named(database) == [
        ("2.jpg", "again.png")
    ]
    assert database.one("SELECT count(*) FROM analytics.fingerprints") == 3


@pytest.mark.services
def test_where_it_is_switched_off_documents_wait(
    make_run: Callable[..., Runtime], imported: Imported, run: Runtime, database: Database
) -> None:
    off = make_run(near_duplicates=None)
    job = imported(ANA, "1.zip", zipped({"1.mbox": mails(text(1))}))
    database.rows(
        "INSERT INTO analytics.uncompared SELECT user_id, id, data_type, partition_at, record_key "
        "FROM user_data.documents"
    )
    assert comparing.compare_waiting(off) == comparing.compare_user(off, job["user_id"], seconds=9)
    assert comparing.compare_waiting(run, seconds=30) == 1
    assert links(database) == []
