"""The login of an image registry: a session's token is exchanged for what its role may do with repositories."""

from __future__ import annotations

import base64
import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import jwt
import pytest
import snowflake.connector
from cryptography.x509 import load_pem_x509_certificate
from mlops_embedded.life import EmbeddedSnowflake

SCOPE = "repository:embedded/public/logins/image:pull,push"


def asked(
    server: EmbeddedSnowflake, password: str, user: str = "0sessiontoken", scope: str = SCOPE
) -> dict[str, list[str]]:
    """What a registry would find in the token that it is shown: the actions allowed, by name."""
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    url = f"http://127.0.0.1:{server.connection['port']}/registry/token?service=mlops-embedded&scope={scope}"
    with urlopen(Request(url, headers={"Authorization": f"Basic {basic}"}), timeout=10) as answer:
        token = json.load(answer)["token"]
    certificate = load_pem_x509_certificate((server.state / "registry" / "certificate.pem").read_bytes())
    claims = jwt.decode(token, certificate.public_key(), ["ES256"], audience="mlops-embedded", issuer="mlops-embedded")
    return {one["name"]: one["actions"] for one in claims["access"]}


@pytest.mark.embedded("Containers: a registry's login by the token of a session, with the privileges of its role")
def test_a_session_s_token_gives_what_its_role_may_do(embedded_snowflake: EmbeddedSnowflake) -> None:
    with snowflake.connector.connect(**embedded_snowflake.connection) as owner, owner.cursor() as cursor:
        for statement in (
            "CREATE IMAGE REPOSITORY EMBEDDED.PUBLIC.LOGINS",
            "CREATE ROLE PULLER",
            "GRANT USAGE ON DATABASE EMBEDDED TO ROLE PULLER",
            "GRANT USAGE ON SCHEMA EMBEDDED.PUBLIC TO ROLE PULLER",
            "GRANT READ ON IMAGE REPOSITORY EMBEDDED.PUBLIC.LOGINS TO ROLE PULLER",
        ):
            cursor.execute(statement)
        owners = asked(embedded_snowflake, json.dumps({"token": owner.rest.token, "expires_in": 3600}))  # type: ignore[union-attr]
    with snowflake.connector.connect(**{**embedded_snowflake.connection, "role": "PULLER"}) as puller:
        token = json.dumps({"token": puller.rest.token})  # type: ignore[union-attr]
        pullers = asked(embedded_snowflake, token)
        elsewhere = asked(embedded_snowflake, token, scope="repository:embedded/public/others/image:pull")

    assert owners == {"embedded/public/logins/image": ["pull", "push"]}
    assert pullers == {"embedded/public/logins/image": ["pull"]}
    assert elsewhere == {"embedded/public/others/image": []}
    with pytest.raises(HTTPError, match="401"):
        asked(embedded_snowflake, token)  # the session has ended


@pytest.mark.parametrize(
    ("user", "password"), [("0sessiontoken", "wrong"), ("0sessiontoken", '{"token": 1}'), ("ana", "{}")]
)
def test_nobody_else_is_let_in(embedded_snowflake: EmbeddedSnowflake, user: str, password: str) -> None:
    with pytest.raises(HTTPError, match="401"):
        asked(embedded_snowflake, password, user)
