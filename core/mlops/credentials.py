"""What is a credential: by the name of a variable or parameter, or by its value; and how such values are hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Sized
from functools import lru_cache

HIDDEN = "***"
"""What stands in the place of a credential."""

_BEGINS = r"(?:^|[_.-]|(?-i:(?<=[a-z0-9])(?=[A-Z])))"
_ENDS = r"(?:[_-]|$|(?-i:(?<=[a-z])(?=[A-Z])))"
_CERTAIN = (
    rf"(?:PASSWORD|PASSWD|PASSPHRASE|{_BEGINS}(?:PWD|PASSCODE|SECRET|CREDENTIALS?|PRIVATE[_-]?KEY|API[_-]?KEY|ACCESS[_-]?KEY"
    r"|CONNECTION[_-]?STRING))"
)
_CREDENTIAL = rf"(?i)(?:{_CERTAIN}|{_BEGINS}TOKEN){_ENDS}"
_EVEN_A_NUMBER = rf"(?i){_CERTAIN}$"
_SECRET = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\beyJ[\w-]{10,}\.[\w-]{10,}\.|\bAKIA[0-9A-Z]{16}\b|\bghp_\w{30,}|\bver:\d-hint:\d+-"
    r"|://[^/\s:@]+:[^/\s@]+@"
)
_MARKS = ("-----BEGIN ", "eyJ", "AKIA", "ghp_", "ver:", "://")
"""One of these is in whatever ``_SECRET`` matches. Patterns are compiled when they are needed, which most runs do not."""


@lru_cache(maxsize=4096)
def looks_like_a_credential(name: str) -> bool:
    """Tell whether a variable or parameter of this name holds what nobody should read."""
    return re.search(_CREDENTIAL, name) is not None


def looks_like_a_secret(text: str) -> bool:
    """Tell whether a text is a private key, a token of a well-known form, or an address with a password in it."""
    return any(mark in text for mark in _MARKS) and re.search(_SECRET, text) is not None


def is_credential_on_a_command_line(words: Sequence[str], at: int) -> bool:
    """Tell whether the word at a place is a credential: ``--password=x``, or what follows ``--password``.

    What a shell puts in (``$PASSWORD``) is none, nor is the path of a file that holds one (``--password-file``).
    """
    name, given, value = words[at].partition("=")
    if not given and at > 0:
        name, value = words[at - 1], words[at]
    if not name.startswith("-") or "=" in name or value.startswith(("-", "$")):
        return False
    return bool(value) and looks_like_a_credential(name.lstrip("-")) and not name.lower().endswith(("file", "path"))


def holds_a_credential(name: str, value: object) -> bool:
    """Tell whether a parameter of this name and value has a credential: by its name, or because it looks like one.

    A truth value, nothing and an empty value are none. A number is one where the name ends in the word (``passcode = 4711``),
    which leaves out a ``password_length`` and, since they are counted, every kind of ``max_token``.
    """
    if isinstance(value, (bool, int, float)):
        counted = isinstance(value, bool) or not value or not looks_like_a_credential(name)
        return not counted and re.search(_EVEN_A_NUMBER, name) is not None
    if isinstance(value, str) and looks_like_a_secret(value):
        return True
    empty = value is None or (isinstance(value, Sized) and len(value) == 0)
    return not empty and looks_like_a_credential(name)


def credentials_within(parameters: Mapping[str, object]) -> list[str]:
    """Return the names of all parameters that have a credential, those in lists and mappings as ``db.password``."""
    found: list[str] = []
    for name, value in parameters.items():
        found += [str(name)] if holds_a_credential(str(name), value) else [f"{name}{one}" for one in _within(value)]
    return found


def _within(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [f".{name}" for name in credentials_within(value)]
    if isinstance(value, (list, tuple)):
        return [f"[{at}]{name}" for at, one in enumerate(value) for name in _within(one)]
    return [""] if isinstance(value, str) and looks_like_a_secret(value) else []


def hide_credentials(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return parameters as a log, a collector or a record may hold them: ``***`` for what is named or looks like a credential.

    Names are those of mlops itself, such as ``password``, ``api_key`` or ``accessToken``. Truth values, None, empty values
    and what is a count (``token_count=3``) are shown under any name; lists and mappings are searched for further names. A name
    may begin with that of its node (``fetch.api_key``).
    """
    return {
        name: HIDDEN if holds_a_credential(str(name), value) else _hidden_within(value)
        for name, value in parameters.items()
    }


def _hidden_within(value: object) -> object:
    if isinstance(value, Mapping):
        return hide_credentials(value)
    if isinstance(value, (list, tuple)):
        items = [_hidden_within(one) for one in value]
        return tuple(items) if isinstance(value, tuple) else items
    return HIDDEN if isinstance(value, str) and looks_like_a_secret(value) else value
