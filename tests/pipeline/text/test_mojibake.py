"""UTF-8 that was read as something else: what comes back, and what is left as it is."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.language import labelled
from pipeline.normalise import normalise
from pipeline.text.mojibake import mend
from schemas.records import DataType, Record
from tests.pipeline.text.test_encodings import OTHERS, texts

#: A sentence each, in 25 languages and seven scripts.
SENTENCES = [(text.language, text.text) for text in labelled() if not text.text.isascii()] + [
    (language, text.strip()) for language, text in OTHERS.items()
]

#: Shares that come back as they were, of texts misread once and twice. The rest is left alone:
#: `Ã¨` by itself may be meant, and cp1250 and ISO-8859-2 (cp437 and cp850) may both make sense.
SHARES = {
    "latin-1": (0.95, 1.0), "cp1252": (0.95, 1.0), "cp1254": (0.95, 1.0), "cp1251": (0.95, 1.0),
    "cp1250": (0.83, 0.88), "iso8859-2": (0.67, 0.72), "mac_roman": (0.95, 1.0),
    "koi8-r": (0.95, 1.0), "cp437": (0.91, 0.96), "cp850": (0.93, 0.98), "cp1253": (0.95, 1.0),
}  # fmt: skip


def misread(text: str, name: str) -> str:
    """As programs read UTF-8 as another charset: bytes that it lacks stay as they are."""
    return "".join(letter_of(byte, name) for byte in text.encode())


def letter_of(byte: int, name: str) -> str:
    try:
        return bytes([byte]).decode(name)
    except UnicodeDecodeError:
        return chr(byte)


@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize("times", [1, 2])
def test_a_text_comes_back_or_is_left_alone(name: str, times: int) -> None:
    became: Counter[str] = Counter()
    for _, said in SENTENCES:
        text = said
        for _ in range(times):
            text = misread(text, name)
        found = mend(text)
        assert found is None or found.text == said, (text, found)
        became["left" if found is None else "mended"] += 1
    assert len({language for language, _ in SENTENCES}) >= 14
    assert became["mended"] / became.total() >= SHARES[name][times - 1]


@pytest.mark.parametrize("name", SHARES)
def test_the_way_back_is_told(name: str) -> None:
    for _, said in SENTENCES:
        text = misread(misread(said, name), name)
        if (found := mend(text)) is not None:
            again = found.text
            for charset in reversed(found.read_as):
                again = misread(again, charset)
            assert again == text


#: Texts that somebody may have meant, each one of them.
SOUND = """
The sequence Ã© is what you see when é is read as Latin-1.
If you see “Ã©” in a page, its charset is wrong.
Why does my mail show Ã¼ instead of ü?
What does Ã© mean?
Ã©
s = "Ã©".encode("latin-1")  # b'\\xc3\\xa9'
assert fix('Ã¼') == 'ü'
Người ta nói rằng Ă và Â là những chữ cái tiếng Việt.
Â Ă Ê Ô Ơ Ư Đ – ÂM NHẠC CỔ ĐIỂN VIỆT NAM
İSTANBUL’DA ŞİŞLİ’YE GİTTİM – ŞIĞ SU, ÖĞÜT, ÇÖZÜM, İĞNE
ATENÇÃO: INSCRIÇÃO NÃO É OBRIGATÓRIA
AÇÃO E REAÇÃO, SÃO PAULO – LÃ, MAÇÃ, HORTELÃ
“IRMÔ
IRMÔ
IRMÃ…
IRMÃ—DISSE
LÃ»
MAÇÃ®
VÃ™
VOCÊ É MÃE
RESOLVIÓ—que no
CAFFÈ™ – CITTÀ “ETERNA” – PERCHÉ… PERCHÉ?
«Où êtes-vous ?» dit-il. « À Paris. » «À»
PIÑA COLADA “AÑO” – ESPAÑA™ ESPAÑOL® AÑO© Ñ™
Señor “Ñuñoa” – ¿Qué tal? ¡Olé! ¡¡¡ÑOÑO!!!
Рассказ «Тоска» А. П. Чехова – ЁЛКА – “Ёж” – СЪЕЗД № 5
Р. С. – ПС; Р° – это не по-русски
Привіт, як справи? Їжак і ґанок – РІЧ – “ЇЖА”
Ж, Њ, Ђ и Џ – слова «српски»
¯\\_(ツ)_/¯ ( ͡° ͜ʖ ͡°) ಠ_ಠ
╔══╗ ║▒▒║ ╚══╝ ░▒▓█ ▀▄ ├── src │ └── main.py
°º¤ø,¸¸,ø¤º°`°º¤ø,¸ •.¸¸.•´¯`•.¸¸.• ★彡 Ñåmé 彡★
👩‍👩‍👧‍👦 familia 🇩🇪 ❤️
∀ε>0 ∃δ>0: |x−a|<δ ⇒ |f(x)−f(a)|<ε; ℝⁿ → ℝ, f: x ↦ x² ± ½·√x
10 µm ± 0.5 µm, 25 °C, 3×4 m², Ångström, Å, 5 Å³
5 Å³
Ä² Ö³ Ü¹
x = Ä¹ + Ö²
Fußnote Ä¹, É², Ñ³ – Straß“e
Straß“e
Ł¹
Ă® Â® Î®
© 2024 Müller & Söhne® – Alle Rechte vorbehalten™
Łódź, Gdańsk, ŁĄKA – “ŻÓŁĆ”
PŘÍLIŠ ŽLUŤOUČKÝ KŮŇ ÚPĚL ĎÁBELSKÉ ÓDY
Bjørn Ærlig og Ågot Ødegård – Þórður Æsir Ð – PÅ… Å–hei
ΑΘΗΝΑ – “Ελλάδα” ‘ναι’ ΟΧΙ
שלום – “עברית” مرحبا – “العربية” ราคา ๕๐ ฿ – “ไทย”
日本語「括弧」…“引用” 全角　ＡＢＣ　ｶﾅ
ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ
¡¢£¤¥¦§¨©ª«¬­®¯°±²³´µ¶·¸¹º»¼½¾¿
""".strip().splitlines()


@pytest.mark.parametrize("text", SOUND)
def test_a_sound_text_is_left_alone(text: str) -> None:
    assert mend(text) is None


def test_sound_texts_of_every_language_are_left_alone() -> None:
    sound = [said.text for said in labelled()] + list(texts().values())
    for text in (*sound, *map(str.upper, sound), *(f"«{said}»" for said in sound)):
        assert mend(text) is None, text


@pytest.mark.parametrize(
    ("text", "meant", "read_as"),
    [
        ("CafÃ©", "Café", ("latin-1",)),
        ("donâ€™t", "don’t", ("cp1252",)),
        ("20Â°C", "20°C", ("latin-1",)),
        ("Ã–sterreich ist schÃ¶n", "Österreich ist schön", ("cp1252",)),
        ("РџСЂРёРІРµС‚", "Привет", ("cp1251",)),
        ("ðŸ˜€ great", "😀 great", ("cp1252",)),
        ("l’Ã©tÃ©", None, ()),  # beside a sound mark: two hands were at it
        ("Ã  demain, ma chÃ¨re", "à demain, ma chère", ("latin-1",)),
        ("schÃ¶n &amp; “gut”", None, ()),
        ("schÃ¶n &amp; ﬁ".replace("ﬁ", "fi"), "schön &amp; fi", ("latin-1",)),
        ("\ud83d Ã©tÃ©", None, ()),
    ],
)
def test_mended(text: str, meant: str | None, read_as: tuple[str, ...]) -> None:
    assert mend(text) == (None if meant is None else (meant, read_as))


def test_a_mended_record_says_so_and_how() -> None:
    record = Record(
        data_type=DataType.DOCUMENT,
        source="a.test",
        record_type="note",
        identity=("1",),
        title="CafÃ©",
        content="schÃƒÂ¶n",
        metadata={"flags": ["zone_assumed"], "who": "JosÃ©"},
    )
    ((_, _, found),) = normalise([(0, 1, record)])
    assert isinstance(found, Record)
    assert (found.title, found.content, found.identity) == ("Café", "schön", ("1",))
    assert found.metadata == {
        "flags": ["mojibake_mended", "zone_assumed"],
        "misread": [
            {"field": "title", "read_as": ["latin-1"]},
            {"field": "content", "read_as": ["cp1252", "latin-1"]},
        ],
        "who": "JosÃ©",
    }
