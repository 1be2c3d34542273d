"""A container of a specification: image, command, environment, mounts, resources, token, secrets, probes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlops_embedded.jobs.specifications.fields import (
    Fields,
    SpecificationError,
    flag,
    list_of,
    matching,
    one_of,
    strings_by_name,
    text,
    whole_number,
)
from mlops_embedded.jobs.specifications.quantities import cpus, memory_bytes
from mlops_embedded.jobs.specifications.volumes import part_name

TOKEN_FOLDER = "/snowflake/session"
GPU = "nvidia.com/gpu"
RESERVED = ("SNOWFLAKE_RUNNING_INSIDE_SPCS",)
"""Snowflake's own markers, which a specification must not set."""

absolute_path = matching(r"/[^\0]*", "an absolute path")
port = whole_number(1, 65535)


@dataclass(frozen=True, slots=True)
class Resources:
    """What a container asks for and may use at most; None is what Snowflake gives by default."""

    cpu_request: float | None = None
    memory_request: int | None = None
    cpu_limit: float | None = None
    memory_limit: int | None = None
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class Probe:
    """An HTTP check of a container; jobs have no use for it."""

    port: int
    path: str
    period_seconds: int
    failure_threshold: int


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume, and the absolute path it has in the container."""

    volume: str
    path: str


@dataclass(frozen=True, slots=True)
class SessionToken:
    """Where the container finds its login token."""

    folder: str = TOKEN_FOLDER
    mode: int = 0o644
    connection_config: bool = False
    """Whether a connections.toml is written too, and SNOWFLAKE_HOME points to it."""


@dataclass(frozen=True, slots=True)
class SecretMount:
    """A secret of the account, as a variable or as files."""

    secret: str
    variable: str | None
    key: str | None
    folder: str | None


@dataclass(frozen=True, slots=True)
class Container:
    """One container; `command` of None is the image's entry point, `args` of None its arguments."""

    name: str
    image: str
    command: tuple[str, ...] | None
    args: tuple[str, ...] | None
    env: dict[str, str]
    mounts: tuple[Mount, ...]
    resources: Resources
    token: SessionToken | None
    secrets: tuple[SecretMount, ...]
    readiness: Probe | None
    liveness: Probe | None


def read_container(value: Any, path: str) -> Container:
    """Read one entry of spec.containers."""
    fields = Fields(value, path)
    container = Container(
        name=fields.need("name", part_name),
        image=fields.need("image", text),
        command=fields.take("command", list_of(text)),
        args=fields.take("args", list_of(_argument)),
        env=fields.take("env", _environment) or {},
        mounts=fields.take("volumeMounts", list_of(_mount)) or (),
        resources=fields.take("resources", _resources) or Resources(),
        token=_session_token(fields),
        secrets=fields.take("secrets", list_of(_secret)) or (),
        readiness=fields.take("readinessProbe", _probe(period=5)),
        liveness=fields.take("livenessProbe", _probe(period=10)),
    )
    fields.done()
    if container.command == ():
        raise fields.refuse("command", "must not be an empty list")
    return container


def _argument(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise SpecificationError(path, f"must be a string: quote {value!r}")
    return value


def _environment(value: Any, path: str) -> dict[str, str]:
    environment = strings_by_name(value, path)
    for variable in environment:
        if variable in RESERVED:
            raise SpecificationError(f"{path}.{variable}", "is set by Snowflake and must not be set here")
        if "=" in variable:
            raise SpecificationError(f"{path}.{variable}", "a variable's name must not contain '='")
    return environment


def _mount(value: Any, path: str) -> Mount:
    fields = Fields(value, path)
    mount = Mount(fields.need("name", part_name), fields.need("mountPath", absolute_path))
    fields.done()
    return mount


def _resources(value: Any, path: str) -> Resources:
    fields = Fields(value, path)
    requests = fields.take("requests", _amounts) or _Amounts()
    limits = fields.take("limits", _amounts) or _Amounts()
    fields.done()
    if requests.gpu != limits.gpu:
        raise SpecificationError(path, f"{GPU} must be the same in requests ({requests.gpu}) and limits ({limits.gpu})")
    for what, asked, most in (("memory", requests.memory, limits.memory), ("cpu", requests.cpu, limits.cpu)):
        if asked is not None and most is not None and asked > most:
            raise SpecificationError(f"{path}.requests.{what}", "is more than its limit")
    return Resources(requests.cpu, requests.memory, limits.cpu, limits.memory, requests.gpu)


@dataclass(frozen=True, slots=True)
class _Amounts:
    cpu: float | None = None
    memory: int | None = None
    gpu: int = 0


def _amounts(value: Any, path: str) -> _Amounts:
    fields = Fields(value, path)
    amounts = _Amounts(
        fields.take("cpu", cpus),
        fields.take("memory", memory_bytes),
        fields.take(GPU, whole_number(0, 16)) or 0,
    )
    fields.done()
    return amounts


def _session_token(container: Fields) -> SessionToken | None:
    mounted = container.take("mountSessionToken", flag, True)
    config = container.take("sessionTokenConfig", _token_config)
    if not mounted and config is not None:
        raise container.refuse("sessionTokenConfig", "needs mountSessionToken to be true")
    return (config or SessionToken()) if mounted else None


def _token_config(value: Any, path: str) -> SessionToken:
    fields = Fields(value, path)
    folder = fields.take("path", absolute_path)
    permission = fields.take("permission", matching("[0-7]{4}", 'four octal digits in quotes, such as "0600"'))
    config = fields.take("mountConnectionConfig", flag)
    fields.done()
    if folder is None and permission is None and config is None:
        raise SpecificationError(path, "must have at least one of path, permission, mountConnectionConfig")
    if permission is not None and folder is None:
        raise fields.refuse("permission", "needs path as well")
    mode = int(permission, 8) if permission else 0o644
    if mode & ~0o644:
        raise fields.refuse("permission", f'must not grant more than "0644", not {permission!r}')
    return SessionToken(folder or TOKEN_FOLDER, mode, bool(config))


def _secret(value: Any, path: str) -> SecretMount:
    fields = Fields(value, path)
    secret = fields.need("snowflakeSecret", _secret_name)
    folder = fields.take("directoryPath", absolute_path)
    variable = fields.take("envVarName", text)
    key = fields.take("secretKeyRef", one_of("username", "password", "secret_string", "access_token"))
    fields.done()
    if (folder is None) == (variable is None):
        raise SpecificationError(path, "must have either directoryPath or envVarName")
    if (variable is None) != (key is None):
        raise SpecificationError(path, "envVarName and secretKeyRef go together")
    return SecretMount(secret, variable, key, folder)


def _secret_name(value: Any, path: str) -> str:
    if isinstance(value, str):
        return text(value, path)
    fields = Fields(value, path)
    secret = fields.need("objectName", text)
    fields.done()
    return secret


def _probe(*, period: int) -> Any:  # a reader for Fields.take
    def read(value: Any, path: str) -> Probe:
        fields = Fields(value, path)
        probe = Probe(
            fields.need("port", port),
            fields.need("path", absolute_path),
            fields.take("periodSeconds", whole_number(1, 86_400), period) or period,
            fields.take("failureThreshold", whole_number(1, 1_000), 3) or 3,
        )
        fields.done()
        return probe

    return read
