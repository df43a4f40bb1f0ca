"""Reddit's CSV files: comments (in numbered files where there are many), posts, votes, messages."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.generators.support import counted, moment, multiples, sentence, shares

_FILE, _BROKEN = 100_000, 300
_COMMENTS = "id,permalink,date,ip,subreddit,gildings,link,parent,body,media"
_POSTS = "id,permalink,date,ip,subreddit,gildings,title,url,body"
_VOTES = "id,permalink,direction"
_MESSAGES = "id,permalink,thread_id,date,ip,from,to,subject,body"


def generate(folder: Path, records: int, seed: int, *, locale: str = "en") -> dict[str, int]:
    """Of ten records six are comments; the 300th of a file has no id."""
    random = Random(seed)
    comments, posts, votes, messages = shares(records, 6, 1, 2, 1)
    sizes = [min(_FILE, comments - first) for first in range(0, comments, _FILE)]
    for part, size in enumerate(sizes):
        name = f"comments_{part}.csv" if len(sizes) > 1 else "comments.csv"
        _write(folder / name, _COMMENTS, _comments(random, part * _FILE, size, locale))
    _write(folder / "posts.csv", _POSTS, _posts(random, posts, locale))
    rows = ([f"v{n}", f"/r/birds/comments/v{n}/", ("up", "down")[n % 2]] for n in range(votes))
    _write(folder / "post_votes.csv", _VOTES, rows)
    _write(folder / "messages.csv", _MESSAGES, _messages(random, messages, locale))
    broken = sum(multiples(size, _BROKEN) for size in sizes)
    return counted(
        comment=comments - broken, rejected=broken, post=posts, vote=votes, message=messages
    )


def _write(path: Path, header: str, rows: Iterator[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)


def _date(number: int) -> str:
    return moment(number).strftime("%Y-%m-%d %H:%M:%S UTC")


def _comments(random: Random, first: int, size: int, locale: str) -> Iterator[list[str]]:
    for number in range(size):
        name = f"k{first + number}"
        own_id = "" if number and number % _BROKEN == 0 else name
        date = _date(first + number)
        words = f"{sentence(random, locale)},\n“{number}”"
        link = "https://www.reddit.com/r/birds/comments/p1/x/"
        yield [
            own_id,
            f"/r/birds/comments/p1/x/{name}/",
            date,
            "",
            "birds",
            "0",
            link,
            "",
            words,
            "",
        ]


def _posts(random: Random, size: int, locale: str) -> Iterator[list[str]]:
    for number in range(size):
        name, words = f"p{number}", sentence(random, locale)
        path = f"/r/birds/comments/{name}/"
        yield [name, path, _date(number), "", "birds", "0", words, "", words]


def _messages(random: Random, size: int, locale: str) -> Iterator[list[str]]:
    for number in range(size):
        name, words = f"m{number}", sentence(random, locale)
        yield [name, "", f"t{number // 10}", _date(number), "", "ana", "bo", "hi", words]
