"""A service specification is read as strictly as Snowflake reads it, and every refusal names the field."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from mlops_embedded.jobs.specifications.fields import SpecificationError
from mlops_embedded.jobs.specifications.quantities import cpus, memory_bytes
from mlops_embedded.jobs.specifications.specification import parse_specification

FULL = """
spec:
  containers:
  - name: main
    image: /db/schema/repo/train:1
    command: [python, -m, churn]
    args: ["--fast"]
    env: {RUNS: 3, DRY: false}
    readinessProbe: {port: 8000, path: /ready}
    volumeMounts: [{name: data, mountPath: /data}]
    resources:
      requests: {memory: 1.5Gi, cpu: 500m, nvidia.com/gpu: 1}
      limits: {memory: 2G, cpu: 1, nvidia.com/gpu: 1}
    sessionTokenConfig: {path: /run/token, permission: "0600", mountConnectionConfig: true}
    secrets:
    - {snowflakeSecret: {objectName: db.s.key}, envVarName: KEY, secretKeyRef: secret_string}
    - {snowflakeSecret: db.s.login, directoryPath: /secrets}
  endpoints:
  - {name: api, port: 8000, public: true}
  - {name: workers, portRange: 9000-9010, protocol: TCP}
  volumes:
  - name: data
    source: stage
    stageConfig: {name: "@db.s.stage/in", metadataCache: 1h}
  logExporters: {eventTableConfig: {logLevel: ERROR}}
  platformMonitor: {metricConfig: {groups: [system, status]}}
capabilities: {securityContext: {executeAsCaller: true}}
serviceRoles: [{name: readers, endpoints: [api]}]
"""


def test_every_field_of_the_reference_is_read() -> None:
    specification = parse_specification(FULL)

    [container] = specification.containers
    assert container.command == ("python", "-m", "churn")
    assert container.env == {"RUNS": "3", "DRY": "false"}
    assert container.resources.memory_request == 1_610_612_736
    assert container.resources.memory_limit == 2_000_000_000
    assert (container.resources.cpu_request, container.resources.gpus) == (0.5, 1)
    assert container.token is not None
    assert (container.token.folder, container.token.mode) == ("/run/token", 0o600)
    assert [secret.secret for secret in container.secrets] == ["db.s.key", "db.s.login"]
    assert specification.volumes[0].stage == "@db.s.stage/in"
    assert [(e.port, e.last_port) for e in specification.endpoints] == [(8000, 8000), (9000, 9010)]
    assert (specification.log_level, specification.execute_as_caller) == ("ERROR", True)


def _with(change: str, *keys: str | int) -> str:
    """FULL with one value replaced by the YAML in `change`; `-` takes the field away."""
    document = yaml.safe_load(FULL)
    place = document
    for key in keys[:-1]:
        place = place[key]
    if change == "-":
        del place[keys[-1]]
    else:
        place[keys[-1]] = yaml.safe_load(change)
    return yaml.safe_dump(document)


@pytest.mark.parametrize(
    ("keys", "change", "path", "reason"),
    [
        (("spec", "containers", 0, "image"), "-", "spec.containers[0].image", "is missing"),
        (("spec", "containers", 0, "comand"), "[x]", "spec.containers[0].comand", "did you mean 'command'"),
        (("spec", "containers", 0, "name"), "my_node", "spec.containers[0].name", "lower-case"),
        (("spec", "containers", 0, "name"), "x" * 64, "spec.containers[0].name", "1 to 63"),
        (("spec", "containers", 0, "args"), "[1]", "spec.containers[0].args[0]", "must be a string"),
        (("spec", "containers", 0, "env"), "[A=1]", "spec.containers[0].env", "must be a mapping"),
        (
            ("spec", "containers", 0, "env", "SNOWFLAKE_RUNNING_INSIDE_SPCS"), "1",
            "spec.containers[0].env.SNOWFLAKE_RUNNING_INSIDE_SPCS", "set by Snowflake",
        ),
        (
            ("spec", "containers", 0, "resources", "limits", "memory"), "2",
            "spec.containers[0].resources.limits.memory", "unit",
        ),
        (
            ("spec", "containers", 0, "resources", "limits", "nvidia.com/gpu"), "-",
            "spec.containers[0].resources", "must be the same",
        ),
        (
            ("spec", "containers", 0, "resources", "limits", "cpu"), "100m",
            "spec.containers[0].resources.requests.cpu", "more than its limit",
        ),
        (
            ("spec", "containers", 0, "mountSessionToken"), "false",
            "spec.containers[0].sessionTokenConfig", "needs",
        ),
        (
            ("spec", "containers", 0, "sessionTokenConfig", "permission"), "'0666'",
            "spec.containers[0].sessionTokenConfig.permission", "0644",
        ),
        (
            ("spec", "containers", 0, "volumeMounts", 0, "name"), "dat",
            "spec.containers[0].volumeMounts[0].name", "no volume is named 'dat'",
        ),
        (("spec", "volumes", 0, "source"), "memory", "spec.volumes[0].size", "is missing"),
        (("spec", "volumes", 0, "size"), "1Gi", "spec.volumes[0].size", "is not for a stage volume"),
        (("spec", "endpoints", 0, "portRange"), "1-2", "spec.endpoints[0]", "either port or portRange"),
        (("spec", "endpoints", 1, "name"), "api", "spec.endpoints[1].name", "name of spec.endpoints[0] too"),
        (("spec", "logExporters", "eventTableConfig", "logLevel"), "DEBUG",
         "spec.logExporters.eventTableConfig.logLevel", "INFO, ERROR, NONE"),
        (("spec", "containers"), "[]", "spec.containers", "at least one"),
        (("extra",), "1", "extra", "not a field"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_refused_by_its_path(keys: tuple[str | int, ...], change: str, path: str, reason: str) -> None:
    with pytest.raises(SpecificationError) as caught:
        parse_specification(_with(change, *keys))

    assert caught.value.path == path
    assert reason in caught.value.reason


@pytest.mark.parametrize(("field", "limit"), [("containers", 20), ("endpoints", 100), ("volumes", 20)])
def test_a_service_has_at_most_so_many_parts(field: str, limit: int) -> None:
    document = yaml.safe_load(FULL)
    document["spec"][field] = [{**document["spec"][field][0], "name": f"x{n}"} for n in range(limit + 1)]

    with pytest.raises(SpecificationError, match=f"at most {limit}"):
        parse_specification(yaml.safe_dump(document))


def test_a_key_that_is_given_twice_is_refused_with_its_line() -> None:
    with pytest.raises(SpecificationError, match="line 3: 'containers' is given twice"):
        parse_specification("spec:\n  containers: []\n  containers: []\n")


@given(st.integers(1, 10**6), st.sampled_from([("M", 10**6), ("Mi", 2**20), ("G", 10**9), ("Gi", 2**30)]))
def test_memory_is_its_number_times_its_unit(number: int, unit: tuple[str, int]) -> None:
    assert memory_bytes(f"{number}{unit[0]}", "memory") == number * unit[1]


@given(st.integers(0, 10**6))
def test_a_thousand_thousandths_are_a_core(thousandths: int) -> None:
    assert cpus(f"{thousandths}m", "cpu") == pytest.approx(thousandths / 1000)
