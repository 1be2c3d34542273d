"""The service specification: what a job or service runs, read strictly and checked once.

Source: Snowflake documentation, "Service specification reference" and "Guidelines and limitations".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_embedded.jobs.specifications.containers import Container, port, read_container
from mlops_embedded.jobs.specifications.fields import (
    Fields,
    SpecificationError,
    flag,
    list_of,
    load_yaml,
    matching,
    one_of,
    refuse_repeats,
    text,
)
from mlops_embedded.jobs.specifications.volumes import Volume, part_name, read_volume

MAX_CONTAINERS, MAX_ENDPOINTS, MAX_VOLUMES, MAX_SECRETS = 20, 100, 20, 50


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A port that the service offers; a range has its last port too."""

    name: str
    port: int
    last_port: int
    public: bool
    protocol: str


@dataclass(frozen=True, slots=True)
class Specification:
    """A whole service specification."""

    containers: tuple[Container, ...]
    volumes: tuple[Volume, ...]
    endpoints: tuple[Endpoint, ...]
    log_level: str
    execute_as_caller: bool
    roles: Mapping[str, tuple[str, ...]]
    """Service roles, and the endpoints that each may use."""


def parse_specification(yaml_text: str) -> Specification:
    """Return the specification that a YAML text holds.

    Raises:
        SpecificationError: Snowflake would refuse it; the message starts with the field's path.
    """
    top = Fields(load_yaml(yaml_text), "")
    spec = top.need("spec", Fields)
    capabilities = top.take("capabilities", _capabilities, False)
    roles = top.take("serviceRoles", list_of(_service_role)) or ()
    top.done()
    containers = spec.need("containers", list_of(read_container, at_most=MAX_CONTAINERS))
    if not containers:
        raise spec.refuse("containers", "must have at least one container")
    volumes = spec.take("volumes", list_of(read_volume, at_most=MAX_VOLUMES)) or ()
    endpoints = spec.take("endpoints", list_of(_endpoint, at_most=MAX_ENDPOINTS)) or ()
    log_level = spec.take("logExporters", _log_exporters, "INFO") or "INFO"
    spec.take("platformMonitor", _platform_monitor)
    spec.take("resourceManagement", _resource_management)
    spec.done()
    for names, path in (
        (tuple(c.name for c in containers), "spec.containers"),
        (tuple(v.name for v in volumes), "spec.volumes"),
        (tuple(e.name for e in endpoints), "spec.endpoints"),
    ):
        refuse_repeats(names, path)
    _check_mounts(containers, volumes)
    if sum(len(c.secrets) for c in containers) > MAX_SECRETS:
        raise SpecificationError("spec.containers", f"mount more than the {MAX_SECRETS} secrets a service may have")
    refuse_repeats(tuple(name for name, _ in roles), "serviceRoles")
    for index, (_, used) in enumerate(roles):
        for endpoint in used:
            if endpoint not in {each.name for each in endpoints}:
                raise SpecificationError(f"serviceRoles[{index}].endpoints", f"no endpoint is named {endpoint!r}")
    return Specification(containers, volumes, endpoints, log_level, bool(capabilities), dict(roles))


def _endpoint(value: Any, path: str) -> Endpoint:
    fields = Fields(value, path)
    named = fields.need("name", part_name)
    one, span = fields.take("port", port), fields.take("portRange", _port_range)
    if (one is None) == (span is None):
        raise SpecificationError(path, "must have either port or portRange")
    first, last = span or (one or 0, one or 0)
    public = fields.take("public", flag, False)
    protocol = fields.take("protocol", one_of("HTTP", "TCP", "HTTPS"), "HTTP")
    fields.take("corsSettings", _cors)
    fields.done()
    return Endpoint(named, first, last, bool(public), protocol or "HTTP")


def _port_range(value: Any, path: str) -> tuple[int, int]:
    first, _, last = matching(r"\d+-\d+", "two ports such as 8000-8010")(value, path).partition("-")
    if not 1 <= int(first) <= int(last) <= 65535:
        raise SpecificationError(path, "must go upwards, from 1 to 65535")
    return int(first), int(last)


def _cors(value: Any, path: str) -> None:
    fields = Fields(value, path)
    for header in ("Allow-Origin", "Allow-Methods", "Allow-Headers", "Expose-Headers"):
        fields.take(f"Access-Control-{header}", list_of(text))
    fields.done()


def _log_exporters(value: Any, path: str) -> str:
    fields = Fields(value, path)
    config = fields.need("eventTableConfig", Fields)
    fields.done()
    level = config.need("logLevel", one_of("INFO", "ERROR", "NONE"))
    config.done()
    return level


def _platform_monitor(value: Any, path: str) -> None:
    fields = Fields(value, path)
    config = fields.need("metricConfig", Fields)
    fields.done()
    config.need("groups", list_of(one_of("system", "system_limits", "status", "network", "storage")))
    config.done()


def _resource_management(value: Any, path: str) -> None:
    fields = Fields(value, path)
    policies = fields.need("autoScalingPolicies", Fields)
    fields.done()
    for policy in ("scaleUp", "scaleDown", "suspend"):
        policies.take(policy, Fields)
    policies.done()


def _capabilities(value: Any, path: str) -> bool:
    fields = Fields(value, path)
    context = fields.need("securityContext", Fields)
    fields.done()
    as_caller = context.take("executeAsCaller", flag, False)
    context.take("enableCustomCredentials", flag)
    context.done()
    return bool(as_caller)


def _service_role(value: Any, path: str) -> tuple[str, tuple[str, ...]]:
    fields = Fields(value, path)
    role = (
        fields.need("name", matching(r"[A-Za-z_]\w*", "letters, digits and '_'")),
        fields.need("endpoints", list_of(text)),
    )
    fields.done()
    return role


def _check_mounts(containers: tuple[Container, ...], volumes: tuple[Volume, ...]) -> None:
    known = [volume.name for volume in volumes]
    for number, container in enumerate(containers):
        paths = [mount.path for mount in container.mounts]
        for index, mount in enumerate(container.mounts):
            path = f"spec.containers[{number}].volumeMounts[{index}]"
            if mount.volume not in known:
                raise SpecificationError(
                    f"{path}.name",
                    f"no volume is named {mount.volume!r}; volumes are {', '.join(known) or 'none'}",
                )
            if mount.path in paths[:index]:
                raise SpecificationError(f"{path}.mountPath", f"{mount.path!r} is mounted twice")
