"""The login of an image registry: whoever has a session may push and pull what the role of that session may.

A registry that demands a login sends an engine here, which shows `0sessiontoken` and `{"token": "<session token>"}`, as with
Snowflake's own registry, and gets a token for that registry alone: Docker's token authentication, which the open source
registry checks by the certificate in the state folder. `registry/auth.yml` there is what its configuration needs.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from mlops_embedded.catalog import ObjectName
from mlops_embedded.catalog.grants import Securable, may
from mlops_embedded.errors import SnowflakeError

if TYPE_CHECKING:
    from mlops_embedded.account import Account

USER = "0sessiontoken"
PATH = "/registry/token"
_NAME = "mlops-embedded"
_SECONDS = 3600
_PULLS = "pulls_images"
_PRIVILEGES = {"pull": "READ", "push": "WRITE"}
Access = dict[str, Any]
"""What a token allows: type, name and actions, as the registry's scopes have them."""


class RegistryLogin:
    """Gives tokens for the registry of an account. Key and certificate are made with the first."""

    def __init__(self, account: Account) -> None:
        self._account = account

    @property
    def _folder(self) -> Path:
        return self._account.state.path / "registry"

    def prepare(self) -> None:
        """Write what a registry needs to know of this server, whose port may be another one each time."""
        certificate = self._certificate
        token = {
            "realm": f"http://127.0.0.1:{self._account.port}{PATH}", "service": _NAME, "issuer": _NAME,
            "rootcertbundle": str(certificate),
        }  # fmt: skip
        (self._folder / "auth.yml").write_text(yaml.safe_dump({"auth": {"token": token}}), encoding="utf-8")

    def token(self, access: Sequence[Access]) -> str:
        """Return a token that allows this, for an hour."""
        import jwt

        now = int(time.time())
        claims = {
            "iss": _NAME, "aud": _NAME, "sub": USER, "iat": now, "nbf": now - 5, "exp": now + _SECONDS,
            "jti": uuid.uuid4().hex, "access": list(access),
        }  # fmt: skip
        key, chain = self._key_and_chain
        return jwt.encode(claims, key, "ES256", headers={"x5c": chain})

    def answer(self, authorization: str, scopes: Sequence[str]) -> dict[str, Any]:
        """Return what an engine is answered that asks for scopes with its credentials.

        Raises:
            SnowflakeError 390104: it has none, or its session has ended.
        """
        allowed = self._allowed(_password(authorization))
        access = []
        for scope in " ".join(scopes).split():
            kind, name, actions = _scope(scope)
            granted = [action for action in actions if kind == "repository" and allowed(name, action)]
            access.append({"type": kind, "name": name, "actions": granted})
        token = self.token(access)
        return {"token": token, "access_token": token, "expires_in": _SECONDS}

    def credentials(self) -> dict[str, str]:
        """Return what this server's own engine pulls images with, on behalf of whoever runs a service."""
        minted = self._account.credentials.mint("", lifetime=timedelta(seconds=_SECONDS), **{_PULLS: True})
        return {"username": USER, "password": json.dumps({"token": minted})}

    def _allowed(self, password: str) -> Any:
        """Return what tells whether a repository's action is allowed to whoever has this password."""
        try:
            token = str(json.loads(password)["token"])
        except (ValueError, KeyError, TypeError):
            raise _refused() from None
        claims = self._account.credentials.claims(token)
        if claims is not None and claims.get(_PULLS):
            return lambda name, action: action == "pull"
        try:
            session = self._account.session(token)
        except SnowflakeError:
            raise _refused() from None
        catalog = self._account.catalog

        def allowed(name: str, action: str) -> bool:
            parts = name.split("/")
            if action not in _PRIVILEGES or len(parts) < 4:
                return False
            repository = ObjectName(*(part.upper() for part in parts[:3]))
            found = catalog.find("image_repository", repository)
            securable = Securable("IMAGE REPOSITORY", repository)
            return found is not None and may(
                catalog, session.role, _PRIVILEGES[action], securable, found.body.get("owner")
            )

        return allowed

    @property
    def _certificate(self) -> Path:
        path = self._folder / "certificate.pem"
        if not path.is_file():
            self._folder.mkdir(exist_ok=True)
            _make(self._folder / "key.pem", path)
        return path

    @cached_property
    def _key_and_chain(self) -> tuple[bytes, list[str]]:
        certificate = self._certificate.read_text(encoding="ascii")
        body = "".join(line for line in certificate.splitlines() if not line.startswith("-----"))
        return (self._folder / "key.pem").read_bytes(), [body]


def _make(key_file: Path, certificate_file: Path) -> None:
    """Write a key, and a certificate for it that vouches for itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _NAME)])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(text)
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _password(authorization: str) -> str:
    kind, _, encoded = authorization.partition(" ")
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        raise _refused() from None
    if kind.lower() != "basic" or not hmac.compare_digest(user, USER):
        raise _refused()
    return password


def _scope(text: str) -> tuple[str, str, list[str]]:
    """Return type, name and actions of `repository:db/schema/repo/image:pull,push`."""
    kind, _, rest = text.partition(":")
    name, _, actions = rest.rpartition(":")
    return kind, name, [one for one in actions.split(",") if one]


def _refused() -> SnowflakeError:
    return SnowflakeError(
        "Authentication token has expired or is invalid. The user must authenticate again.",
        code="390104",
        sqlstate="08001",
        http_status=401,
    )
