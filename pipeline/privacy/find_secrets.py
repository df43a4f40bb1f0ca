"""Find passwords, keys and tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.privacy.findings import Finding, Text, starting
from schemas.privacy import Kind

_WORD_START = re.compile(
    r"[pPaAsStTmMcCwWhHkKlLпП密パ비]"
    r"(?=ass|wd|pi|ec|ok|ot|on|en|ac|as|al|ö|ASS|WD|PI|EC|OK|OT|ON|EN|AC|AS|AL|Ö|ар|АР|码|ス|밀)"
)


#: Prefixes of tokens of known services; nothing else begins so.
_TOKENS = (
    ("AKIA", r"AKIA[0-9A-Z]{16}"),
    ("ASIA", r"ASIA[0-9A-Z]{16}"),
    ("gh", r"gh[pousr]_[0-9A-Za-z]{36,251}"),
    ("github_pat_", r"github_pat_\w{40,100}"),
    ("glpat-", r"glpat-[\w-]{20,64}"),
    ("sk-", r"sk-(?:proj-|ant-|live-)?[\w-]{20,200}"),
    ("k_live_", r"[rs]k_live_[0-9A-Za-z]{16,99}"),
    ("xox", r"xox[abeprs]-[0-9A-Za-z-]{10,250}"),
    ("AIza", r"AIza[\w-]{35}"),
    ("ya29.", r"ya29\.[\w-]{20,250}"),
    ("npm_", r"npm_[0-9A-Za-z]{36}"),
    ("pypi-AgE", r"pypi-AgE[\w-]{50,250}"),
    ("SG.", r"SG\.[\w-]{16,32}\.[\w-]{16,64}"),
    ("hf_", r"hf_[A-Za-z]{30,40}"),
    (":AA", r"\d{8,10}:AA[\w-]{33}"),
    ("AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
)
PATTERNS = tuple((p, re.compile(rf"(?<![A-Za-z0-9_]){t}(?![A-Za-z0-9_])")) for p, t in _TOKENS)
#: A JSON Web Token. Text that begins like one and isn't is consumed to its end, so that no part of
#: it is read again for each `eyJ` within.
_WEB_TOKEN = re.compile(r"(?<![A-Za-z0-9_])eyJ[\w-]{8,}+(?P<rest>\.eyJ[\w-]{8,}+\.[\w-]*)?")
_KEY = re.compile(r"-----BEGIN ([A-Z ]{0,30}PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)", re.DOTALL)
_IN_URL = re.compile(r"://[^\s/:@]{1,64}:([^\s/:@]{3,128})@")


def tokens(within: Text) -> Iterator[Finding]:
    """Find tokens and keys by their prefixes, and passwords in URLs."""
    text = within.text
    for prefix, pattern in PATTERNS:
        if prefix in text:
            for match in pattern.finditer(text):
                yield _secret(match, 0, 0.97)
    if "eyJ" in text:
        for match in _WEB_TOKEN.finditer(text):
            if match["rest"] is not None:
                yield _secret(match, 0, 0.97)
    if "PRIVATE KEY-----" in text:
        for match in _KEY.finditer(text):
            yield _secret(match, 0, 0.99)
    if "://" in text:
        for match in _IN_URL.finditer(text):
            yield _secret(match, 1, 0.98)


def _secret(match: re.Match[str], group: int, sure: float) -> Finding:
    start, end = match.span(group)
    return Finding(Kind.SECRET, start, end, sure, match[group])


_NAMED_SECRET = re.compile(
    r"(?:passwor[dt]|passwd|pwd|passphrase|api[_ -]?key|secret(?:[_ -]?(?:access[_ -]?)?key)?|token"
    r"|mot de passe|contraseña|senha|wachtwoord|hasło|пароль|密码|パスワード|비밀번호|kennwort"
    r"|lösenord|salasana)[\"']?(?: (?:is|ist|lautet|est|es|é))?\s{0,2}[:=：]?\s{0,2}[\"']?"
    r"(?P<value>[^\s\"'<>\[\](){}*•…,;]{6,128})",
    re.IGNORECASE,
)


def passwords(within: Text) -> Iterator[Finding]:
    """Yield the text after a word for a password, unless it is a word itself."""
    for match in starting(_WORD_START, _NAMED_SECRET, within.text):
        value = match["value"].rstrip(".!?")
        start = match.start("value")
        assigned = within.text[match.start() : start].rstrip(" \"'")[-1:] in ":=："
        mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
        if len(value) >= 6 and mixed and "://" not in value and "@" not in value[1:]:
            end = start + len(value)
            yield Finding(Kind.SECRET, start, end, 0.8 if assigned else 0.6, value)
