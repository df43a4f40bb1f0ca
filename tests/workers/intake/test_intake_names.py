"""Any name that a file system allows is taken in or put aside; no item ends a scan."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.storage.atomic_files import put, written
from tests.workers.intake.place import Place
from workers import intake
from workers.staging import is_ignored

#: A name of 249 bytes: with `.sha256` behind it, it is longer than a file system takes.
CJK = "照" * 83


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "name",
    [CJK, CJK + ".zip", "x" * 255, "x" * 247, "é" * 127, "a" * 251 + ".zip"],
    ids=len,
)
def test_a_long_name_is_taken_in_and_stops_nobody(place: Place, name: str) -> None:
    place.drop(name)
    place.drop("b.txt", b"other", user="ben")
    assert len(place.watcher.scan()) == 2
    assert not list(place.folders.staging.rglob("*.*"))


@pytest.mark.parametrize("name", [CJK, "x" * 255, "é" * 127], ids=len)
def test_a_long_name_that_is_refused_has_its_reason_beside_it(place: Place, name: str) -> None:
    place.drop(name, b"", user="ben")
    for n in range(3):  # the second of one name gets a longer one
        (place.folders.staging / "anna").mkdir(exist_ok=True)
        (place.folders.staging / "anna" / name).symlink_to(f"/nowhere/{n}")
        place.watcher.scan()
    kept = [p for p in (place.folders.failed / "anna").iterdir() if p.suffix != ".txt"]
    assert len(kept) == 3
    assert all(p.with_name(p.name + ".error.txt").is_file() for p in kept)
    assert not place.said().passed_over


def test_a_long_name_that_is_added(place: Place, tmp_path: Path) -> None:
    mine = tmp_path / CJK
    mine.write_bytes(b"mine")
    job = intake.take_in(place.ledger, place.folders, mine, "anna", move=False)  # type: ignore[arg-type]
    (kept,) = (place.folders.job(job) / "original").iterdir()
    assert kept.read_bytes() == b"mine"


def test_where_names_are_shorter_so_is_what_is_kept(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system with names of 143 bytes, as eCryptfs has them."""
    monkeypatch.setattr(os, "pathconf", lambda *_: 143)
    place.drop("y" * 143)
    place.watcher.scan()
    (name,) = place.ledger.jobs.values()
    assert len(f"12345678-{name}.error.txt") <= 143


@pytest.mark.parametrize("length", [1, 143, 240, 255])
def test_a_temporary_name_is_never_the_longer_one(tmp_path: Path, length: int) -> None:
    with written(tmp_path / ("z" * length)) as out:
        put(out, b"whole")
        (part,) = tmp_path.glob(".*.part")
        assert len(part.name) <= 143
    assert (tmp_path / ("z" * length)).read_bytes() == b"whole"


def _names(most: int = 255) -> st.SearchStrategy[bytes]:
    """Bytes that Linux takes for a name, and more often those that make trouble."""
    any_bytes = st.binary(min_size=1, max_size=most)
    text = st.text(min_size=1, max_size=most).map(lambda t: t.encode("utf-8", "surrogatepass"))
    long = st.tuples(st.sampled_from([b"x", "照".encode(), b"\xff", b"\n"]), st.integers(60, 255))
    stretched = long.map(lambda pair: (pair[0] * pair[1])[:most])
    suffixed = st.tuples(any_bytes, st.sampled_from([b".zip", b".tar.gz", b".sha256", b" ", b"."]))
    joined = suffixed.map(lambda pair: pair[0][: most - len(pair[1])] + pair[1])
    cleaned = st.one_of(any_bytes, text, stretched, joined).map(
        lambda b: b.replace(b"/", b"_").replace(b"\0", b"_")[:most]
    )
    return cleaned.filter(lambda b: b not in (b".", b".."))


@given(names=st.lists(_names(), min_size=1, max_size=6, unique=True), empty=st.booleans())
def test_any_name_is_taken_in_or_put_aside(names: list[bytes], empty: bool) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as top:
        place = Place(Path(top), patch)
        place.drop("ben.txt", user="ben")
        home = os.fsencode(place.folders.staging / "anna")
        os.mkdir(home)  # noqa: PTH102 - bytes
        for name in names:
            with open(home + b"/" + name, "wb") as out:  # noqa: PTH123 - bytes
                out.write(b"" if empty else name)
        looked_at = [name for name in names if not is_ignored(os.fsdecode(name))]
        place.watcher.scan()
        left = set(os.listdir(home))  # noqa: PTH208 - bytes
        assert left == set(names) - set(looked_at)
        taken = len(place.ledger.jobs) - 1
        aside = [p for p in place.folders.failed.rglob("*") if p.name.endswith(".error.txt")]
        assert taken + len(aside) == len(looked_at)
        assert empty == (taken == 0) or not looked_at
        assert place.said().passed_over == []
        assert place.new_watcher().recover() == []


@given(user=_names())
def test_any_name_of_a_users_folder(user: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as top:
        place = Place(Path(top), patch)
        place.drop("ben.txt", user="ben")
        home = os.path.join(os.fsencode(place.folders.staging), user)  # noqa: PTH118 - bytes
        os.makedirs(home, exist_ok=True)  # noqa: PTH103 - bytes
        with open(home + b"/a.txt", "wb") as out:  # noqa: PTH123 - bytes
            out.write(b"a")
        place.watcher.scan()
        assert place.said().passed_over == []
        lies = is_ignored(os.fsdecode(user))
        left = os.listdir(home)  # noqa: PTH208 - bytes
        assert left == ([b"a.txt"] if lies else [])
