"""A repository of the AT Protocol as a CAR file: the records under their keys.

A CAR file (version 1) is a header and blocks, each with its CID, a digest by which other blocks
refer to it. A block is DAG-CBOR. The header names the commit, which has the account (`did`) and
names (`data`) the root of a tree of nodes: each has a node to its left (`l`) and entries (`e`),
which share `p` bytes of the key before, continue with `k`, and name a record (`v`) and perhaps a
node to their right (`t`). Sources: the specifications `repository` and `data-model` of atproto.com,
and of CAR and DAG-CBOR of ipld.io. Links and bytes are decoded as in JSON: `$link` and `$bytes`.
"""

from __future__ import annotations

import struct
from base64 import b32encode, b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from schemas.errors import BadValue
from schemas.reasons import Reason

#: The maximum length of a key (specification `repository`), and the maximum nesting of a record.
_KEY_BYTES, _DEPTH = 1_024, 64
#: CID version 1, of DAG-CBOR or of bytes, by SHA-256: the only ones of the protocol.
_CIDS = (b"\x01\x71\x12\x20", b"\x01\x55\x12\x20")
_CID_BYTES = 36
_LINK = 42
#: The maximum number of reads of the file's bytes: entries may name one record many times.
_READINGS = 4


class Found(NamedTuple):
    """A record under its key, or the reason why it is invalid."""

    key: str
    value: dict[str, Any] | None
    why: BadValue | None = None


class Link(bytes):
    """The CID of another block."""


class Repository:
    """The blocks of a file. `broken` is the reason if they end before the file does."""

    def __init__(self, data: bytes) -> None:
        """Read the header and the blocks. Raises `BadValue` without a header."""
        self._blocks: dict[bytes, bytes] = {}
        self.broken: BadValue | None = None
        self._left = _READINGS * len(data)
        self._seen: set[bytes] = set()
        size, at = _varint(data, 0)
        header = decode(data[at : at + size])
        roots = header.get("roots") if isinstance(header, dict) else None
        if not isinstance(roots, list) or not roots or not isinstance(roots[0], Link):
            raise BadValue(Reason.BAD_SYNTAX, "the CAR file has no root")
        self._root = roots[0]
        try:
            self._read(data, at + size)
        except BadValue as bad:
            self.broken = bad

    def _read(self, data: bytes, at: int) -> None:
        while at < len(data):
            size, begin = _varint(data, at)
            at = begin + size
            if at > len(data):
                raise BadValue(Reason.TRUNCATED, "the CAR file breaks off in a block")
            cid = data[begin : begin + _CID_BYTES]
            if size < _CID_BYTES or cid[:4] not in _CIDS:
                raise BadValue(Reason.BAD_SYNTAX, "a block has no known CID")
            self._blocks[cid] = data[begin + _CID_BYTES : at]

    def account(self) -> tuple[str, Link]:
        """Return the account, and the root of its tree. Raises `BadValue`."""
        commit = self._value(self._root)
        did, tree = commit.get("did"), commit.get("data")
        if not isinstance(did, str) or not isinstance(tree, Link):
            raise BadValue(Reason.MISSING_FIELD, "the CAR file is not a repository")
        return did, tree

    def records(self, tree: Link) -> Iterator[Found]:
        """Yield the records, in the order of their keys; then blocks without a reference."""
        waiting: list[Link | tuple[bytes, Link]] = [tree]
        while waiting:
            one = waiting.pop()
            try:
                if isinstance(one, Link):
                    waiting.extend(reversed(self._node(one)))
                else:
                    yield Found(one[0].decode(), self._value(one[1]))
            except (BadValue, UnicodeDecodeError) as bad:
                why = bad if isinstance(bad, BadValue) else _odd("a key that is no text")
                yield Found("", None, why)
        for _ in self._blocks.keys() - self._seen:
            yield Found("", None, _odd("a block that no entry leads to"))

    def _node(self, link: Link) -> list[Link | tuple[bytes, Link]]:
        """Return the references of a node, in order."""
        if link in self._seen:
            raise _odd("a node occurs twice")
        node = self._value(link)
        left, entries, key = node.get("l"), node.get("e"), b""
        found: list[Link | tuple[bytes, Link]] = [left] if isinstance(left, Link) else []
        if not isinstance(entries, list):
            raise _odd("a node has no entries")
        for entry in entries:
            if not isinstance(entry, dict):
                raise _odd("an entry is not a map")
            shared, rest, value, right = map(entry.get, "pkvt")
            if type(shared) is not int or type(rest) is not bytes or not isinstance(value, Link):
                raise _odd("an entry has invalid fields")
            key = key[: max(0, shared)] + rest
            if len(key) > _KEY_BYTES:
                raise _odd("a key is too long")
            found.append((key, value))
            if isinstance(right, Link):
                found.append(right)
        return found

    def _value(self, link: Link) -> dict[str, Any]:
        data = self._blocks.get(link)
        self._seen.add(bytes(link))
        if data is None:
            raise BadValue(Reason.MISSING_FIELD, "a block is not in the file")
        self._left -= len(data) + _CID_BYTES
        if self._left < 0:
            raise BadValue(Reason.ITEM_TOO_LARGE, "entries name the same blocks too often")
        if sha256(data).digest() != link[4:]:
            raise BadValue(Reason.BAD_SYNTAX, "a block does not match its CID")
        value = decode(data)
        if not isinstance(value, dict):
            raise _odd("a block is not a map")
        return value


