from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.language import labelled, scores
from pipeline.normalise import normalise
from pipeline.text import language
from pipeline.text.language import (
    LONGEST,
    UNDETERMINED,
    detect,
    fast_detector,
    of_conversations,
    plain_detector,
)
from schemas.records import DataType, Record

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


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("ξέχασα πάλι", "el"),
        ("어디에 있어요", "ko"),
        ("傘を忘れました", "ja"),
        ("שכחתי מטריה", "he"),
        ("我今天又忘了带雨伞", "zh-cn"),
        ("雨伞", UNDETERMINED),
    ],
)
def test_few_letters_are_enough_where_the_script_says_it(text: str, language: str) -> None:
    assert detect([text]) == [language]


def test_an_address_alone_has_no_language() -> None:
    assert detect(["https://example.org/one/two/three/four/five"]) == [UNDETERMINED]


def test_only_the_beginning_of_a_text_is_read() -> None:
    english = (TEXTS["en"] + " ") * (LONGEST // len(TEXTS["en"]) + 1)
    assert detect([english + TEXTS["ru"] * 500]) == ["en"]


REPLIES = {
    "quoted": "Das passt mir sehr gut, bis dann am Bahnhof.\n\n{intro}\n{quoted}",
    "above": "{intro}\n{quoted}\n\nDas passt mir sehr gut, bis dann am Bahnhof.\n",
    "passed on": "Das passt mir sehr gut, bis dann.\n\n-----Original Message-----\n{plain}",
    "signed": "Das passt mir sehr gut, bis dann am Bahnhof.\n-- \n{plain}",
}


@pytest.mark.parametrize("form", REPLIES.values(), ids=REPLIES.keys())
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_reply_is_judged_by_its_own_words(form: str, ending: str) -> None:
    plain = TEXTS["en"] + "\nWe shall meet at the old bridge as soon as the rain has stopped.\n" * 3
    quoted = "".join(f"> {line}\n" for line in plain.splitlines())
    intro = "On Monday Ana the elder wrote\nabout our walk:"
    reply = form.format(intro=intro, quoted=quoted, plain=plain).replace("\n", ending)
    assert detect([reply, plain]) == ["de", "en"]


@settings(
    max_examples=500, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(
    st.lists(
        st.sampled_from(
            ["a", "\n", "\n\n", ":", ">", " ", "\r", "\t", "\n>", "wrote:\n>", "x" * 85, "y" * 301]
        ),
        max_size=16,
    ).map("".join)
)
def test_what_introduces_a_quote_goes_wherever_the_pattern_matches(text: str) -> None:
    assert language._without_introductions(text) == language._INTRODUCED.sub("\n", text)


def test_what_only_passes_something_on_is_in_the_language_of_that() -> None:
    assert detect([f"> {TEXTS['de']}\n> {TEXTS['de']}\n"]) == ["de"]


def test_a_reply_of_two_words_is_not_in_the_language_it_answers() -> None:
    assert detect([f"ok, ja\n\n> {TEXTS['en']}\n"]) == [UNDETERMINED]


def test_a_mixed_text_is_in_the_language_of_most_of_its_words() -> None:
    german = "Die Besprechung ist am Donnerstag im großen Saal. Bringt bitte alle eure Notizen mit."
    french = "Nous avons attendu longtemps sous le vieux pont de pierre."
    for detector in (fast_detector(), plain_detector()):
        assert detector(f"{french} {german}") == "de"
        assert detector(f"{german} {french}") == "de"
        assert detector(f"{german}\n{french}\n{french} {french}") == "fr"


def test_short_messages_take_their_conversations_language() -> None:
    texts = ["bis gleich", "ja gerne", "see you", "wo bist du denn", "noch am Bahnhof", "hm"]
    names = ["ana", "ana", "bo", "ana", "ana", None]
    told = detect(texts)
    assert set(told) == {UNDETERMINED}
    assert of_conversations(texts, told, names) == ["de", "de", "und", "de", "de", "und"]


def test_a_message_that_says_enough_keeps_its_own_language() -> None:
    texts = ["ok", TEXTS["en"], TEXTS["de"], TEXTS["de"], TEXTS["de"]]
    told = detect(texts)
    assert of_conversations(texts, told, ["x"] * 5) == ["de", "en", "de", "de", "de"]


def test_the_lake_is_told_a_conversations_language() -> None:
    def message(text: str, conversation: str) -> Record:
        return Record(
            data_type=DataType.ACTIVITY,
            source="x",
            record_type="message",
            identity=(text,),
            content=text,
            metadata={"conversation": conversation},
        )

    said = [message(text, "a") for text in ("bis gleich", "ja gerne", "wo bist du denn", "ja")]
    found = normalise([(0, 1, one) for one in (*said, message("see you", "b"))])
    assert [getattr(one, "language", None) for _, _, one in found] == ["de"] * 4 + ["und"]


def test_how_well_it_tells_on_the_labelled_set() -> None:
    found = scores(labelled())
    assert len({lang for lang, _ in found}) >= 16
    for length, right, silent in (("short", 72, 22), ("long", 69, 0)):
        told = [score for (_, kind), score in found.items() if kind == length]
        assert sum(score.right for score in told) >= right
        assert sum(score.silent for score in told) <= silent
        assert sum(score.wrong for score in told) <= 4
