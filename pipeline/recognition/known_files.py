"""Files of exports without records: what each is, and which file has the data.

The receipt and `datapunk add --dry-run` show this to a person who drops the wrong file. These files
are checked after the formats of products and before the catch-alls, so that a settings file does
not become rows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import msgspec

from pipeline.recognition import peek
from schemas.files import Head
from schemas.reasons import Reason


class KnownFile(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of such file: `paths` as in a format; `says` is a message without content."""

    reason: Reason
    paths: tuple[str, ...]
    says: str
    looks_like: Callable[[Head], bool] | None = None


def explain(head: Head) -> tuple[Reason, str] | None:
    """Return why a member is skipped, and what to look for instead; None for other members."""
    path = unicodedata.normalize("NFC", head.path.rsplit("!/", 1)[-1])
    for known in KNOWN_FILES:
        by_path = any(re.fullmatch(p, path, re.IGNORECASE) for p in known.paths)
        if by_path and (known.looks_like is None or known.looks_like(head)):
            return known.reason, known.says
    return None


def _has_keys(*keys: str) -> Callable[[Head], bool]:
    return lambda head: set(keys) <= set(peek.top_keys(head))


def _is_html(head: Head) -> bool:
    return peek.text_of(head)[:1] == b"<"


def _holds(*marks: bytes) -> Callable[[Head], bool]:
    """Return a check for all of these marks in the head of a page: a name alone is not enough."""
    return lambda head: _is_html(head) and all(mark in head.data for mark in marks)


#: Classes with the names of Meta's compiler: another page may well mention Instagram.
_META = re.compile(rb"""class=["'](?:[^"']* )?(?:uiBoxWhite|_[0-9a-z][0-9a-z-]{2,3})[ "']""")


def _is_page_of_meta(head: Head) -> bool:
    return _is_html(head) and _META.search(head.data) is not None


def _is_page_of_chatgpt(head: Head) -> bool:
    marks = (b"var jsonData", b"<title>ChatGPT Data Export")
    return _is_html(head) and any(mark in head.data for mark in marks)


def _is_part_of_x(head: Head) -> bool:
    """Return whether it is a packed script or style sheet of X's pages, with the product's name."""
    return b"witter" in head.data


