"""Names of variables and parameters that say a value is a credential: the one list of them, and how such values are hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized

HIDDEN = "***"
"""What stands in the place of a credential."""

_CREDENTIAL = re.compile(
    r"(?:^|[_.-])(PASSWORD|PASSWD|PWD|PASSPHRASE|PASSCODE|TOKEN|SECRET|CREDENTIALS?|PRIVATE[_-]?KEY|API[_-]?KEY|ACCESS[_-]?KEY"
    r"|CONNECTION[_-]?STRING)(?:[_-]|$)",
    re.IGNORECASE,
)


def looks_like_a_credential(name: str) -> bool:
    """Tell whether a variable or parameter of this name holds what nobody should read."""
    return bool(_CREDENTIAL.search(name))


def holds_a_credential(name: str, value: object) -> bool:
    """Tell whether a parameter of this name and value has a credential: a number is none, nor is an empty value."""
    empty = value is None or (isinstance(value, Sized) and len(value) == 0)
    return not empty and not isinstance(value, (bool, int, float)) and looks_like_a_credential(name)


def hide_credentials(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return parameters as a log, a collector or a record may hold them: ``***`` for what is named like a credential.

    Names are those of mlops itself, such as ``password``, ``api_key`` or ``access_token``. Numbers, truth values, None and
    empty values are shown under any name (``token_count=3``); lists and mappings are searched for further names. A name may begin with that of
    its node (``fetch.api_key``).
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
    return value
