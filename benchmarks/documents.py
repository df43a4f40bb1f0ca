"""Invented documents to be looked for: chats, comments, searches and mails of some years.

Words are made of syllables, their frequencies fall by Zipf's law, and every document has a
subject whose words come together in it, as they do in real texts. The same bytes for the same
seed and size.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random

import orjson

LANGUAGES = ("en", "de", "es", "fr")
_SHARES = (50, 25, 15, 10)
_FIRST_DAY, _DAYS = datetime(2010, 1, 1, tzinfo=UTC), 15 * 365
_PEOPLE, _SUBJECTS, _LEXICON = 2_000, 150, 12_000

#: The words that every text has, by which a language is known too.
_COMMON = {
    "en": "the of and to in that it was for with on as had but they this have from not were "
    "there which when would been what about their some after before could never should because",
    "de": "der die und das nicht ist ein zu mit den auf sich von wir dass auch noch nach wenn "
    "aber schon haben wird einen oder durch werden immer über unter gestern heute vielleicht",
    "es": "el la que de en los una por con para como pero más está todo sobre cuando también "
    "hasta desde nosotros porque entre después ahora siempre nunca aquí había donde quien",
    "fr": "le la les des est dans que pour une avec nous pas sur plus mais tout être comme "
    "cette avait sont depuis toujours quand aussi après chez parce encore peut avant leur",
}
#: Beginnings, middles and ends of syllables; thousands of syllables, so that words are made of as
#: many different word pieces as those of a real language are.
_SYLLABLES = {
    "en": ("b br c ch cl d dr f fl g gr h j k l m n p pl qu r s sh sl st str t th tr v w wh y",
           "a ai e ea ee i o oo ou u", "b ck d ft g ld ll m nd ng nt p r rn rt sh st t th w x"),
    "de": ("b bl br d dr f fl g gl gr h j k kl kn l m n pf pr r s sch schl st t tr v w z zw",
           "a au ä e ei eu i ie o ö u ü", "b ch d f ft g ld lz m n nd ng nk r rg rt st t tz"),
    "es": ("b bl c ch cr d f fr g gu h j l ll m n ñ p pl pr qu r s t tr v y z",
           "a á e é i ia ie o ó u ue", "l n r s z d ción dad mos nte"),
    "fr": ("b bl br c ch cr d f fl fr g gn gr j l m n p pl pr qu r s t tr v vr",
           "a ai au e é è eau eu i o oi ou u", "ge lle nt r re s sse t tte que ment bre in"),
}  # fmt: skip


class Texts:
    """A language's words and what is said with them. Subjects have the same number in each."""

    def __init__(self, language: str, seed: int) -> None:
        random = Random(f"{language}{seed}")
        parts = [part.split() for part in _SYLLABLES[language]]
        generated = (
            "".join(
                random.choice(part) for _ in range(random.choice((1, 2, 2, 3))) for part in parts
            )
            for _ in range(_LEXICON * 2)
        )
        self.words = list(dict.fromkeys(generated))[:_LEXICON]
        self._common = _COMMON[language].split()
        self._common_weights = _zipf(len(self._common))
        self._weights = _zipf(len(self.words))
        self.subjects = [random.sample(self.words[50:], k=120) for _ in range(_SUBJECTS)]

    def text(self, random: Random, words: int, subject: int | None = None) -> str:
        """Return that many words: two fifths are common ones, three tenths of one subject."""
        subject = random.randrange(_SUBJECTS) if subject is None else subject
        about = max(1, words * 3 // 10)
        common = words * 2 // 5
        chosen = random.sample(self.subjects[subject], k=min(about, 120))
        rest = words - len(chosen) - common
        chosen += random.choices(self._common, cum_weights=self._common_weights, k=common)
        chosen += random.choices(self.words, cum_weights=self._weights, k=rest)
        random.shuffle(chosen)
        return " ".join(chosen).capitalize() + "."


def _word(random: Random, parts: list[list[str]]) -> str:
    """Return a word of one to three syllables."""
    syllables = random.choice((1, 2, 2, 3))
    return "".join(random.choice(part) for _ in range(syllables) for part in parts)


def _zipf(n: int) -> list[float]:
    return list(accumulate(1 / rank for rank in range(1, n + 1)))


class Documents:
    """All that is generated from one seed; `people` are names, the first is the owner."""

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed
        self.texts = {language: Texts(language, 1) for language in LANGUAGES}
        random = Random(7)
        syllables = "an bo ri ka lo mi te su va no el da".split()  # noqa: SIM905
        drawn = ("".join(random.choices(syllables, k=3)).title() for _ in range(2 * _PEOPLE))
        first = list(dict.fromkeys(drawn))
        self.people = [f"{first[n % len(first)]} {first[-1 - n // 7]}" for n in range(_PEOPLE)]
        self._weights = _zipf(_PEOPLE)

    def write(self, path: Path, documents: int) -> Path:
        """Write a zip with nearly half of the documents in chats, a quarter each of comments and
        searches, and one in twenty a mail."""
        mails, comments, searches = documents // 20, documents // 4, documents // 4
        messages = documents - mails - comments - searches
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            _put(archive, "DataExport/result.json", self._chats(messages))
            for part, first in enumerate(range(0, comments, 100_000), start=1):
                size = min(100_000, comments - first)
                _put(archive, f"reddit/comments_{part}.csv", self._comments(first, size, comments))
            _put(archive, "Takeout/My Activity/Search/MyActivity.json", self._searches(searches))
            _put(archive, "Takeout/Mail/All mail.mbox", self._mails(mails))
        return path

    def _sentence(self, random: Random, low: int, high: int) -> str:
        (language,) = random.choices(LANGUAGES, weights=_SHARES)
        return self.texts[language].text(random, random.randint(low, high))

    def _person(self, random: Random) -> int:
        (person,) = random.choices(range(_PEOPLE), cum_weights=self._weights)
        return person

    def _chats(self, count: int) -> Iterator[bytes]:
        """Chats of 400 messages, each between two people or four."""
        random = Random(f"chats{self.seed}")
        yield b'{"about": "Here is the data you requested.", "chats": {"about": "", "list": ['
        for first in range(0, count - 1, 400):  # a chat is a document too
            people = [self._person(random) for _ in range(random.choice((2, 2, 2, 4)))]
            head = {"name": self.people[people[0]], "type": "personal_chat"}
            number = self.seed * 10_000_000 + first
            opened = orjson.dumps({**head, "id": number})[:-1] + b',"messages":['
            yield b",\n" * (first > 0) + opened
            size = min(400, count - first) - 1
            yield b",\n".join(self._message(random, n, first + n, count, people)
                              for n in range(size))  # fmt: skip
            yield b"]}"
        yield b"]}}"

    def _message(self, random: Random, n: int, place: int, count: int, people: list[int]) -> bytes:
        who, at = random.choice(people), _moment(place, count)
        return orjson.dumps(
            {
                "id": n + 1,
                "type": "message",
                "date": f"{at:%Y-%m-%dT%H:%M:%S}",
                "date_unixtime": str(int(at.timestamp())),
                "from": self.people[who],
                "from_id": f"user{1000 + who}",
                "text": self._sentence(random, 6, 30),
                "text_entities": [],
            }
        )

    def _comments(self, first: int, size: int, count: int) -> Iterator[bytes]:
        random = Random(f"comments{self.seed}.{first}")
        yield b"id,permalink,date,ip,subreddit,gildings,link,parent,body,media\n"
        for n in range(first, first + size):
            name, at = f"c{self.seed}x{n}", _moment(n, count)
            forum = f"forum{random.randrange(300)}"
            link, body = f"https://www.reddit.com/r/{forum}/", self._sentence(random, 10, 60)
            cells = (name, f"/r/{forum}/comments/p/x/{name}/", f"{at:%Y-%m-%d %H:%M:%S} UTC")
            row = io.StringIO()
            csv.writer(row).writerow([*cells, "", forum, "0", link, "", body, ""])
            yield row.getvalue().encode()

    def _searches(self, count: int) -> Iterator[bytes]:
        random = Random(f"searches{self.seed}")
        for n in range(count):
            at, query = _moment(n, count), self._sentence(random, 2, 7).rstrip(".")
            item = {
                "header": "Search",
                "title": f"Searched for {query}",
                "titleUrl": f"https://www.google.com/search?q={n}",
                "time": f"{at:%Y-%m-%dT%H:%M:%S}.{self.seed:03}Z",
                "products": ["Search"],
            }
            yield (b",\n" if n else b"[") + orjson.dumps(item)
        yield b"]"

    def _mails(self, count: int) -> Iterator[bytes]:
        random = Random(f"mails{self.seed}")
        for n in range(count):
            who, at = self._person(random), _moment(n, count)
            (language,) = random.choices(LANGUAGES, weights=_SHARES)
            lexicon, subject = self.texts[language], random.randrange(_SUBJECTS)
            lines = (
                f"From - {at:%a %b %d %H:%M:%S %Y}",
                f"Message-ID: <{self.seed}.{n}@bench.example>",
                f"From: {self.people[who]} <{self.address(who)}>",
                "To: Owner <owner@bench.example>",
                f"Subject: {lexicon.text(random, random.randint(3, 8), subject)}",
                f"Date: {at:%a, %d %b %Y %H:%M:%S} +0000",
                "Content-Type: text/plain; charset=utf-8",
                "",
                *(lexicon.text(random, random.randint(15, 60), subject) for _ in range(3)),
            )
            yield "\n".join((*lines, "", "")).encode()

    def address(self, person: int) -> str:
        """Return the mail address of a person."""
        return f"{self.people[person].lower().replace(' ', '.')}.{person}@bench.example"


def _put(archive: zipfile.ZipFile, name: str, blocks: Iterator[bytes]) -> None:
    with archive.open(name, "w", force_zip64=True) as out:
        for block in blocks:
            out.write(block)


def _moment(place: int, count: int) -> datetime:
    """Return the moment of the nth document, in order over all the years."""
    return _FIRST_DAY + timedelta(seconds=int(_DAYS * 86_400 * place / max(count, 1)))
