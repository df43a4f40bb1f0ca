"""A mail as values: addresses, parts, and the message that holds them."""

from __future__ import annotations

import msgspec


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """A mailbox: `ana@example.org`, and the name with it; or a name alone."""

    address: str = ""
    name: str | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment, or another part that is neither text nor HTML of the mail itself."""

    media_type: str
    name: str
    data: bytes
    disposition: str | None = None
    charset: str | None = None
    """The charset of its text, as the part states it."""
    opened: Message | None = None
    """The mail that it is, if a container holds its parts and not its bytes."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A mail.

    `fields` holds every header field under its lower-case name, decoded, in order; `between` is the
    text outside of its parts.
    """

    fields: dict[str, list[str]]
    sender: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    plain: str
    html: str
    parts: tuple[Part, ...]
    between: str = ""
    flags: tuple[str, ...] = ()

    def field(self, name: str) -> str | None:
        """Return the first value of a header field that is not blank."""
        for value in self.fields.get(name, ()):
            if text := value.strip():
                return text
        return None
