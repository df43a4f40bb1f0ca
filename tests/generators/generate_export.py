"""Whole exports of invented people, of any size, with counts in closed form.

    python -m tests.generators.generate_export --product takeout --records 100000 --parts 3 --out X
    python -m tests.generators.generate_export --product spotify --records 50000 --seed 1 --out X
    python -m tests.generators.generate_export --product takeout … --month-later --out Y

Writes the archives as their makers name them, and prints in JSON what must come of them: records
by generator and record type. `--records` is for each generator: a Takeout has many products.
With `--month-later` it is the export of the same account a month after the one that the same
arguments give without: of contacts, notes, events, tasks, places and reviews 5 % are changed and
5 % new, of mails, visits, messages and events of the house 5 % are new, all else is the same;
then `after` says what must come of it where the first one was imported.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from tests.generators.google_support import added
from tests.support.sets import page

_GOOGLE = (
    *("calendar", "chat", "contacts", "drive", "fit", "keep", "location", "mail", "menu"),
    *("objects", "play", "tables", "voice"),
)
#: What a product's export is made by, and how its archive is called.
PRODUCTS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "takeout": (
        ("chrome", "my_activity", "photos", "youtube", *(f"google_{name}" for name in _GOOGLE)),
        "takeout-20260102T030405Z-1-{part:03}.zip",
    ),
    "apple-health": (("apple_health",), "export.zip"),
    "browsers": (("browsers",), "browsers.zip"),
    "chatgpt": (("chatgpt",), "chatgpt.zip"),
    "discord": (("discord",), "package.zip"),
    "facebook": (("facebook",), "facebook-invented.zip"),
    "instagram": (("instagram",), "instagram-invented.zip"),
    "reddit": (("reddit",), "export_invented_20260102.zip"),
    "sms": (("sms",), "sms.zip"),
    "spotify": (("spotify",), "my_spotify_data.zip"),
    "telegram": (("telegram",), "DataExport_2026-01-02.zip"),
    "whatsapp": (("whatsapp",), "WhatsApp Chat.zip"),
    "x": (("x",), "twitter-2026-01-02.zip"),
}
_PAGE = {"en": "archive_browser.html", "de": "Archiv_Übersicht.html"}
_LATER = "takeout-20260202T030405Z-1-{part:03}.zip"
_BLOCK = 1 << 20


class Export(NamedTuple):
    """What was written: files in the order of their parts, and what must come of them.

    `after` is what must come of them where the export of a month ago is held, by generator:
    `new`, `newer`, `duplicate` and `rejected` records; None for a first export.
    """

    files: list[Path]
    counts: dict[str, dict[str, int]]
    after: dict[str, dict[str, int]] | None = None

    @property
    def total(self) -> dict[str, int]:
        """Outcomes by record type, over all generators."""
        return added(*self.counts.values())


def export(
    out: Path,
    product: str,
    records: int,
    seed: int,
    *,
    locale: str = "en",
    parts: int = 1,
    later: bool = False,
) -> Export:
    """Write the export of a product into a folder. Memory is bounded by one file of it."""
    names, archive = PRODUCTS[product]
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".generating.") as name:
        folder = Path(name)
        modules = {name: import_module(f"tests.generators.{name}") for name in names}
        counts = {
            name: _generate(made, folder, records, seed, locale=locale, later=later)
            for name, made in modules.items()
        }
        beside = _move_phone_exports(folder, out) if product == "takeout" else []
        if product == "takeout":
            _write_page(folder, locale)
        targets = [
            out / (_LATER if later and product == "takeout" else archive).format(part=n + 1)
            for n in range(parts)
        ]
        _pack(folder, targets, seed)
    after = {name: _after(modules[name], made, records) for name, made in counts.items()}
    return Export([*targets, *beside], counts, after if later else None)


def _generate(
    made: ModuleType, folder: Path, records: int, seed: int, *, locale: str, later: bool
) -> dict[str, int]:
    changes = {"later": True} if later and hasattr(made, "after") else {}
    counts: dict[str, int] = made.generate(folder, records, seed, locale=locale, **changes)
    return {kind: count for kind, count in counts.items() if count}


def _after(made: ModuleType, counts: Mapping[str, int], records: int) -> dict[str, int]:
    """What becomes of a second export's records, in one generator's files."""
    if hasattr(made, "after"):
        found: dict[str, int] = made.after(records)
        return found
    bad = counts.get("rejected", 0)
    return added({"duplicate": sum(counts.values()) - bad, "rejected": bad})


def _move_phone_exports(folder: Path, out: Path) -> list[Path]:
    """Files that a phone makes, and no Takeout: they lie beside the archives."""
    loose = sorted(path for path in folder.iterdir() if path.is_file())
    return [path.replace(out / path.name) for path in loose]


def _write_page(folder: Path, locale: str) -> None:
    """The page that lists the files of an export."""
    tree: dict[str, dict[str, list[str]]] = {}
    for path in _files(folder / "Takeout"):
        product, *folders, name = path.relative_to(folder / "Takeout").parts
        tree.setdefault(product, {}).setdefault("/".join(folders), []).append(name)
    (folder / "Takeout" / _PAGE.get(locale, _PAGE["en"])).write_bytes(page(tree))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _pack(folder: Path, targets: list[Path], seed: int) -> None:
    """Every file into one of the archives, as chance will have it; none is empty."""
    random = Random(seed)
    archives = [ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) for path in targets]
    for nth, path in enumerate(_files(folder)):
        archive = archives[nth if nth < len(archives) else random.randrange(len(archives))]
        entry = ZipInfo(path.relative_to(folder).as_posix())  # the same whenever it is made
        entry.compress_type = ZIP_DEFLATED
        with archive.open(entry, "w", force_zip64=True) as member, path.open("rb") as source:
            while block := source.read(_BLOCK):
                member.write(block)
        path.unlink()
    for archive in archives:
        archive.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the export of an invented person.")
    parser.add_argument("--product", required=True, choices=sorted(PRODUCTS))
    parser.add_argument("--records", type=int, default=1_000, help="for each generator")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--locale", choices=("en", "de"), default="en")
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--month-later", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    if chosen.product != "takeout" and (chosen.parts > 1 or chosen.month_later):
        parser.error("only a Takeout has parts, or an export of a month later")
    made = export(
        chosen.out, chosen.product, chosen.records, chosen.seed,
        locale=chosen.locale, parts=chosen.parts, later=chosen.month_later,
    )  # fmt: skip
    print(json.dumps(_said(made), indent=2, ensure_ascii=False))


def _said(made: Export) -> dict[str, Any]:
    files = {str(path): path.stat().st_size for path in made.files}
    said: dict[str, Any] = {"files": files, "counts": made.counts, "total": made.total}
    if made.after is not None:
        said["after"] = made.after
        said["after_total"] = dict(sum(map(Counter, made.after.values()), Counter[str]()))
    return said


if __name__ == "__main__":
    main()
