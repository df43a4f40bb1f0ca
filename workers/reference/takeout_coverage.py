"""What becomes of Google Takeout: its 56 products, their data sets, and who reads each.

`make docs` writes it as the table of `docs/reference/takeout.md`. A test compares the page with it,
and `datapunk formats --takeout` shows the same. The products and data sets are those of
`docs/reference/exports/google-takeout.md#products-and-data-sets`.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec


class Fate(StrEnum):
    """What becomes of a data set."""

    PARSED = "parsed"
    """Its own format makes records of it."""
    ROWS = "rows"
    """A catch-all keeps each row or item under the export's own names."""
    KEPT = "kept"
    """Each file is a document or medium, with its text or what it says of itself."""
    IGNORED = "ignored"
    """Listed in the receipt, with why, and not read."""
    UNKNOWN = "unknown"
    """Listed in the receipt and kept in the original: its fields are not verified."""


class DataSet(msgspec.Struct, frozen=True, kw_only=True):
    """Some files of a product. `written` is the form that Takeout gives them; `example` is a path
    that they are known under, in English."""

    name: str
    written: str
    fate: Fate
    formats: tuple[str, ...] = ()
    why: str = ""
    example: str = ""


class Product(msgspec.Struct, frozen=True):
    """A product as Takeout's menu names it."""

    name: str
    data_sets: tuple[DataSet, ...]


_FIELDS = "the names of its fields are not verified"
_LISTS = f"{_FIELDS}; a file that is one list becomes rows"


def _parsed(name: str, written: str, *formats: str, at: str = "", why: str = "") -> DataSet:
    return DataSet(
        name=name, written=written, fate=Fate.PARSED, formats=formats, why=why, example=at
    )


def _rows(name: str, *, why: str = "its columns are not verified") -> DataSet:
    return DataSet(name=name, written="CSV", fate=Fate.ROWS, formats=("csv.table",), why=why)


def _kept(name: str, written: str, *formats: str, why: str = "") -> DataSet:
    return DataSet(name=name, written=written, fate=Fate.KEPT, formats=formats, why=why)


def _ignored(name: str, written: str, why: str, *, at: str) -> DataSet:
    return DataSet(name=name, written=written, fate=Fate.IGNORED, why=why, example=at)


def _unknown(name: str, written: str = "JSON", why: str = _LISTS) -> DataSet:
    formats = ("json.array",) if why is _LISTS else ()
    return DataSet(name=name, written=written, fate=Fate.UNKNOWN, formats=formats, why=why)


_DOCUMENT, _IMAGE, _SOUND = "document.plain", "media.image", "media.audio_video"
_ANY = (_DOCUMENT, _IMAGE, _SOUND)

