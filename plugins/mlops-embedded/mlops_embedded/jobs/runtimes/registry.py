"""The registry that stands for Snowflake's: where images are pushed to, and the host in every `repository_url`."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_embedded.jobs.runtimes.registry_login import Access, RegistryLogin

LOCAL_REGISTRY = "embedded.registry.localhost"
"""The host in `repository_url` where no registry was named: images are in the engine under this name, and never looked
up on a network."""
_SECONDS = 5.0
_MOST = 1000
"""Repositories in one answer; registries refuse to be asked for more."""
_MANIFESTS = ", ".join(
    ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
)
_CATALOG: Access = {"type": "registry", "name": "catalog", "actions": ["*"]}


def images_in(registry: str, login: RegistryLogin) -> dict[str, str | None]:
    """Return every image of a registry on this machine, /db/schema/repo/image:tag to its digest; none if it is down.

    One that demands a login is asked with a token of `login`.
    """
    connection = http.client.HTTPConnection(registry, timeout=_SECONDS)
    asking = _Asking(connection, login)
    try:
        found = {}
        for repository in asking.json(f"/v2/_catalog?n={_MOST}", _CATALOG).get("repositories") or ():
            access: Access = {"type": "repository", "name": repository, "actions": ["pull"]}
            for tag in asking.json(f"/v2/{repository}/tags/list", access).get("tags") or ():
                answer = asking.ask("HEAD", f"/v2/{repository}/manifests/{tag}", access)
                found[f"/{repository}:{tag}"] = answer.getheader("Docker-Content-Digest")
        return found
    except (OSError, http.client.HTTPException, json.JSONDecodeError):
        return {}
    finally:
        connection.close()


class _Asking:
    """Asks a registry, with a token from when it has demanded one."""

    def __init__(self, connection: http.client.HTTPConnection, login: RegistryLogin) -> None:
        self._connection, self._login = connection, login
        self._demanded = False

    def json(self, path: str, access: Access) -> dict[str, Any]:
        answer = self.ask("GET", path, access)
        read: dict[str, Any] = json.loads(answer.content) if answer.status == http.client.OK else {}
        return read

    def ask(self, method: str, path: str, access: Access) -> _Answer:
        headers = {"Accept": _MANIFESTS if "/manifests/" in path else "*/*"}
        if self._demanded:
            headers["Authorization"] = f"Bearer {self._login.token([access])}"
        self._connection.request(method, path, headers=headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status == http.client.UNAUTHORIZED and not self._demanded:
            self._demanded = True
            return self.ask(method, path, access)
        return _Answer(answer, content)


class _Answer:
    def __init__(self, response: http.client.HTTPResponse, content: bytes) -> None:
        self.status, self.content, self.getheader = response.status, content, response.getheader
