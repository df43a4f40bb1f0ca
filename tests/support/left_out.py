"""Leaves of samples that get into no record, on purpose, and why; and those that are not read yet.

A leaf is named by the way to it (`tests.support.leaves`), with `*` for any part of it. What stands
in a record's identity is part of its key and needs no line here.
"""

from __future__ import annotations

#: Why a field is left out.
SHAPE = "says what the thing is, of which the format reads one kind, or decides how it is read"
FILE = "says what the file is, when and by what it was written, or counts what is in it"
TWICE = "the same is said in another field, which is read"
MARKUP = "how a page looks, and the page's own words"
TEXT_PLACES = "where in the text it stands; the text itself shows it"
OTHER_ID = "a number of the service's own, by which nothing here is found"
HASH = "a digest or a signature of what is read"
ACCOUNT = "the account whose export it is, in each item the same"
CODING = "how bytes are written; what they say is read"
STATEMENT = "the statement's own: its numbers, its balances; only bookings are records"
PICTURE = "where a picture of a person or a sign lay on the service"
DEFAULT = "says what is so wherever nothing is said"
HEADING = "a line of the program's own above the items"
EMPTY = "what has no item is no record"
CARD = "of a means of payment only its name is kept"
LINKED = "short or internal form of an address that is read in full"
VIRTUAL = "another table's place in the database, or the database's own"
LAYOUT = "how a message in parts is shown, and its parts' places in it"
_SECOND_TABLE = "names a column of the second table, whose names stand under those of the first"
DELIVERY = "how a message was delivered, not what it says"