def _is_write_ahead_log(head: Head) -> bool:
    return head.data.startswith((b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83"))


#: A line of time and one of address, as in TikTok's export as text.
_TIKTOK = re.compile(rb"\s*Date: [^\r\n]+\s+(Video )?Link: https://(www|m|vm)\.tiktokv?\.com/")


def _is_text_of_tiktok(head: Head) -> bool:
    return _TIKTOK.search(peek.text_of(head)[:4096]) is not None


def _has_named_lines(head: Head) -> bool:
    """Return whether all lines are `Name: value`, the first with a date or an account's facts."""
    first = [line for line in peek.lines(head, 20) if line]
    named = all(re.match(rb"[A-Z][\w() -]*: ?", line) for line in first)
    return bool(first) and named and _FIRST_NAME.match(first[0]) is not None


#: The beginnings of blocks of TikTok's text files.
_FIRST_NAME = re.compile(rb"(?:Date: ?\d{4}-\d\d-\d\d|(?:User ?name|Email|Profile|Link|Chat)\b)")


_PAGES_OF_X = "pages and their parts, to look at X's archive with; the records are in data/*.js"

#: Facts about these files are in `docs/reference/exports/`.
KNOWN_FILES: tuple[KnownFile, ...] = (
    KnownFile(
        reason=Reason.ELSEWHERE,
        paths=(r"(.+/)?Encrypted Backups\.txt",),
        says="the Timeline is on the phone since 2024: export it there, in the settings of "
        "Location, and drop Timeline.json or location-history.json",
    ),
    KnownFile(
        reason=Reason.SETTINGS,
        paths=(r"(.+/)?Settings\.json", r"(.+/)?Location History[^/]*/[^/]+\.json"),
        looks_like=_has_keys("createdTime", "deviceSettings"),
        says="settings of Location History; positions are in Records.json, or on the phone",
    ),
    KnownFile(
        reason=Reason.SETTINGS,
        paths=(r"(.+/)?Chrome/(SyncSettings|OS Settings|Dictionary|Settings)\.(json|csv)",),
        says="settings of Chrome; visits are in History.json",
    ),
    KnownFile(
        reason=Reason.SETTINGS,
        paths=(
            r"(.+/)?Google [^/]+/(print-subscriptions|user-generated-memory-titles)\.json",
            r"(.+/)?Mail/User settings/[^/]+\.json",
        ),
        says="settings; they hold no records",
    ),
    KnownFile(
        reason=Reason.TWIN,
        paths=(r"(.+/)?Takeout/(Keep|Google Keep|Google Notizen)/[^/]+\.html",),
        looks_like=_is_html,
        says="the page of a note; the same note is in the .json beside it",
    ),
    KnownFile(  # in the account's language the folder has any name
        reason=Reason.TWIN,
        paths=(r"(.+/)?[^/]+/[^/]+\.html",),
        looks_like=_holds(b'<div class="note"><div class="heading"'),
        says="the page of a note of Google Keep; the same note is in the .json beside it",
    ),
    KnownFile(
        reason=Reason.TWIN,
        paths=(r"(.+/)?chat\.html",),
        looks_like=_is_page_of_chatgpt,
        says="a page that shows ChatGPT's conversations; the same are in conversations.json",
    ),
    KnownFile(
        reason=Reason.TWIN,
        paths=(r"(.+/)?apple_health_export/export_cda\.xml",),
        says="Apple Health in another form; the same measurements are in export.xml",
    ),
    KnownFile(
        reason=Reason.ENCRYPTED,
        paths=(r"(.+/)?[^/]+\.(db|json|mcrypt1|zip)\.crypt\d+",),
        says="an encrypted backup of WhatsApp: use Export chat in each chat, and drop the .txt or "
        ".zip that it makes",
    ),
    KnownFile(
        reason=Reason.ENCRYPTED,
        paths=(r"(.+/)?signal-\d{4}-\d\d-\d\d-[^/]+\.backup",),
        says="an encrypted backup of Signal: make a plaintext export, and drop its folder as a zip",
    ),
    KnownFile(
        reason=Reason.ELSEWHERE,
        paths=(r"(.+/)?[^/]+\.(pst|ost|olm)",),
        says="Outlook's own store, which is not read: drag its mails into a folder, as .msg or "
        ".eml files, or have readpst write an mbox of it",
    ),
    KnownFile(
        reason=Reason.ELSEWHERE,
        paths=(
            r"(.+/)?(your_facebook_activity|your_instagram_activity|connections)/.+\.html",
            r"(.+/)?messages/(inbox|archived_threads|filtered_threads|message_requests)/.+\.html",
            r"(.+/)?start_here\.html",
        ),
        looks_like=_is_page_of_meta,
        says="the HTML flavour of a Meta export: ask for the download again, as JSON",
    ),
    KnownFile(
        reason=Reason.ELSEWHERE,
        paths=(r"(.+/)?TikTok/[^/]+/.+\.txt",),
        looks_like=_has_named_lines,
        says="the TXT flavour of a TikTok export: ask for the download again, as JSON",
    ),
    KnownFile(
        reason=Reason.ELSEWHERE,
        paths=(r"(.+/)?ChatExport_[^/]+/messages\d*\.html",),
        looks_like=_is_html,
        says="the HTML flavour of a Telegram export: export again, as machine-readable JSON",
    ),
    KnownFile(  # the folder was renamed
        reason=Reason.ELSEWHERE,
        paths=(r"(.+/)?messages\d*\.html",),
        looks_like=_holds(b'class="page_wrap', b'class="history'),
        says="the HTML flavour of a Telegram chat: export again, as machine-readable JSON",
    ),
    KnownFile(
        reason=Reason.ELSEWHERE,
        paths=(r"(.+/)?[^/]+\.txt",),
        looks_like=_is_text_of_tiktok,
        says="the text flavour of a TikTok export: ask for the download again, as JSON",
    ),
    KnownFile(
        reason=Reason.ELSEWHERE,
        paths=(r"(.+/)?[^/]+-wal",),
        looks_like=_is_write_ahead_log,
        says="the newest changes of the database beside it, which are not read: close the program, "
        "so that it writes them there, and copy the database again",
    ),
    KnownFile(
        reason=Reason.TWIN,
        paths=(
            r"(.+/)?Your archive\.html",
            r"(.+/)?twitter-[^/]+/assets/.+\.(js|css|svg|png|woff2?)",
            r"(.+/)?assets/images/twemoji/.+\.(svg|png)",
            r"(.+/)?assets/fonts/[^/]*chirp[^/]*\.woff2?",
        ),
        says=_PAGES_OF_X,
    ),
    KnownFile(
        reason=Reason.TWIN,
        paths=(r"(.+/)?assets/(js|fonts)/.+\.(js|css)",),
        looks_like=_is_part_of_x,
        says=_PAGES_OF_X,
    ),
    KnownFile(
        reason=Reason.SETTINGS,
        paths=(
            r"(.+/)?(MyData|Spotify [^/]+|my_spotify_data)/Read.?Me.?First[^/]*\.pdf",
            r"(.+/)?Read.?Me.?First_(AccountData|ExtendedStreamingHistory|Technical[^/]+)\.pdf",
        ),
        says="Spotify's explanation of its files",
    ),
)
