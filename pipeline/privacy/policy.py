"""A user's privacy policy.

A policy is a list of rules; the first that fits a finding decides its action, and a finding without
a rule is kept and tagged. The policy is applied (`redact`) to title, text and metadata before
anything is derived from them, and never to what identifies a record.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import Any

import msgspec
import phonenumbers

from pipeline.privacy import findings
from pipeline.privacy.findings import Finding
from schemas.errors import ConfigurationError
from schemas.privacy import BY_RULE, Action, Kind

#: Least letters of a key: 128 bits as hexadecimal digits.
KEY_CHARS = 32


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """The action for findings of some kinds, sources and fields."""

    kinds: frozenset[Kind]
    action: Action
    source: str = "*"
    field: str = "*"
    confidence: float = findings.SURE

    def fits(self, kind: Kind, source: str, field: str) -> bool:
        """Tell whether the rule covers that kind, source and field."""
        return kind in self.kinds and _within(source, self.source) and self._about(field)

    def _about(self, field: str) -> bool:
        """Tell whether the rule covers a field.

        One for a row's own names may leave out `fields`.
        """
        return _within(field, self.field) or (
            field.startswith(_OWN) and _within(f"metadata.{field[len(_OWN) :]}", self.field)
        )


#: The prefix of the cells' names in a table or list of no known product.
_OWN = "metadata.fields."


def _within(name: str, pattern: str) -> bool:
    """Tell whether a pattern fits a name, or a name above it."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """All rules, in order. Without any, everything is kept and tagged."""

    rules: tuple[Rule, ...] = ()
    regions: tuple[str, ...] = findings.REGIONS

    @property
    def changes(self) -> bool:
        """Whether it does more than tag."""
        return any(rule.action is not Action.KEEP for rule in self.rules)

    @property
    def hashes(self) -> bool:
        """Whether it needs a key."""
        return any(rule.action is Action.HASH for rule in self.rules)

    def fingerprint(self, key: bytes = b"", models: str = "") -> str:
        """Return the same text for the same rules, key and language models.

        Rows that were made under another fingerprint are out of date.
        """
        encoded = msgspec.json.encode(self, order="deterministic") + models.encode()
        return blake2b(encoded, key=sha256(key).digest(), digest_size=8).hexdigest()

    @property
    def for_unknown_origin(self) -> Policy:
        """A policy that drops what this one removes from any source and any field.

        For texts of unknown origin.
        """
        rules: list[Rule] = []
        undecided: set[Kind] = set()
        for rule in self.rules:
            if rule.action is Action.KEEP:
                undecided |= rule.kinds
            elif (rule.source, rule.field) == ("*", "*") and rule.kinds - undecided:
                kinds = rule.kinds - undecided
                rules.append(msgspec.structs.replace(rule, kinds=kinds, action=Action.DROP))
        return Policy(rules=tuple(rules), regions=self.regions)

    def action(self, finding: Finding, source: str, field: str) -> Action:
        """Return the action of the first rule that fits; KEEP if none does."""
        for rule in _fitting(self, finding.kind, source, field):
            if finding.confidence >= rule.confidence:
                return rule.action
        return Action.KEEP


@lru_cache(maxsize=4096)
def _fitting(policy: Policy, kind: Kind, source: str, field: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in policy.rules if rule.fits(kind, source, field))


def parse(data: bytes, kinds: frozenset[Kind] = BY_RULE) -> Policy:
    """Return the policy of a file in TOML.

    `kinds` are those that can be found here; `*` means all of them. Raises `ConfigurationError`
    with the place and the fault.
    """
    try:
        table = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"privacy policy: {error}") from None
    _refuse_others(table, {"regions", "rule"}, "privacy policy")
    rules = table.get("rule", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise ConfigurationError("privacy policy: write each rule under its own [[rule]]")
    return Policy(
        rules=tuple(
            _rule(rule, f"privacy policy, rule {n}", kinds) for n, rule in enumerate(rules, 1)
        ),
        regions=_regions(table.get("regions", list(findings.REGIONS))),
    )


def _refuse_others(table: Mapping[str, Any], known: set[str], where: str) -> None:
    if others := sorted(table.keys() - known):
        raise ConfigurationError(
            f"{where}: there is no {others[0]!r}; there are {', '.join(sorted(known))}"
        )


def _rule(table: Mapping[str, Any], where: str, kinds: frozenset[Kind]) -> Rule:
    _refuse_others(table, {"kind", "action", "source", "field", "confidence"}, where)
    if "action" not in table:
        raise ConfigurationError(f"{where}: it has no action; the actions are {', '.join(Action)}")
    confidence = table.get("confidence", findings.SURE)
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        raise ConfigurationError(f"{where}: confidence is a number from 0 to 1")
    if not 0 <= confidence <= 1:
        raise ConfigurationError(f"{where}: confidence is a number from 0 to 1")
    return Rule(
        kinds=_kinds(table.get("kind", "*"), where, kinds),
        action=Action(_one_of(table["action"], list(Action), "action", where)),
        source=_text(table, "source", where),
        field=_text(table, "field", where),
        confidence=float(confidence),
    )


def _kinds(value: Any, where: str, known: frozenset[Kind]) -> frozenset[Kind]:
    if value == "*":
        return known
    values = value if isinstance(value, list) else [value]
    kinds = frozenset(Kind(_one_of(n, list(Kind), "kind", where)) for n in values)  # type: ignore[call-arg]
    if missing := sorted(kinds - known):
        raise ConfigurationError(
            f"{where}: only a language model finds {missing[0].value!r}, and none is set: install "
            "datapunk-lake[presidio] and name one in DATAPUNK_PRIVACY_MODELS "
            "(docs/explanation/privacy.md)"
        )
    return kinds


def _one_of(value: Any, known: list[Any], what: str, where: str) -> str:
    if value not in [str(name.value) for name in known]:
        names = ", ".join(name.value for name in known)
        raise ConfigurationError(f"{where}: there is no {what} {value!r}; there are {names}")
    return str(value)


def _text(table: Mapping[str, Any], name: str, where: str) -> str:
    value = table.get(name, "*")
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f'{where}: {name} is a text, such as "mail.*"')
    known = value.startswith("*") or value.partition(".")[0] in ("title", "content", "metadata")
    if name == "field" and not known:
        raise ConfigurationError(f"{where}: field begins with title, content or metadata")
    return value


def _regions(value: Any) -> tuple[str, ...]:
    known = phonenumbers.SUPPORTED_REGIONS
    if not isinstance(value, list) or any(region not in known for region in value):
        raise ConfigurationError(
            'privacy policy: regions are countries of two letters, such as ["DE", "AT"]'
        )
    return tuple(value)