LEFT_OUT: dict[str, dict[str, str]] = {
    "apple.health": {
        "healthdata@locale": FILE,
        "healthdata/exportdate@value": FILE,
        "healthdata/correlation@*": "the records within it are read, each with its own",
        "healthdata/workout@durationUnit": SHAPE,
        "healthdata/workout@totalDistanceUnit": SHAPE,
        "healthdata/workout/workoutroute@sourceName": TWICE,
    },
    "bluesky.record": {
        "*.cid": HASH,
        "facets.index.*": TEXT_PLACES,
        "facets.features.$type": SHAPE,
    },
    "bluesky.records": {"*.cid": HASH, "cursor": FILE},
    "bookmarks.netscape": {
        "": SHAPE,
        "*meta@*": FILE,
        "title": FILE,
        "h1": FILE,
        "*/h3@PERSONAL_TOOLBAR_FOLDER": "where a program shows the folder",
        "*/a@ICON": PICTURE,
    },
    "calendar.ics": {
        "PRODID": FILE,
        "VERSION": FILE,
        "X-WR-TIMEZONE": "the zone in which times without one are read",
        "VTIMEZONE*": "a zone's own rules, by which its times are read",
        "*;TZID": "the zone in which the time is read",
        "*;VALUE": CODING,
        "VEVENT/DTSTAMP": "when the calendar was written",
        "VEVENT/VALARM/*": "when a program rings",
        "VEVENT/X-LIC-ERROR*": "a program's note on its own file",
    },
    "camt.payments": {
        "document@*": SHAPE,
        "document/bktocstmrstmt/*": STATEMENT,
    },
    "chatgpt.conversations": {
        "*current_node": "which branch is shown; what is not has a flag",
        "*.parent": TWICE,
        "*.children": TWICE,
        "conversation_id": TWICE,
        "mapping.s.message.*": "a message without words, which the service puts above the first",
        "*.parts.content_type": SHAPE,
        "*mapping.*.id": TWICE,
        "*.message.status": DELIVERY,
        "*.message.recipient": SHAPE,
    },
    "chromium.history": {
        "urls.*": "a page without a visit",
        "visits.from_visit": VIRTUAL,
        "visits.visit_time": "a row without a number there is set aside with its bytes",
        "sqlite_sequence.*": VIRTUAL,
    },
    "claude.conversations": {
        "account.uuid": ACCOUNT,
        "chat_messages.text": TWICE,
        "chat_messages.content.*_timestamp": "when a part of the answer was on its way",
        "chat_messages.content.type": SHAPE,
        "chat_messages.content.title": "the kind of a voice note",
        "chat_messages.updated_at": "changes with each view of the message",
    },
    "contacts.vcard": {
        "*ENCODING": CODING,
        "*CHARSET": CODING,
        "*;VALUE": CODING,
        "EMAIL;TYPE": DEFAULT,
        "REV": "when the card was written",
        "*;PREF": "an order of numbers and words, in which they stand already",
    },
    "dayone.journal": {"metadata.version": FILE, "entries.richText": TWICE},
    "discord.channel": {"guild.id": OTHER_ID},
    "discord.exporter": {
        "guild.id": OTHER_ID,
        "guild.iconUrl": PICTURE,
        "dateRange.*": FILE,
        "exportedAt": FILE,
        "messageCount": FILE,
        "messages.author.name": "the nickname stands for it, beside the number",
        "messages.author.discriminator": OTHER_ID,
        "messages.author.color": MARKUP,
        "messages.author.avatarUrl": PICTURE,
        "messages.reactions.emoji.*": PICTURE,
        "messages.reactions.users.name": "the nickname stands for it, beside the number",
        "messages.mentions.name": "the nickname stands for it, beside the number",
        "messages.attachments.id": OTHER_ID,
        "messages.reference.*Id": OTHER_ID,
    },
    "document.plain": {"docProps/*": "what the program that wrote it counted and set"},
    "evernote.enex": {
        "en-export@*": FILE,
        "*en-todo@checked": SHAPE,
        "*en-media@*": TWICE,
        "*resource/data@encoding": CODING,
        "*resource/data": "bytes that can't be read are named, without them",
        "*resource/mime": "a resource without bytes is none",
        "*en-crypt*": "secret: it can't be read without its password",
    },
    "facebook.lists": {
        "comments*.data.comment.timestamp": TWICE,
        "reactions.data.reaction.actor": ACCOUNT,
        "groups_joined_v2.data.name": TWICE,
    },
    "facebook.posts": {
        "data.reaction.actor": ACCOUNT,
        "*exif_data.upload_ip": "whence a picture came to the service, of no use beside it",
    },
    "firefox.places": {
        "moz_places.*": "a page without a visit",
        "moz_historyvisits.from_visit": VIRTUAL,
        "moz_bookmarks.type": SHAPE,
        "moz_bookmarks.parent": "of a line, and of the folders that are the browser's own",
        "moz_bookmarks.title": "of the folders that are the browser's own",
        "moz_bookmarks.guid": "of folders, lines and labels; of a bookmark it is the key",
        "moz_bookmarks.dateAdded": "of folders and lines; of a folder its links have the name",
        "moz_bookmarks.lastModified": "of folders, lines and labels",
        "moz_bookmarks.position": "where a program shows it among the others",
        "moz_bookmarks.sync*": "what the synchronisation counts",
    },
    "fitbit.export": {"a": SHAPE},
    "garmin.activities": {"*activityType.typeId": TWICE},
    "geojson": {"*type": SHAPE},
    "google.access_log": {"Gaia ID": ACCOUNT},
    "google.chat_group": {"members.user_type": SHAPE},
    "google.chat_messages": {
        "messages.creator.user_type": SHAPE,
        "messages.quoted_message_metadata.creator.*": "said by the message that is quoted",
        "messages.annotations.start_index": TEXT_PLACES,
        "messages.annotations.length": TEXT_PLACES,
    },
    "google.chat_user": {"user.user_type": SHAPE},
    "google.chrome_history": {
        "Typed Url.*": "a part that is not read, as `datapunk formats` says",
        "Session.*": "a part that is not read, as `datapunk formats` says",
    },
    "google.fit_data": {
        "Data Points.endTimeNanos": "a moment's end is its start",
        "Data Points.modifiedTimeMillis": "when the service wrote it",
        "Data Points.rawTimestampNanos": DEFAULT,
        "*mapVal.key": "a key without a number",
    },
    "google.hangouts": {
        "*.id": TWICE,
        "*.type": SHAPE,
        "*_id": TWICE,
        "*segment.text": "a line's end, which its type says already",
    },
    "google.keep": {"sharees.type": "the owner is shown as such"},
    "google.location_semantic": {
        "*deviceTag": OTHER_ID,
        "*otherCandidateLocations.*": "of other places it might have been their number is kept",
    },
    "google.maps_reviews": {"*type": SHAPE},
    "google.my_activity_html": {
        "html/head/*": MARKUP,
        "*@class": MARKUP,
        "html/body/div/div/div/div/b": MARKUP,
        "html/body/div/div/div/div": MARKUP,
        "html/body/div/div/div/div/a*": MARKUP,
    },
    "google.photos_album": {"*formatted": TWICE},
    "google.photos_sidecar": {
        "*formatted": TWICE,
        "geoData*.*Span": DEFAULT,
        "geoData.altitude": "0, 0 is no place, and nothing is above it",
    },
    "google.play_orders": {"orderHistory.billingInstrument.*": CARD},
    "google.profile": {"name.formattedName": TWICE},
    "google.saved_places": {
        "*type": SHAPE,
        "*Geo Coordinates.*": TWICE,
    },
    "google.tasks": {
        "*kind": SHAPE,
        "items.id": OTHER_ID,
        "items.updated": "changes with each task of the list",
        "items.selfLink": LINKED,
        "items.items.due": "only the day of it means anything",
        "items.items.links.type": SHAPE,
        "items.title": EMPTY,
    },
    "google.timeline_android": {"*TimezoneUtcOffsetMinutes": TWICE},
    "google.voice_texts": {
        "html@*": MARKUP,
        "html/head/*": MARKUP,
        "*@class": MARKUP,
        "*@rel": MARKUP,
        "html/body/div": MARKUP,
        "html/body/div/a*": "the labels of the page, which are those of the service",
        "html/body/div/div": MARKUP,
        "html/body/div/div/abbr": TWICE,
        "*img@alt": MARKUP,
    },
    "gpx": {"gpx@*": FILE, "gpx/metadata/*": FILE},
    "instagram.lists": {
        "likes_media_likes.string_list_data.value": "how the service draws a like",
    },
    "joplin.items": {
        "created_time": "the time that the user sees stands for it",
        "updated_time": "the time that the user sees stands for it",
    },
    "kakao.chat": {"*9*": HEADING},
    "kml": {
        "kml@*": FILE,
        "kml/document/name": FILE,
        "kml/document/style@id": MARKUP,
        "*/altitudemode": MARKUP,
        "*@schemaUrl": SHAPE,
        "*/styleurl": MARKUP,
    },
    "lastfm.scrobbles": {"utc_time": TWICE},
    "letterboxd.films": {"Rewatch": SHAPE},
    "letterboxd.lists": {
        "above.*": HEADING,
        "URL": _SECOND_TABLE,
    },
    "line.chat": {"*9/9/9 9:9": HEADING},
    "linkedin.connections": {"above.*": HEADING},
    "linkedin.invitations": {"Direction": SHAPE},
    "mail.eml": {
        "mime-version": CODING,
        "content-type": CODING,
        "content-disposition": CODING,
    },
    "mail.emlx": {
        "mime-version": CODING,
        "content-type": CODING,
        "content-disposition": CODING,
        "body": "the program's own notes behind the mail, as a list of properties",
    },
    "mail.mbox": {
        "mime-version": CODING,
        "content-type": CODING,
        "content-disposition": CODING,
        "content-transfer-encoding": CODING,
        "content-id": LAYOUT,
    },
    "mastodon.outbox": {
        "@context": FILE,
        "id": FILE,
        "*type": SHAPE,
        "totalItems": FILE,
        "orderedItems.id": LINKED,
        "orderedItems.actor": ACCOUNT,
        "orderedItems.published": TWICE,
        "orderedItems.to": TWICE,
        "orderedItems.cc": TWICE,
        "*atomUri": LINKED,
        "*inReplyToAtomUri": LINKED,
        "*contentMap.*": TWICE,
        "*tag.href": LINKED,
        "*replies.id": LINKED,
    },
    "mastodon.saved": {"@context": FILE, "id": FILE, "type": SHAPE},
    "meta.messages": {
        "is_still_participant": DEFAULT,
        "participants.name": "of a file behind the first, who is in it is said by the first",
    },
    "mt940.payments": {
        ":20": STATEMENT,
        ":28C": STATEMENT,
        ":60F": STATEMENT,
        ":62F": STATEMENT,
        ":86": STATEMENT,
    },
    "notion.pages": {"html/head/*": MARKUP, "*@class": MARKUP, "*article@id": TWICE},
    "ofx.payments": {"": FILE, "ofx/*": STATEMENT},
    "overland": {"*type": SHAPE},
    "owntracks.json": {"_type": SHAPE, "count": FILE, "status": FILE, "version": FILE},
    "owntracks.rec": {"9-9-9a9:9:9a*": TWICE},
    "qif.payments": {"!Type": STATEMENT},
    "safari.export": {"metadata.*": FILE},
    "safari.history": {
        "history_items.*": "a page without a visit",
        "history_visits.x": VIRTUAL,
        "sqlite_sequence.*": VIRTUAL,
    },
    "samsung.health": {"above.*": HEADING},
    "samsung.health_live": dict.fromkeys(
        ("elapsed_time", "interval", "segment", "start_time"),
        "of an object that measures nothing, of which a workout has one a second",
    ),
    "shazam.tags": {"Index": "the number of the row", "above.*": HEADING},
    "signal.backup": {
        "version": FILE,
        "backupTimeMs": FILE,
        "account.profileKey": "a secret of the account",
        "stickerPack.packId": OTHER_ID,
        "recipient.id": "of a list of stories, which is no person",
        "chatItem.incoming.*": DELIVERY,
        "chatItem.outgoing.sendStatus.*": DELIVERY,
        "*sortOrder": LAYOUT,
        "chatItem.revisions.*Id": TWICE,
        "chatItem.revisions.incoming.dateReceived": DELIVERY,
    },
    "slack.messages": {"type": SHAPE, "files.id": OTHER_ID},
    "sms.backup_calls": {
        "calls@*": FILE,
        "calls/call@readable_date": TWICE,
    },
    "sms.backup_restore": {
        "smses@*": FILE,
        "smses/mms@address": TWICE,
        "smses/mms@contact_name": DEFAULT,
        "*part@seq": LAYOUT,
        "*part@cid": LAYOUT,
        "*part@fn": LAYOUT,
        "*part@name": LAYOUT,
        "*part@ct": SHAPE,
        "*part@chset": CODING,
        "*part@text": LAYOUT,
        "*addr@type": SHAPE,
        "*addr@charset": CODING,
    },
    "sms.import_export": {
        "*_id": "a number in the phone's database",
        "*_address*.type": SHAPE,
        "__parts.ct": SHAPE,
        "__parts.text": LAYOUT,
    },
    "nmea": {"$PMGNTRK": SHAPE, "$PTNTHPR": SHAPE},
    "snapchat.memories": {"Saved Media.Download Link": "an address that ends within days"},
    "spotify.extended_history": {"username": ACCOUNT},
    "spotify.playlists": {"playlists.items.*": DEFAULT},
    "tcx.courses": {
        "*@xmlns": FILE,
        "*trackpoint/*": "of the points of a plan only where they are; their times are made up",
        "*coursepoint/time": "of a plan, made up",
    },
    "tcx": {
        "*@xmlns": FILE,
        "*@xsi:type": SHAPE,
        "*trackpoint/time": "a moment at which nothing was measured",
    },
    "telegram.chat": {
        "*about": MARKUP,
        "*type": SHAPE,
        "*_unixtime": TWICE,
        "*text_entities.text": TWICE,
    },
    "x.account": {"": FILE},
    "x.likes": {"": FILE, "like.expandedUrl": LINKED},
    "x.messages": {"": FILE, "*.urls.url": LINKED, "dmConversation.conversationId": TWICE},
    "x.people": {"": FILE},
    "x.rows": {"": FILE},
    "x.saved_searches": {"": FILE},
    "x.tweets": {
        "": FILE,
        "id": TWICE,
        "*.url": LINKED,
        "*.urls.expandedUrl": TWICE,
        "*.indices": TEXT_PLACES,
        "tweet.id": TWICE,
        "tweet.retweeted": DEFAULT,
    },
    "youtube.comments_html": {"html/head/*": MARKUP},
    "youtube.playlist": dict.fromkeys(
        ("Playlist Id", "Channel Id", "ID playlist", "ID canale", "Name", "Of"),
        "the header of the second table, in a column of the first",
    ),
    "youtube.playlist_json": {
        "etag": HASH,
        "id": OTHER_ID,
        "*kind": SHAPE,
        "snippet.channelId": ACCOUNT,
        "snippet.resourceId.videoId": TWICE,
    },
    "youtube.subscriptions_json": {
        "contentDetails.*": "what the service counted at the time",
        "etag": HASH,
        "id": OTHER_ID,
        "*kind": SHAPE,
        "snippet.channelId": ACCOUNT,
    },
}

#: Leaves that say something and are not read yet.
NOT_YET: dict[str, tuple[str, ...]] = {}
