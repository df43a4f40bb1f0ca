"""A mail as values: addresses, parts, and the message that holds them."""

from __future__ import annotations

import msgspec


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """A mailbox: `ana@example.org`, and the name that stood with it; or a name alone."""

    address: str = ""
    name: str | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment, or whatever else is neither text nor HTML of the mail itself."""

    media_type: str
    name: str
    data: bytes
    disposition: str | None = None
    charset: str | None = None
    """What the part says its text is in."""
    opened: Message | None = None
    """The mail that it is, where a container holds its parts and not its bytes."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A mail. `fields` holds every header field under its lower-case name, decoded, in order;
    `between` is what it says outside of its parts."""

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
            if said := value.strip():
                return said
        return None
