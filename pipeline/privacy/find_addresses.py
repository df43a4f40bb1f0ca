"""Find addresses of mail and of networks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from pipeline.privacy.findings import Finding, Text, starting
from schemas.privacy import Kind

#: The part before the sign, matched backwards. Chinese, Japanese and Korean words precede an
#: address without a space.
_LOCAL = re.compile(r"(?:(?![\u3040-\u9fff\uac00-\ud7af])[\w.+%-]){1,64}")
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])")
#: `icon@2x.png` is a file.
_FILES = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "html", "php"})
_IDS = re.compile(r"message[- ]id|references|in[- ]reply[- ]to|conversation")


def emails(within: Text) -> Iterator[Finding]:
    """Find mail addresses; the id of a mail is a guess."""
    text, at = within.text, -1
    while (at := text.find("@", at + 1)) >= 0:
        local = _LOCAL.match(text[max(0, at - 64) : at][::-1])
        domain = _DOMAIN.match(text, at + 1)
        if local is None or domain is None:
            continue
        name = local[0][::-1].lstrip(".-%")
        start, end = at - len(name), domain.end()
        if not name or name.endswith(".") or domain[0].rpartition(".")[2].lower() in _FILES:
            continue
        if name == "git" and text[end : end + 1] == ":":
            continue  # a repository
        sure = 0.2 if _IDS.search(within.before(start, 20)) else 0.95
        yield Finding(Kind.EMAIL, start, end, sure, text[start:end].casefold())


#: Where numbers begin.
NUMBER_START = re.compile(r"\d(?<![\d]\d)")


_V4 = re.compile(r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?!\w|[.-]\w)")
_V6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:]|\.\d)")
_VERSION_WORDS = re.compile(
    r"(?:version|ver|v|release|build|firmware|update|driver|section|§|kapitel|chapter|rev"
    r"|assembly|chrome|firefox|windows|oid|upgraded to|to)[ .:=]{0,3}\Z"
)
_IP_WORDS = re.compile(r"\bip|address|adresse|host|server|login|from\s?\Z|client|connect")


def ips(within: Text) -> Iterator[Finding]:
    """Find IPv4 addresses."""
    for match in starting(NUMBER_START, _V4, within.text):
        if sure := _sure_of_ip(match[0], within.before(match.start(), 25)):
            yield Finding(Kind.IP, match.start(), match.end(), sure, match[0])


def _sure_of_ip(text: str, before: str) -> float:
    try:
        address = IPv4Address(text)
    except AddressValueError:
        return 0.0
    if address.is_unspecified or address.is_loopback or text.startswith("255."):
        return 0.0  # addresses of no person
    if _IP_WORDS.search(before):
        return 0.95
    if _VERSION_WORDS.search(before) or max(address.packed) < 20:
        return 0.2
    return 0.7


def ips_of_six(within: Text) -> Iterator[Finding]:
    """Find IPv6 addresses."""
    for match in _V6.finditer(within.text):
        groups = [group for group in match[0].split(":") if group]
        if len(groups) < 3 or not any(c.isdigit() for c in match[0]):
            continue
        try:
            address = IPv6Address(match[0])
        except AddressValueError:
            continue
        yield Finding(Kind.IP, match.start(), match.end(), 0.9, str(address))


_MAC = re.compile(
    r"(?<![\w:-])[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}(?!\w|[:-][0-9A-Fa-f])"
)


def macs(within: Text) -> Iterator[Finding]:
    """Find MAC addresses."""
    for match in _MAC.finditer(within.text):
        value = re.sub("[:-]", "", match[0]).lower()
        if value in ("0" * 12, "f" * 12):
            continue  # addresses of no person
        sure = 0.4 if match[1] == "-" and value.isdigit() else 0.95
        yield Finding(Kind.MAC, match.start(), match.end(), sure, value)
