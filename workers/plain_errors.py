"""Say in one plain clause what is wrong with a value, by the type of pydantic's error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: What a value must be, by the type of the error; in braces: what its context holds.
_CLAUSES = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "date_from_datetime_parsing": "must be a day such as 2024-03-05",
    "date_parsing": "must be a day such as 2024-03-05",
    "dict_type": "must be a table",
    "enum": "must be {expected}",
    "extra_forbidden": "is not known",
    "finite_number": "must be a number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "frozen_set_type": "must be a list",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "int_type": "must be a whole number",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "missing": "is missing",
    "path_type": "must be a path",
    "set_type": "must be a list",
    "string_pattern_mismatch": "has another form than expected",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "string_type": "must be a text",
    "string_unicode": "must be a text in UTF-8",
    "tuple_type": "must be a list",
}
_MOMENTS = "must be a day such as 2024-03-05, or a time such as 2024-03-05T14:30"


def clause(error: Mapping[str, Any]) -> str:
    """Return a clause such as "must be at least 1", without the value, which may be a secret."""
    kind, context = error["type"], error.get("ctx") or {}
    if kind in ("value_error", "assertion_error"):  # the words of a validator of the lake
        return str(context.get("error") or error["msg"].partition(", ")[2]).rstrip(".")
    if kind.startswith("datetime_"):
        return _MOMENTS
    try:
        text = _CLAUSES[kind].format(**context)
    except KeyError:
        return "has a value that is not possible here"
    return text.replace("'", "")
