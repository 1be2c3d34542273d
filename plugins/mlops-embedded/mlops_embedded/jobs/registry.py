"""The registry that stands for Snowflake's: where images are pushed to, and the host in every `repository_url`."""

from __future__ import annotations

import http.client
import json
from typing import Any

LOCAL_REGISTRY = "embedded.registry.localhost"
"""The host in `repository_url` where no registry was named: images are in the engine under this name, and never looked
up on a network."""
_SECONDS = 5.0
_MOST = 1000
"""Repositories in one answer; registries refuse to be asked for more."""
_MANIFESTS = ", ".join(
    ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
)


def images_in(registry: str) -> dict[str, str | None]:
    """Return every image of a registry on this machine, /db/schema/repo/image:tag to its digest; none if it is down."""
    connection = http.client.HTTPConnection(registry, timeout=_SECONDS)
    try:
        found = {}
        for repository in _get(connection, f"/v2/_catalog?n={_MOST}").get("repositories") or ():
            for tag in _get(connection, f"/v2/{repository}/tags/list").get("tags") or ():
                found[f"/{repository}:{tag}"] = _digest(connection, repository, tag)
        return found
    except (OSError, http.client.HTTPException, json.JSONDecodeError):
        return {}
    finally:
        connection.close()


def _get(connection: http.client.HTTPConnection, path: str) -> dict[str, Any]:
    connection.request("GET", path)
    answer = connection.getresponse()
    content = answer.read()
    read: dict[str, Any] = json.loads(content) if answer.status == http.client.OK else {}
    return read


def _digest(connection: http.client.HTTPConnection, repository: str, tag: str) -> str | None:
    connection.request("HEAD", f"/v2/{repository}/manifests/{tag}", headers={"Accept": _MANIFESTS})
    answer = connection.getresponse()
    answer.read()
    return answer.getheader("Docker-Content-Digest")
