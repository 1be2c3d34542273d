"""A credential in a manifest: enough is kept of it to tell later whether it is the same, and too little to read it.

What is kept is the hash of its JSON by scrypt, with a salt of its own: slow to make on purpose, since passwords are short.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from mlops.credentials import hide_credentials

_SCRYPT = "scrypt"
_COST, _BLOCK, _LANES, _BYTES = 1 << 14, 8, 1, 32


def without_credentials(parameters: Mapping[str, object]) -> tuple[dict[str, object], dict[str, str]]:
    """Return parameters as a manifest holds them, and by name what is kept of those that have a credential somewhere within."""
    shown = hide_credentials(parameters)
    return shown, {name: _kept(parameters[name], os.urandom(16)) for name in shown if shown[name] != parameters[name]}


def is_same(kept: str, value: object) -> bool:
    """Tell whether ``kept`` was made of this value."""
    import hmac

    try:
        method, salt, _ = kept.split(":")
        return method == _SCRYPT and hmac.compare_digest(kept, _kept(value, bytes.fromhex(salt)))
    except ValueError:  # made by something else
        return False


def _kept(value: object, salt: bytes) -> str:
    import hashlib
    import json  # few runs have a credential to keep

    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=repr)
    digest = hashlib.scrypt(text.encode(errors="surrogatepass"), salt=salt, n=_COST, r=_BLOCK, p=_LANES, dklen=_BYTES)
    return f"{_SCRYPT}:{salt.hex()}:{digest.hex()}"
