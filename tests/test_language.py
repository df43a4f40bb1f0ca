from __future__ import annotations

import pytest

from pipeline.language import LONGEST, UNDETERMINED, detect, fast_detector, plain_detector

TEXTS = {
    "en": "The heron stood in the shallow water and waited for the fish to come.",
    "de": "Der Reiher stand im flachen Wasser und wartete auf die kleinen Fische.",
    "fr": "Le héron attendait au bord de l'eau que les poissons arrivent enfin.",
    "es": "La garza esperaba en la orilla del río a que llegaran los peces.",
    "it": "L'airone aspettava sulla riva del fiume che arrivassero i pesci.",
    "pt": "A garça esperava na margem do rio até que os peixes chegassem.",
    "nl": "De reiger stond in het ondiepe water en wachtte op de kleine vissen.",
    "sv": "Hägern stod i det grunda vattnet och väntade på att fiskarna skulle komma.",
    "pl": "Czapla stała w płytkiej wodzie i czekała, aż przypłyną małe ryby.",
    "cs": "Volavka stála v mělké vodě a čekala, až připlavou malé ryby.",
    "fi": "Haikara seisoi matalassa vedessä ja odotti pienten kalojen tuloa.",
    "tr": "Balıkçıl sığ suda duruyor ve küçük balıkların gelmesini bekliyordu.",
    "ru": "Цапля стояла в мелкой воде и ждала, когда приплывут маленькие рыбы.",
    "uk": "Чапля стояла в мілкій воді й чекала, коли припливуть маленькі рибки.",
    "el": "Ο ερωδιός στεκόταν στα ρηχά νερά και περίμενε τα μικρά ψάρια.",
    "he": "האנפה עמדה במים הרדודים וחיכתה לדגים הקטנים שיבואו.",
    "ar": "وقف مالك الحزين في المياه الضحلة وانتظر قدوم الأسماك الصغيرة.",
    "hi": "बगुला उथले पानी में खड़ा होकर छोटी मछलियों के आने की प्रतीक्षा कर रहा था।",
    "ja": "サギは浅い水の中に立って、小さな魚が来るのをじっと待っていました。",
    "ko": "왜가리는 얕은 물에 서서 작은 물고기가 오기를 조용히 기다리고 있었다.",
    "zh-cn": "苍鹭站在浅水里，静静地等待着小鱼游过来，然后迅速地把它们抓住。",
}
#: Where langdetect has to sample, so that an unseeded one gives changing answers.
UNSURE = [
    "Meeting notes: Besprechung mit Anna, dann lunch im Café",
    "lorem ipsum dolor sit amet consectetur",
    "Re: Fwd: AW: Invoice 4711 http://shop.example/a?b=c ana@example.org Rechnung",
    "Hotel Taxi Restaurant Pizza Internet Computer",
    "a1 b2 c3 d4 e5 f6 g7 h8 i9 j1 k2 l3 m4 n5 o6 p7 q8 r9 s1 t2 u3",
    "https://example.org/one/two/three/four/five",
    "caf\ud83d half a character, which JSON may hold",
]


def test_languages_are_told() -> None:
    assert detect(list(TEXTS.values())) == list(TEXTS)


def test_both_detectors_give_the_same_answers() -> None:
    fast, plain = fast_detector(), plain_detector()
    texts = [*TEXTS.values(), *UNSURE, *(text[:30] for text in TEXTS.values())]
    assert [fast(text) for text in texts] == [plain(text) for text in texts]


def test_answers_do_not_change() -> None:
    first = detect(UNSURE)
    assert all(detect(UNSURE) == first for _ in range(5))


@pytest.mark.parametrize(
    "text", ["", "ok", "Nineteen letters he", "12345 67890 " * 9, "\0" * 50, "🙂" * 40, "___" * 20]
)
def test_under_twenty_letters_nothing_is_said(text: str) -> None:
    assert sum(map(str.isalpha, text)) < 20
    assert detect([text]) == [UNDETERMINED]


def test_twenty_letters_are_enough() -> None:
    assert detect(["Twenty letters here now!"]) == ["en"]


def test_an_address_alone_has_no_language() -> None:
    assert detect(["https://example.org/one/two/three/four/five"]) == [UNDETERMINED]


def test_only_the_beginning_of_a_text_is_read() -> None:
    english = (TEXTS["en"] + " ") * (LONGEST // len(TEXTS["en"]) + 1)
    assert detect([english + TEXTS["ru"] * 500]) == ["en"]