PRODUCTS: tuple[Product, ...] = (
    Product(
        "Access Log Activity",
        (
            _parsed(
                "account access", "CSV", "google.access_log",
                at="Access Log Activity/Activities - A list of Google services accessed by.csv",
            ),
            _rows("device access"),
        ),
    ),
    Product("Alerts", (_unknown("alerts"),)),
    Product(
        "Android Device Configuration Service",
        (_kept("device configuration", "HTML", _DOCUMENT),),
    ),
    Product("Arts & Culture", (_kept("favorites", "HTML", _DOCUMENT), _rows("galleries"))),
    Product("Assignments", (_unknown("four data sets"),)),
    Product(
        "Calendar",
        (
            _parsed("calendars", "iCalendar", "calendar.ics", at="Calendar/Family.ics"),
            _unknown("meeting settings"),
        ),
    ),
    Product(
        "Chrome",
        (
            _parsed("history", "JSON", "google.chrome_history", at="Chrome/History.json"),
            _parsed("bookmarks", "HTML", "bookmarks.netscape", at="Chrome/Bookmarks.html"),
            _parsed("reading list", "HTML", "bookmarks.netscape", at="Chrome/ReadingList.html"),
            _parsed("autofill", "JSON", "google.chrome_autofill", at="Chrome/Autofill.json"),
            _parsed(
                "search engines", "JSON", "google.chrome_search_engines",
                at="Chrome/SearchEngines.json",
            ),
            _parsed(
                "device information", "JSON", "google.chrome_devices",
                at="Chrome/Device Information.json",
            ),
            _unknown("addresses"),
            _unknown("extensions"),
            _ignored("dictionary", "CSV", "words and settings", at="Chrome/Dictionary.csv"),
            _ignored("settings", "JSON", "settings", at="Chrome/SyncSettings.json"),
            _ignored("OS settings", "JSON", "settings", at="Chrome/OS Settings.json"),
        ),
    ),
    Product(
        "Classroom",
        (_unknown("classes"), _kept("pictures", "PNG", _IMAGE), _unknown("XML", "XML", _FIELDS)),
    ),
    Product(
        "Contacts",
        (
            _parsed(
                "contacts", "vCard", "contacts.vcard",
                at="Contacts/All Contacts/All Contacts.vcf",
            ),
            _parsed(
                "contacts", "CSV", "google.contacts_csv",
                at="Contacts/All Contacts/All Contacts.csv",
            ),
        ),
    ),
    Product("Crisis User Reports", (_rows("reports"),)),
    Product(
        "Data Shared for Research",
        (_kept("pictures", "JPG", _IMAGE), _kept("texts", "TXT", _DOCUMENT)),
    ),
    Product("Discover", (_rows("three data sets"),)),
    Product(
        "Drive",
        (
            _kept("documents", "DOCX, PDF", _DOCUMENT),
            _kept("drawings", "JPG, PDF", _IMAGE, _DOCUMENT),
            _kept("forms", "ZIP", *_ANY, why="opened: its members are read one by one"),
            _kept("jamboard", "PDF", _DOCUMENT),
            _kept("presentations", "PDF", _DOCUMENT),
            _unknown("presentations", "PPTX", "no text is taken from it"),
            _unknown("scripts"),
            _kept("spreadsheets", "PDF", _DOCUMENT),
            _unknown("spreadsheets", "XLSX", "no text is taken from it"),
            _kept("uploads", "as uploaded", *_ANY, why="others are read by what they are"),
        ),
    ),
    Product(
        "Fit",
        (
            _parsed("activities", "TCX", "tcx", at="Fit/Activities/2026-01-02T03_04_05.tcx"),
            _parsed(
                "daily activity metrics", "CSV", "google.fit_daily",
                at="Fit/Daily activity metrics/Daily activity metrics.csv",
            ),
            _parsed(
                "all data", "JSON", "google.fit_data",
                at="Fit/All Data/derived_com.google.step_count.delta_com.google.and.json",
                why="merged and raw streams of one kind are the same points, counted once",
            ),
            _parsed(
                "all sessions", "JSON", "google.fit_sessions",
                at="Fit/All Sessions/2026-01-02T03_04_05Z_WALKING.json",
            ),
        ),
    ),
    Product("Google Account", (_kept("subscriber information", "HTML", _DOCUMENT),)),
    Product(
        "Google Business Profile",
        (
            _unknown("seventeen data sets"),
            _rows("tables of these"),
            _kept("pictures, videos", "as uploaded", _IMAGE, _SOUND),
        ),
    ),
    Product(
        "Google Cloud Search",
        (_unknown("five data sets"), _kept("pages of these", "HTML", _DOCUMENT)),
    ),
    Product(
        "Google Chat",
        (
            _parsed(
                "users", "JSON", "google.chat_user",
                at="Google Chat/Users/User 1/user_info.json",
            ),
            _parsed(
                "messages", "JSON", "google.chat_messages",
                at="Google Chat/Groups/DM 1/messages.json",
            ),
            _parsed(
                "groups", "JSON", "google.chat_group",
                at="Google Chat/Groups/DM 1/group_info.json",
            ),
            _kept("attachments", "as uploaded", *_ANY),
        ),
    ),
    Product("Google Developers", (_unknown("profile"),)),
    Product("Google Feedback", (_kept("screenshots", "JPEG", _IMAGE),)),
    Product(
        "Google Fi",
        (_kept("number", "TXT", _DOCUMENT), _kept("voicemails", "MP3", _SOUND)),
    ),
    Product(
        "Google Finance",
        (_unknown("portfolios, watchlists"), _kept("hidden news", "TXT", _DOCUMENT)),
    ),
    Product(
        "Google Help Communities",
        (_unknown("posts"), _rows("posts as a table"), _kept("files", "as uploaded", *_ANY)),
    ),
    Product(
        "Google Meet",
        (
            _parsed(
                "conference records", "CSV", "google.meet_calls",
                at="Google Meet/Call history/Call history.csv",
            ),
            _rows("retention policy"),
        ),
    ),
    Product(
        "Google Pay",
        (
            _parsed(
                "transactions", "CSV", "google.pay_transactions",
                at="Google Pay/Google transactions/transactions_1.csv",
            ),
            _parsed(
                "activity", "HTML", "google.my_activity_html",
                at="Google Pay/My Activity/MyActivity.html",
            ),
            _parsed("saved passes", "JSON", "google.pay_passes", at="Google Pay/Passes/1.json"),
            _kept("saved passes", "PDF", _DOCUMENT),
            _rows("money sends and requests"),
            _rows("rewards"),
            _unknown("chats, spots, group expenses, campaigns"),
            _kept("pictures of group expenses", "JPEG, PNG", _IMAGE),
        ),
    ),
    Product(
        "Google Photos",
        (
            _kept("photos", "as uploaded", _IMAGE, why="EXIF, place and thumbnail are read"),
            _kept("videos", "as uploaded", _SOUND, why="times, length and place are read"),
            _parsed(
                "photo metadata", "JSON", "google.photos_sidecar",
                at="Google Photos/Trip/a.jpg.supplemental-metadata.json",
            ),
            _parsed(
                "album metadata", "JSON", "google.photos_album",
                at="Google Photos/Trip/metadata.json",
            ),
        ),
    ),
    Product(
        "Google Play Books",
        (
            _unknown("library, notes"),
            _kept("pages", "HTML", _DOCUMENT),
            _kept("books", "as uploaded", _DOCUMENT, why="PDF; EPUB is unknown"),
        ),
    ),
    Product(
        "Google Play Games Services",
        (_kept("eleven data sets", "HTML", _DOCUMENT), _unknown("others of these")),
    ),
    Product("Google Play Movies & TV", (_unknown("library"), _rows("library as a table"))),
    Product(
        "Google Play Store",
        (
            *(
                _parsed(name, "JSON", form, at=f"Google Play Store/{file}.json")
                for name, form, file in (
                    ("installs", "google.play_installs", "Installs"),
                    ("library", "google.play_library", "Library"),
                    ("purchases", "google.play_purchases", "Purchase History"),
                    ("orders", "google.play_orders", "Order History"),
                    ("devices", "google.play_devices", "Devices"),
                    ("subscriptions", "google.play_subscriptions", "Subscriptions"),
                    ("reviews", "google.play_reviews", "Reviews"),
                )
            ),
            _unknown("redemptions, grouping, points, promotions, user settings"),
        ),
    ),
    Product("Google Podcasts", (_unknown("subscriptions", "OPML", _FIELDS),)),
    Product(
        "Google Shopping",
        (_unknown("orders"), _rows("loyalty, addresses, product and merchant reviews, cart")),
    ),
    Product("Google Store", (_unknown("purchases, returns, reviews"),)),
    Product(
        "Google Translator Toolkit",
        (
            _kept("documents", "as uploaded", _DOCUMENT),
            _rows("glossaries"),
            _unknown("translation memories", "TMX", _FIELDS),
        ),
    ),
    Product("Google Workspace Marketplace", (_unknown("two data sets"),)),
    Product(
        "Groups",
        (
            _parsed("posts", "mbox", "mail.mbox", at="Groups/choir@example.org/topics.mbox"),
            _rows("info, memberships"),
        ),
    ),
    Product(
        "Home App",
        (
            _parsed(
                "history", "JSON", "google.home_history", at="Home App/HomeHistory.json"
            ),
            _unknown("data, services, automations"),
            _kept("audio", "AAC", _SOUND),
        ),
    ),
    Product(
        "Keep",
        (
            _parsed("notes", "JSON", "google.keep", at="Keep/A note.json"),
            _ignored("notes", "HTML", "the same notes again", at="Keep/A note.html"),
            _kept("images", "as uploaded", _IMAGE),
            _kept("voice", "3GP, AAC, AMR", _SOUND),
        ),
    ),
    Product(
        "Location History (Timeline)",
        (
            _parsed(
                "records", "JSON", "google.location_records",
                at="Location History (Timeline)/Records.json",
            ),
            _parsed(
                "semantic", "JSON", "google.location_semantic",
                at="Location History (Timeline)/Semantic Location History/2022/2022_MAY.json",
            ),
            _parsed(
                "timeline edits", "JSON", "google.timeline_edits",
                at="Location History (Timeline)/Timeline Edits.json",
            ),
            _rows("tombstones"),
            _ignored(
                "settings", "JSON", "settings; positions are on the phone since 2024",
                at="Location History (Timeline)/Settings.json",
            ),
            _ignored(
                "backups", "TXT", "encrypted; export the Timeline on the phone",
                at="Location History (Timeline)/Encrypted Backups.txt",
            ),
        ),
    ),
    Product(
        "Mail",
        (
            _parsed(
                "messages", "mbox", "mail.mbox",
                at="Mail/All mail Including Spam and Trash.mbox",
            ),
            _ignored("settings", "JSON", "settings", at="Mail/User settings/Filters.json"),
        ),
    ),
    Product(
        "Maps",
        (
            DataSet(
                name="labelled places and others in GeoJSON", written="GeoJSON",
                fate=Fate.ROWS, formats=("geojson",), why=_FIELDS,
            ),
            _unknown("commute routes and others of eighteen data sets"),
            _rows("tables of these"),
            _unknown("XML of these", "XML", _FIELDS),
        ),
    ),
    Product(
        "My Activity",
        (
            _parsed(
                "records", "JSON", "google.my_activity",
                at="My Activity/Search/MyActivity.json",
            ),
            _parsed(
                "records", "HTML (the default)", "google.my_activity_html",
                at="My Activity/Search/MyActivity.html",
            ),
            _kept("image and audio attachments", "MPEG and others", _IMAGE, _SOUND),
            _rows("CSV attachments"),
        ),
    ),
    Product(
        "Maps (your places)",
        (
            _parsed(
                "starred", "GeoJSON", "google.saved_places",
                at="Maps (your places)/Saved Places.json",
            ),
            _parsed(
                "reviews", "GeoJSON", "google.maps_reviews",
                at="Maps (your places)/Reviews.json",
            ),
        ),
    ),
    Product("My Maps", (_parsed("maps", "KMZ, KML", "kml", at="My Maps/Herons.kml"),)),
    Product(
        "Nest",
        (
            _rows("tables of fourteen data sets"),
            _unknown("others of these"),
            _kept("pictures, videos, documents", "JPEG, MP4, PDF", *_ANY),
        ),
    ),
    Product("News", (_kept("magazines, favorites, articles", "TXT", _DOCUMENT),)),
    Product(
        "Pinpoint",
        (_rows("tables of six data sets"), _kept("texts", "TXT", _DOCUMENT), _unknown("others")),
    ),
    Product(
        "Profile",
        (
            _parsed("settings", "JSON", "google.profile", at="Profile/Profile.json"),
            _unknown("inactive account manager"),
            _kept("photos", "as uploaded", _IMAGE),
        ),
    ),
    Product("Purchases & Reservations", (_unknown("purchases, reservations"),)),
    Product("Reminders", (_kept("reminders", "HTML", _DOCUMENT),)),
    Product(
        "Saved",
        (
            _parsed("lists", "CSV", "google.saved_list", at="Saved/Want to go.csv"),
            _kept("images", "as uploaded", _IMAGE),
        ),
    ),
    Product(
        "Search Contributions",
        (
            _parsed(
                "reviews, thumbs, watched, hearts, streaming video providers", "JSON",
                "google.search_contributions", at="Search Contributions/Reviews.json",
            ),
            _unknown("others of nine data sets"),
            _kept("pictures", "JPG", _IMAGE),
        ),
    ),
    Product("Search Notifications", (_rows("two data sets"),)),
    Product(
        "Street View Uploads",
        (_kept("videos, images", "as uploaded", _IMAGE, _SOUND), _unknown("metadata")),
    ),
    Product("Tasks", (_parsed("tasks", "JSON", "google.tasks", at="Tasks/Tasks.json"),)),
    Product(
        "YouTube and YouTube Music",
        (
            _parsed(
                "history", "JSON", "google.my_activity",
                at="YouTube and YouTube Music/history/watch-history.json",
            ),
            _parsed(
                "history", "HTML (the default)", "google.my_activity_html",
                at="YouTube and YouTube Music/history/watch-history.html",
            ),
            _parsed(
                "comments", "CSV, HTML", "youtube.comments", "youtube.comments_html",
            ),
            _parsed(
                "live chats", "CSV", "youtube.live_chats",
                at="YouTube and YouTube Music/live chats/live chats.csv",
            ),
            _parsed(
                "subscriptions", "CSV, JSON", "youtube.subscriptions",
                "youtube.subscriptions_json",
            ),
            _parsed(
                "playlists, playlist videos", "CSV, JSON", "youtube.playlist",
                "youtube.playlist_json", "youtube.playlists",
            ),
            _kept("video media, music uploads", "as uploaded", _SOUND),
            _rows(
                "videos, recordings, texts, interactions, channels, posts, clips, music songs, "
                "product lists, playables, creator demographics"
            ),
        ),
    ),
)  # fmt: skip


