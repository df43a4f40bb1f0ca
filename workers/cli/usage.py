"""Say in a plain sentence what is wrong with how the command was called."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from typer._click.exceptions import (
    BadOptionUsage,
    BadParameter,
    MissingParameter,
    NoArgsIsHelpError,
    NoSuchOption,
    UsageError,
)

__all__ = ["NoArgsIsHelpError", "UsageError", "json_wanted", "sentence"]


def json_wanted(arguments: list[str]) -> bool:
    """Tell whether a command line asks for JSON, before it is parsed."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in before


def sentence(error: UsageError) -> str:
    """Return what is wrong and what would be right; the command's help is named where it helps."""
    for kind, say in _SENTENCES.items():
        if isinstance(error, kind):
            return say(error)
    raise AssertionError  # the last kind is the base of all


def _nearest(word: str, known: Iterable[str]) -> str | None:
    from workers.cli import nearest  # noqa: PLC0415 - for a wrong word alone

    return nearest.nearest(word, known)


def _help(error: UsageError) -> str:
    return f"; see: {error.ctx.command_path} --help" if error.ctx else ""


def _no_option(error: NoSuchOption) -> str:
    known = [name for each in _params(error) for name in each.opts] + ["--help"]
    near = _nearest(error.option_name, known)
    hint = f"; did you mean {near}?" if near else _help(error)
    return f"there is no option {error.option_name}{hint}"


def _wrong_option(error: Any) -> str:
    has_value = "does not take" in error.message
    return f"{error.option_name} {'takes no value' if has_value else 'needs a value'}"


def _other(error: UsageError) -> str:
    """Return a sentence about an error that has no class of its own: only its words tell it."""
    if error.message.startswith("No such command"):
        return _no_verb(error)
    if error.message.startswith("Missing command"):
        return f"say which verb{_help(error)}"
    if error.message.startswith("Got unexpected extra"):
        extra = error.message.partition("(s) (")[2].removesuffix(")")
        return f"there is no place for: {extra}{_help(error)}"
    return error.message


def _no_verb(error: UsageError) -> str:
    word = error.message.partition("'")[2].partition("'")[0]
    verbs: dict[str, Any] = getattr(error.ctx and error.ctx.command, "commands", {})
    near = _nearest(word, verbs)
    return f"there is no verb {word}{f'; did you mean {near}?' if near else _help(error)}"


def _params(error: UsageError) -> list[Any]:
    return list(error.ctx.command.params) if error.ctx else []


def _missing(error: MissingParameter) -> str:
    name, meaning = _name(error), getattr(error.param, "help", None)
    what = f" ({meaning.rstrip('.')})" if meaning else ""
    return f"{name} is missing{what}{'' if 'see:' in what else _help(error)}"


def _bad(error: BadParameter) -> str:
    """Return a sentence about one value; an error of pydantic has it, if that is the cause."""
    details = getattr(error.__cause__, "errors", None)
    if details is None:
        name = "" if error.message.startswith("There is no") else _name(error)
        return f"{name}: {error.message}" if name else error.message
    from workers.plain_errors import clause  # noqa: PLC0415 - a table, for a wrong value alone

    (first, *_) = details(include_url=False)
    value, descriptor = str(first["input"]), getattr(error.param, "type_descriptor", None)
    if descriptor is not None and descriptor.choices:
        return _not_one_of(_name(error), value, [str(each.value) for each in descriptor.choices])
    return f"{_name(error)} {clause(first)}, not {value!r}"


def _not_one_of(name: str, value: str, choices: list[str]) -> str:
    near = _nearest(value, choices)
    hint = f"; did you mean {near}?" if near else ""
    return f"{name} must be {', '.join(choices[:-1])} or {choices[-1]}, not {value!r}{hint}"


def _name(error: BadParameter) -> str:
    """Return the name of an option or argument as a person writes it."""
    if error.param_hint:
        hint = error.param_hint
        return hint if isinstance(hint, str) else " / ".join(hint)
    if error.param is None:
        return ""
    if error.param.param_type_name == "option":
        return max(error.param.opts, key=len)
    return (error.param.metavar or error.param.name or "").strip("[].").upper()


#: The sentence of each kind of error, the most special first.
_SENTENCES: dict[type[UsageError], Callable[[Any], str]] = {
    NoSuchOption: _no_option,
    BadOptionUsage: _wrong_option,
    MissingParameter: _missing,
    BadParameter: _bad,
    UsageError: _other,
}
