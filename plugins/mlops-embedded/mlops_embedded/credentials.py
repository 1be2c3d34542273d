"""Who may log in: the state folder's secret, and short-lived tokens derived from it.

A token is signed with the secret, so that a job's token outlives a restart of the server and needs no table.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any

from mlops_embedded.errors import SnowflakeError
from mlops_embedded.principal import USER, Principal

_PREFIX = "embedded."


class Credentials:
    """Checks passwords and tokens; user names are labels, the secret is what counts."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self.fingerprint = hashlib.sha256(secret.encode()).hexdigest()[:16]

    def check(self, user: str | None, secret: str | None) -> tuple[Principal, dict[str, Any]]:
        """Return who this is, and what the token says besides (role, database, ...; empty for the secret itself).

        Raises:
            SnowflakeError 390100: neither the secret, nor a valid token.
        """
        if secret and hmac.compare_digest(secret.encode(), self._secret.encode()):
            return Principal((user or USER).upper(), self.fingerprint), {}
        claims = self.claims(secret or "")
        if claims is None or not claims.get("user"):
            raise SnowflakeError("Incorrect username or password was specified.", code="390100", sqlstate="08001")
        return Principal(claims.pop("user"), self.fingerprint), claims

    def mint(self, user: str, *, lifetime: timedelta, **claims: Any) -> str:
        """Return a token to log in with (`authenticator='oauth'`); claims are handed to the session's start.

        Known claims: role, warehouse, database, schema, and `context`, a JSON object that becomes `Session.context`;
        or `session`, the token of a session that is lent: the login is that session, and no new one.
        """
        payload = {"user": user, "until": time.time() + lifetime.total_seconds(), **claims}
        body = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode()
        return f"{_PREFIX}{body}.{self._signature(body)}"

    def claims(self, token: str) -> dict[str, Any] | None:
        """Return what a token of ours says, None if it is none or too old."""
        body, _, signature = token.removeprefix(_PREFIX).rpartition(".")
        if not token.startswith(_PREFIX) or not hmac.compare_digest(signature, self._signature(body)):
            return None
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body))
        return claims if claims.pop("until") > time.time() else None

    def _signature(self, body: str) -> str:
        return hmac.new(self._secret.encode(), body.encode(), hashlib.sha256).hexdigest()
