"""Who logs in, and who runs what nobody logged in for."""

from __future__ import annotations

from dataclasses import dataclass

USER = "EMBEDDED"
"""The user in the connection that a server announces; user names are labels, the credential is what counts."""

SYSTEM_USER = "SYSTEM"
"""The user in whose name tasks and alerts run; what they may do is their owner's role."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who logged in. Code that one credential uploaded (a model, a UDF) runs for that credential only."""

    user: str
    credential: str
    """The fingerprint of the credential, never the credential."""
