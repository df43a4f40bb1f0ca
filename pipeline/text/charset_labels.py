"""Names of charsets, as sources declare them and as Python knows them."""

from __future__ import annotations

import codecs
import re

UTF_8 = "utf-8"
#: A text labelled X is read as Y, its superset, as the WHATWG's encoding standard requires.
SUPERSETS = {
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
#: Charsets whose bytes are good UTF-8 too, so that a declaration of them comes before UTF-8; the
#: last are EBCDIC.
_LIKE_ASCII = re.compile(r"iso2022|hz$|utf-7$|utf-16|utf-32|cp(?:037|273|424|500|875|1026|1140)$")
#: Codecs of Python that are not the charset of a text; idna and punycode take quadratic time.
_NO_CHARSETS = frozenset(
    {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "mbcs", "oem"}
)
#: Labels of the WHATWG's standard, and of mail programs, that Python does not know.
_LABELS = {
    **{f"x-cp{n}": f"cp{n}" for n in range(1250, 1259)},
    **{f"cp-{n}": f"cp{n}" for n in (850, *range(1250, 1259))},
    **{f"windows{n}": f"cp{n}" for n in range(1250, 1259)},
    **{f"win-{n}": f"cp{n}" for n in range(1250, 1259)},
    "cn-big5": "big5",
    "dos-874": "cp874",
    "gb_2312": "gb2312",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "koi": "koi8-r",
    "koi8": "koi8-r",
    "koi8-ru": "koi8-u",
    "ks_c_5601-1989": "cp949",
    "logical": "iso8859-8",
    "sun_eu_greek": "iso8859-7",
    "unicode-1-1-utf-8": "utf-8",
    "utf-8-mb4": "utf-8",
    "utf8mb4": "utf-8",
    "visual": "iso8859-8",
    "windows-874": "cp874",
    "windows-949": "cp949",
    "x-big5": "big5",
    "x-euc": "euc_jp",
    "x-euc-jp": "euc_jp",
    "x-gbk": "gbk",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-mac-roman": "mac-roman",
    "x-mac-ukrainian": "mac-cyrillic",
    "x-sjis": "shift_jis",
    "x-windows-949": "cp949",
    "x-x-big5": "big5",
}


def canonical(declared: str | None) -> str | None:
    """Return Python's name of a declared charset; None for an unknown one."""
    if not declared:
        return None
    name = declared.strip(" \t\r\n\"';,").lower()
    try:
        name = codecs.lookup(_LABELS.get(name, name)).name
    except (LookupError, ValueError):
        return None
    return None if name.replace("_", "-") in _NO_CHARSETS else name


def comes_before_utf8(claim: str | None) -> bool:
    """Tell whether a charset is tried before UTF-8: its bytes are good UTF-8, too."""
    return claim is not None and _LIKE_ASCII.match(claim) is not None
