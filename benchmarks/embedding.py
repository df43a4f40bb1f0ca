"""How fast each tier embeds, and how well it finds: `python -m benchmarks.embedding`.

Speed: texts of 12 and of 60 words, one call each, the best of three; on one thread by default.
Quality, labelled: the queries of `labelled.tsv` among its texts. Quality, exact: what a tier's ten
nearest have in common with the full model's exact ten (recall), and how well they are ordered
(nDCG, with the full model's own order as what is right), over generated sentences. `halfvec`: the
ten nearest by vectors rounded to half precision against the ten by whole ones.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.ports import Embedder
from workers.adapters import static_embeddings
from workers.adapters.sentence_transformers import SentenceTransformerEmbedder

_HERE = Path(__file__).parent
Matrix = NDArray[np.float32]
Labelled = tuple[list[tuple[str, str, int]], list[tuple[str, str, int]]]


def labelled() -> Labelled:
    """Queries and texts, each with its language and the number of its subject."""
    queries: list[tuple[str, str, int]] = []
    texts: list[tuple[str, str, int]] = []
    subject, before = -1, "t"
    for line in (_HERE / "labelled.tsv").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        kind, lang, text = line.split("\t")
        subject += kind == "q" and before == "t"
        (queries if kind == "q" else texts).append((lang, text, subject))
        before = kind
    return queries, texts


def sentences(n: int, words: int, seed: int = 1) -> list[str]:
    """`n` texts of `words` words, out of the words of the labelled set."""
    pool = " ".join(text for _, text, _ in labelled()[1]).split()
    chance = random.Random(seed)
    return [" ".join(chance.choices(pool, k=words)) for _ in range(n)]


def nearest(queries: Matrix, texts: Matrix, k: int = 10) -> NDArray[np.int64]:
    """Return the places of the k nearest texts of each query, best first; shape (queries, k)."""
    return np.argsort(-(queries @ texts.T), axis=1, kind="stable")[:, :k]


def recall(found: NDArray[np.int64], right: Sequence[set[int]]) -> float:
    """Return the mean share of what is right, of at most ten, that was found."""
    shares = [
        len(want & set(got.tolist())) / min(len(want), len(got))
        for got, want in zip(found, right, strict=True)
    ]
    return float(np.mean(shares))


def ndcg(found: NDArray[np.int64], gains: Sequence[dict[int, float]]) -> float:
    """Return the mean normalised discounted cumulative gain at ten (Järvelin, Kekäläinen 2002)."""
    scores = []
    for got, gain in zip(found, gains, strict=True):
        best = sorted(gain.values(), reverse=True)[: len(got)]
        scores.append(_dcg([gain.get(n, 0.0) for n in got.tolist()]) / _dcg(best))
    return float(np.mean(scores))


def _dcg(gains: Sequence[float]) -> float:
    return float(sum(g / np.log2(rank + 2) for rank, g in enumerate(gains)))


def quality(embedder: Embedder) -> dict[str, dict[str, float]]:
    """Recall and nDCG at ten on the labelled set: in all, and by the language of the query among
    the texts of its own language."""
    queries, texts = labelled()
    q = embedder.encode([text for _, text, _ in queries])
    t = embedder.encode([text for _, text, _ in texts])
    langs = {"all": ("en", "de"), "en": ("en",), "de": ("de",)}
    return {name: _labelled(queries, texts, q, t, some) for name, some in langs.items()}


def _labelled(
    queries: Sequence[tuple[str, str, int]], texts: Sequence[tuple[str, str, int]],
    q: Matrix, t: Matrix, langs: Sequence[str],
) -> dict[str, float]:  # fmt: skip
    asked = [n for n, (lang, _, _) in enumerate(queries) if lang in langs]
    among = [n for n, (lang, _, _) in enumerate(texts) if lang in langs]
    found = nearest(q[asked], t[among])
    right = [{n for n, at in enumerate(among) if texts[at][2] == queries[a][2]} for a in asked]
    gains = [dict.fromkeys(want, 1.0) for want in right]
    return {"recall@10": recall(found, right), "ndcg@10": ndcg(found, gains)}


def against(full: Matrix, other: Matrix, queries: int) -> dict[str, float]:
    """Return how near another tier's nearest are to the full model's exact ones.

    The first `queries` rows search the others. The gain of a text is by its place in the full
    model's ten.
    """
    exact = nearest(full[:queries], full[queries:])
    found = nearest(other[:queries], other[queries:])
    gains = [{int(n): 1 / np.log2(rank + 2) for rank, n in enumerate(row)} for row in exact]
    return {
        "recall@10": recall(found, [set(row.tolist()) for row in exact]),
        "ndcg@10": ndcg(found, gains),
    }


def speed(embedder: Embedder, texts: Sequence[str]) -> float:
    """Texts a second, the best of three."""
    embedder.encode(texts[: len(texts) // 4])
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        embedder.encode(texts)
        best = min(best, time.perf_counter() - start)
    return len(texts) / best


def measure(threads: int, models: Path) -> dict[str, Any]:
    full = SentenceTransformerEmbedder(threads=threads)
    start = time.process_time()
    folder = static_embeddings.ensure_static_model(models, None, threads)
    made_s = time.process_time() - start
    plain = static_embeddings.StaticEmbedder(folder, static_embeddings.static_name(None))
    texts = [text for _, text, _ in itertools.chain(*labelled())] + sentences(1_500, 12, seed=2)
    matrices = {name: e.encode(texts) for name, e in (("full", full), ("static", plain))}
    halves = {name: _half(m) for name, m in matrices.items()}
    n = len(labelled()[0])
    return {
        "distilled in CPU seconds": round(made_s, 1),
        "dimension": {"static": plain.dimension, "full": full.dimension},
        "texts a second": {
            f"{words} words": {
                "static": speed(plain, sentences(20_000 * 12 // words, words)),
                "full": speed(full, sentences(256, words)),
            }
            for words in (12, 60)
        },
        "labelled": {"static": quality(plain), "full": quality(full)},
        "static against the full model's exact": against(matrices["full"], matrices["static"], n),
        "halfvec against whole": {
            name: against(matrices[name], halves[name], n)["recall@10"] for name in matrices
        },
    }


def _half(matrix: Matrix) -> Matrix:
    return matrix.astype(np.float16).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--models", type=Path, help="where the static model is, or is to be")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(given.threads, given.models or Path(folder))
    rounded = json.loads(json.dumps(found), parse_float=lambda x: float(f"{float(x):.4g}"))
    print(json.dumps(rounded, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
