"""Names in zips: every code page that zips are made with, by what each can say."""

from __future__ import annotations

from zipfile import ZipInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.archives import zip_names

#: Names that people give to files, in the code page of their system.
_NAMES = {
    "cp437": "Entwürfe|Gelöscht|Übersicht|Größe|Fête d'été|Año nuevo|ÄRGER|Crème brûlée|Tüte (1)",
    "cp850": "Ações|João|Þór|São Paulo|Ícaro|ÉTÉ À LA MER|Entwürfe",
    "cp932": "記録|資料|蔵の記録|写真|表|予定表|ソフト|旅行の写真2019|IMG写真|データ|さくら",
    "gbk": "照片|文档|我的文件|新建文件夹|旅行记录2019",
    "cp949": "사진|문서|새 폴더|여행 사진",
    "big5": "照片|新資料夾|旅行紀錄",
    "cp866": "Привет|Документы|Отчёт за год|письма",
    "cp852": "Zażółć gęślą|Příloha|Dokumenty żółte",
    "cp1252": "Entwürfe|Gelöscht|Fête d'été",
    "utf-8": "Entwürfe|写真|Привет|🦊",
}


def _entry(raw: bytes, *, system: int = 0) -> ZipInfo:
    """As zipfile reads a name without the flag of UTF-8."""
    info = ZipInfo()
    info.orig_filename = raw.decode("cp437")
    info.flag_bits, info.create_system = 0, system
    return info


@pytest.mark.parametrize("inside", ["{}.txt", "{}/notes.txt", "a/{}/b.json"])
@pytest.mark.parametrize(
    ("codec", "name"), [(codec, name) for codec, all_ in _NAMES.items() for name in all_.split("|")]
)
def test_a_name_is_read_in_the_code_page_it_was_written_in(
    codec: str, name: str, inside: str
) -> None:
    wanted = inside.format(name)
    assert zip_names.name_of(_entry(wanted.encode(codec), system=3)) == wanted
    windows = inside.replace("/", "\\").format(name)
    assert zip_names.name_of(_entry(windows.encode(codec))) == wanted


@given(st.binary(min_size=1, max_size=60))
def test_any_bytes_are_some_name(raw: bytes) -> None:
    assert zip_names.name_of(_entry(raw))


@pytest.mark.parametrize(("system", "shown"), [(0, "a/b"), (10, "a/b"), (3, "a\\b"), (19, "a\\b")])
def test_only_windows_parts_folders_by_backslashes(system: int, shown: str) -> None:
    assert zip_names.name_of(_entry(b"a\\b", system=system)) == shown


def test_a_name_that_says_it_is_utf8_is_believed() -> None:
    info = _entry("ïLÿ^.txt".encode("cp437"))
    info.flag_bits = 0x800
    assert zip_names.name_of(info) == "ïLÿ^.txt"