#: Not on the list of products, but seen in exports.
ELSEWHERE: tuple[Product, ...] = (
    Product(
        "Hangouts",
        (_parsed("conversations", "JSON", "google.hangouts", at="Hangouts/Hangouts.json"),),
    ),
    Product(
        "Voice",
        (
            _parsed(
                "texts", "HTML", "google.voice_texts",
                at="Voice/Calls/Jo - Text - 2026-01-02T03_04_05Z.html",
            ),
            _kept("calls, voicemails", "HTML", _DOCUMENT, why="their form is not verified"),
            _kept("recordings", "MP3", _SOUND),
        ),
    ),
    Product(
        "Fitbit",
        (
            _parsed(
                "measurements", "JSON", "fitbit.series",
                at="Fitbit/Global Export Data/steps-2026-03-01.json",
            ),
            _parsed(
                "measurements by the device", "CSV", "google.health_series",
                at="Fitbit/Physical Activity_GoogleData/heart_rate_2026-03-01.csv",
            ),
            _parsed(
                "sleep", "JSON", "fitbit.sleep",
                at="Fitbit/Global Export Data/sleep-2026-03-01.json",
            ),
            _parsed(
                "nights, their stages and scores", "CSV", "google.health_sleep",
                at="Fitbit/Health Fitness Data_GoogleData/UserSleeps_2026-03-01.csv",
            ),
            _parsed(
                "scores of sleep", "CSV", "fitbit.sleep_scores",
                at="Fitbit/Sleep Score/sleep_score.csv",
            ),
            _parsed(
                "workouts", "JSON", "fitbit.exercises",
                at="Fitbit/Global Export Data/exercise-0.json",
            ),
            _rows("stress, profile and others"),
            _unknown("others of these"),
        ),
    ),
    Product("Stadia", (_unknown("games"),)),
    Product("Blogger", (_unknown("posts", "Atom", _FIELDS), _rows("tables"))),
    Product("Cloud Print", (_unknown("jobs", "not known", _FIELDS),)),
    Product(
        "Bookmarks",
        (_parsed("bookmarks", "HTML", "bookmarks.netscape", at="Bookmarks/Bookmarks.html"),),
    ),
)  # fmt: skip


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One data set, as `datapunk formats --takeout --json` prints it."""

    product: str
    data_set: str
    written: str
    becomes: Fate
    by: tuple[str, ...]
    why: str


def lines() -> Iterator[Line]:
    """Every data set of every product."""
    for product in (*PRODUCTS, *ELSEWHERE):
        for one in product.data_sets:
            yield Line(
                product=product.name,
                data_set=one.name,
                written=one.written,
                becomes=one.fate,
                by=one.formats,
                why=one.why,
            )


def table() -> str:
    """The same in Markdown; a product's name stands at its first data set."""
    made = ["| product | data set | becomes | by | why |", "|---|---|---|---|---|"]
    before = ""
    for line in lines():
        product = "" if line.product == before else line.product
        by = ", ".join(f"`{name}`" for name in line.by)
        cells = (product, f"{line.data_set} ({line.written})", line.becomes, by, line.why)
        made.append(f"| {' | '.join(cells)} |")
        before = line.product
    return "\n".join(made) + "\n"