def plain(value: Any) -> Any:
    """Return a value as the protocol writes it in JSON."""
    if isinstance(value, Link):
        return {"$link": "b" + b32encode(value).decode().lower().rstrip("=")}
    if isinstance(value, bytes):
        return {"$bytes": b64encode(value).decode().rstrip("=")}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return {name: plain(one) for name, one in value.items()} if isinstance(value, dict) else value


def decode(data: bytes) -> Any:
    """Return the value of DAG-CBOR. Raises `BadValue`."""
    value, at = _Decoder(data).value(0, _DEPTH)
    if at != len(data):
        raise _odd("a block has bytes after its end")
    return value


class _Decoder:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def value(self, at: int, depth: int) -> tuple[Any, int]:
        """Return the value at a place, and the place after it."""
        if not depth:
            raise BadValue(Reason.TOO_DEEP, f"values are nested more than {_DEPTH} deep")
        major, number, at = self._head(at)
        if major < 2:
            return (number if major == 0 else -1 - number), at
        if major < 4:
            return self._text(major, at, number)
        if major == 4:
            return self._many(at, number, depth - 1)
        if major == 5:
            flat, at = self._many(at, 2 * number, depth - 1)
            if not all(isinstance(name, str) for name in flat[::2]):
                raise _odd("a key of a map is not a text")
            return dict(zip(flat[::2], flat[1::2], strict=True)), at
        if major == 6:
            link, at = self.value(at, depth - 1)
            if number != _LINK or type(link) is not bytes or link[:1] != b"\0":
                raise _odd("a tag is not a link")
            return Link(link[1:]), at
        return self._simple(number, at)

    def _head(self, at: int) -> tuple[int, int, int]:
        """Return the kind of a value, its number, and where it continues."""
        first = self._bytes(at, 1)[0]
        major, short = first >> 5, first & 31
        if major == 7:
            return major, short, at + 1
        if short < 24:
            return major, short, at + 1
        if short > 27:
            raise _odd("a length is of CBOR, but not of DAG-CBOR")
        size = 1 << short - 24
        return major, int.from_bytes(self._bytes(at + 1, size)), at + 1 + size

    def _text(self, major: int, at: int, size: int) -> tuple[Any, int]:
        found = self._bytes(at, size)
        if major == 2:
            return found, at + size
        try:
            return found.decode(), at + size
        except UnicodeDecodeError:
            raise BadValue(Reason.BAD_ENCODING, "a text is not UTF-8") from None

    def _many(self, at: int, count: int, depth: int) -> tuple[list[Any], int]:
        found: list[Any] = []
        self._bytes(at, count)  # each has a byte at least
        for _ in range(count):
            one, at = self.value(at, depth)
            found.append(one)
        return found, at

    def _simple(self, short: int, at: int) -> tuple[Any, int]:
        if short in _SIMPLE:
            return _SIMPLE[short], at
        if short != 27:
            raise _odd("a value is not of DAG-CBOR")
        return struct.unpack(">d", self._bytes(at, 8))[0], at + 8

    def _bytes(self, at: int, size: int) -> bytes:
        if at + size > len(self._data):
            raise _odd("a block ends too early")
        return self._data[at : at + size]


_SIMPLE = {20: False, 21: True, 22: None}


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a length, seven bits a byte, and the place after it."""
    number = 0
    for nth, byte in enumerate(data[at : at + 9]):
        number |= (byte & 127) << 7 * nth
        if byte < 128:
            return number, at + nth + 1
    raise BadValue(Reason.TRUNCATED, "the CAR file breaks off in a length")


def _odd(detail: str) -> BadValue:
    return BadValue(Reason.BAD_SHAPE, detail)
