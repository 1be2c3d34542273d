"""What must fit together in a specification, beyond the types of its fields.

Source: Snowflake documentation, "Service specification reference"; "Guidelines and limitations".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mlops.compile.quantities import cpu_cores, memory_bytes
from mlops.compile.specification import (
    Amounts,
    BlockConfig,
    Container,
    Endpoint,
    SecretMount,
    SessionTokenConfig,
    Specification,
    Volume,
    VolumeMount,
)
from mlops.credentials import is_credential_on_a_command_line, looks_like_a_secret
from mlops.validation import Misfit, Path

_READABLE = "it looks like a credential, and a specification is readable"
_SECRETS = "remove it: the session is inherited; for anything else write it under secrets"
MAX_SECRETS = 50
MAX_BLOCK_VOLUMES = 3


def misfits_of(specification: Specification) -> Iterator[Misfit]:
    """Yield what Snowflake would refuse about a specification whose fields have the right types."""
    spec = specification.spec
    for names, field in (
        ([one.name for one in spec.containers], "containers"),
        ([one.name for one in spec.endpoints], "endpoints"),
        ([one.name for one in spec.volumes], "volumes"),
    ):
        yield from _twice(names, ("spec", field))
    for index, container in enumerate(spec.containers):
        yield from _of_container(container, spec.volumes, ("spec", "containers", index))
    for index, endpoint in enumerate(spec.endpoints):
        yield from _of_endpoint(endpoint, ("spec", "endpoints", index))
    for index, volume in enumerate(spec.volumes):
        yield from _of_volume(volume, ("spec", "volumes", index))
    if sum(len(container.secrets) for container in spec.containers) > MAX_SECRETS:
        yield Misfit(("spec", "containers"), f"they mount more than {MAX_SECRETS} secrets", "mount fewer")
    blocks = [volume for volume in spec.volumes if volume.source == "block"]
    if len(blocks) > MAX_BLOCK_VOLUMES:
        yield Misfit(
            ("spec", "volumes"), f"{len(blocks)} are block volumes", f"a service has at most {MAX_BLOCK_VOLUMES}"
        )
    known = {endpoint.name for endpoint in spec.endpoints}
    for index, role in enumerate(specification.service_roles):
        for at, name in enumerate(role.endpoints):
            if name not in known:
                yield Misfit(
                    ("serviceRoles", index, "endpoints", at),
                    f"there is no endpoint {name!r}",
                    f"the endpoints are: {', '.join(sorted(known)) or 'none'}",
                )


def _of_container(container: Container, volumes: Sequence[Volume], path: Path) -> Iterator[Misfit]:
    yield from _of_mounts(container.volume_mounts, [volume.name for volume in volumes], (*path, "volumeMounts"))
    if container.resources is not None:
        yield from _of_resources(
            container.resources.requests or Amounts(), container.resources.limits or Amounts(), (*path, "resources")
        )
    if container.session_token_config is not None:
        yield from _of_token(container, container.session_token_config, (*path, "sessionTokenConfig"))
    for index, secret in enumerate(container.secrets):
        yield from _of_secret(secret, (*path, "secrets", index))
    for name, value in container.env.items():
        if name.startswith("SNOWFLAKE_") and name != "SNOWFLAKE_WAREHOUSE":
            yield Misfit(
                (*path, "env", name), "it is set by Snowflake itself", "remove it: the container has it already"
            )
        yield from _of_text(value, (*path, "env", name))
    for field, words in (("command", container.command), ("args", container.args)):
        for index, word in enumerate(words):
            yield from _of_text(word, (*path, field, index))
            if is_credential_on_a_command_line(words, index):
                yield Misfit((*path, field, index), _READABLE, _SECRETS)


def _of_mounts(mounts: Sequence[VolumeMount], known: Sequence[str], path: Path) -> Iterator[Misfit]:
    paths: set[str] = set()
    for index, mount in enumerate(mounts):
        at = (*path, index)
        if mount.name not in known:
            yield Misfit(
                (*at, "name"), f"there is no volume {mount.name!r}", f"the volumes are: {', '.join(known) or 'none'}"
            )
        if mount.mount_path in paths:
            yield Misfit(
                (*at, "mountPath"), f"{mount.mount_path!r} is mounted twice", "give each volume a folder of its own"
            )
        paths.add(mount.mount_path)


def _of_token(container: Container, token: SessionTokenConfig, path: Path) -> Iterator[Misfit]:
    if container.mount_session_token is False:
        yield Misfit(path, "mountSessionToken is false", "remove one of the two")
    if (token.path, token.permission, token.mount_connection_config) == (None, None, None):
        yield Misfit(path, "it is empty", "write path, permission or mountConnectionConfig, or remove it")
    if token.permission is not None and token.path is None:
        yield Misfit((*path, "permission"), "it needs a path", "write path, too")
    if token.permission is not None and int(token.permission, 8) & ~0o644:
        yield Misfit((*path, "permission"), f"{token.permission} is more than 0644", "give fewer rights")


def _of_text(text: str, path: Path) -> Iterator[Misfit]:
    if "$$" in text:
        yield Misfit(path, "it holds $$, which ends the specification in its statement", "write it another way")
    if looks_like_a_secret(text):
        yield Misfit(path, _READABLE, _SECRETS)


def _of_resources(requests: Amounts, limits: Amounts, path: Path) -> Iterator[Misfit]:
    for side, amounts in (("requests", requests), ("limits", limits)):
        try:
            if amounts.memory is not None:
                memory_bytes(amounts.memory)
        except ValueError as cause:
            yield Misfit((*path, side, "memory"), str(cause), "write more than nothing")
            return
    if requests.memory and limits.memory and memory_bytes(requests.memory) > memory_bytes(limits.memory):
        yield Misfit(
            (*path, "requests", "memory"),
            f"{requests.memory} is more than the limit {limits.memory}",
            "raise the limit",
        )
    if requests.cpu is not None and limits.cpu is not None and cpu_cores(requests.cpu) > cpu_cores(limits.cpu):
        yield Misfit(
            (*path, "requests", "cpu"), f"{requests.cpu} is more than the limit {limits.cpu}", "raise the limit"
        )
    if (requests.gpu or 0) != (limits.gpu or 0):
        yield Misfit(
            (*path, "limits", "nvidia.com/gpu"),
            f"requests ask for {requests.gpu or 0} GPU, limits for {limits.gpu or 0}",
            "a container gets GPUs where both are there and equal",
        )


def _of_secret(secret: SecretMount, path: Path) -> Iterator[Misfit]:
    if (secret.directory_path is None) == (secret.env_var_name is None):
        yield Misfit(path, "a secret goes into a folder or into a variable", "write directoryPath or envVarName")
    if secret.env_var_name is not None and secret.secret_key_ref is None:
        yield Misfit(path, "a variable needs the key of the secret", "write secretKeyRef")
    if secret.directory_path is not None and secret.secret_key_ref is not None:
        yield Misfit((*path, "secretKeyRef"), "a folder gets the whole secret", "remove it")
    named = secret.snowflake_secret
    if not isinstance(named, str) and (named.object_name is None) == (named.object_reference is None):
        yield Misfit((*path, "snowflakeSecret"), "it names one secret", "write objectName or objectReference")


def _of_endpoint(endpoint: Endpoint, path: Path) -> Iterator[Misfit]:
    if (endpoint.port is None) == (endpoint.port_range is None):
        yield Misfit(path, "an endpoint has a port or a range of ports", "write port or portRange")
    if endpoint.port_range is not None:
        first, _, last = endpoint.port_range.partition("-")
        if not 1 <= int(first) <= int(last) <= 65535:
            yield Misfit((*path, "portRange"), f"{endpoint.port_range} does not go upwards", "from 1 to 65535")
        if endpoint.public:
            yield Misfit((*path, "public"), "a range of ports cannot be public", "write one port")
    if endpoint.public and endpoint.protocol == "TCP":
        yield Misfit((*path, "protocol"), "a public endpoint speaks HTTP", "remove public, or write HTTP")


def _of_volume(volume: Volume, path: Path) -> Iterator[Misfit]:
    if volume.source in ("memory", "block") and volume.size is None:
        yield Misfit((*path, "size"), f"a {volume.source} volume needs a size", "write size: 10Gi")
    if volume.source == "block" and volume.size is not None and not re.fullmatch("[1-9][0-9]*Gi", volume.size):
        yield Misfit((*path, "size"), f"{volume.size} is not a whole number of Gi", "a block volume has whole Gi")
    if volume.source == "stage" and volume.stage_config is None:
        yield Misfit(
            (*path, "stageConfig"), "a stage volume needs it", "write stageConfig: {name: '@database.schema.stage'}"
        )
    if volume.source != "stage" and volume.stage_config is not None:
        yield Misfit((*path, "stageConfig"), "it is for volumes of source stage", "write source: stage, or remove it")
    if volume.stage_config is not None and volume.stage_config.resources is not None:
        for side in (volume.stage_config.resources.requests, volume.stage_config.resources.limits):
            if side is not None and side.gpu is not None:
                yield Misfit((*path, "stageConfig", "resources"), "what shows a stage uses no GPU", "remove it")
    if volume.block_config is not None and volume.block_config == BlockConfig():
        yield Misfit((*path, "blockConfig"), "it is empty", "write what it is for, or remove it")
    if volume.source != "block" and volume.block_config is not None:
        yield Misfit((*path, "blockConfig"), "it is for volumes of source block", "write source: block, or remove it")
    if (
        (volume.uid is not None or volume.gid is not None)
        and volume.source != "stage"
        and not volume.source.startswith("@")
    ):
        yield Misfit((*path, "uid"), "uid and gid are for stage volumes", "remove them")


def _twice(names: Sequence[str], path: Path) -> Iterator[Misfit]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Misfit(
                (*path, index, "name"), f"{name!r} is the name of {path[-1]}[{names.index(name)}], too", "rename it"
            )
