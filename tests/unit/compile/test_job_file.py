"""Job files written by hand: what is valid is kept whole, what is not is told with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops.compile.job_file import JobFile, placeholders_of, read_job_file
from mlops.compile.rules import misfits_of
from mlops.compile.specification import (
    Amounts,
    BlockConfig,
    Capabilities,
    Container,
    ContainerResources,
    CorsSettings,
    Endpoint,
    EventTableConfig,
    InitialContents,
    LogExporters,
    MetricConfig,
    PlatformMonitor,
    Probe,
    ResourceManagement,
    SecretMount,
    SecurityContext,
    ServiceRole,
    SessionTokenConfig,
    SnowflakeSecret,
    Spec,
    Specification,
    StageConfig,
    Volume,
    VolumeMount,
)
from mlops.compile.yaml_text import to_yaml
from mlops.errors import JobFileError, SeveralError

ORIGINAL = """\
# job-*.yaml files - NO CREDENTIALS NEEDED
spec:
  containers:
    - name: node-container
      image: <registry>/mlops-framework:latest
      args: ["--node", "generate_data"]
      env:
        - name: SNOWFLAKE_ACCOUNT
          value: "<account>"
        - name: SNOWFLAKE_WAREHOUSE
          value: "<warehouse>"
        - name: RATE
          value: 1.10
"""
PLACEHOLDERS = {"registry": "/ml/prod/images", "warehouse": "WH", "SNOWFLAKE_DATABASE": "ml"}


def read(text: str, **placeholders: str) -> JobFile:
    return read_job_file(text, file="jobs/x.yaml", placeholders=placeholders or PLACEHOLDERS)


names = st.from_regex(r"[a-z]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
words = st.text(st.characters(codec="utf-8", exclude_characters="$<>"), min_size=1, max_size=12)
folders = st.from_regex(r"/[a-z/]{0,8}", fullmatch=True)
memory = st.sampled_from(["1G", "512Mi", "2Gi", "100M"])
amounts = st.builds(
    Amounts, memory=st.none() | memory, cpu=st.none() | st.integers(1, 8) | st.sampled_from([0.5, "500m"])
)
resources = st.one_of(
    st.builds(ContainerResources, requests=st.none() | amounts),
    st.builds(ContainerResources, limits=amounts),
    st.integers(1, 4).map(lambda count: ContainerResources(Amounts(gpu=count), Amounts(gpu=count))),
)
probes = st.builds(Probe, port=st.integers(1, 65535), path=folders, period_seconds=st.none() | st.integers(1, 60))
variables = st.from_regex(r"[A-Z]{1,4}X", fullmatch=True)
secrets = st.one_of(
    st.builds(SecretMount, snowflake_secret=st.just("a.b.c"), directory_path=folders),
    st.builds(
        SecretMount,
        snowflake_secret=st.builds(SnowflakeSecret, object_name=st.just("a.b.c")),
        env_var_name=variables,
        secret_key_ref=st.sampled_from(["username", "password", "secret_string", "access_token"]),
    ),
)
tokens = st.builds(
    SessionTokenConfig,
    path=folders,
    permission=st.none() | st.sampled_from(["0600", "0644"]),
    mount_connection_config=st.booleans(),
)
volumes = st.one_of(
    st.builds(Volume, name=names, source=st.just("local")),
    st.builds(Volume, name=names, source=st.just("memory"), size=memory),
    st.builds(
        Volume, name=names, source=st.just("stage"), uid=st.none() | st.integers(0, 9),
        stage_config=st.builds(StageConfig, name=st.just("@a.b.c/d"), metadata_cache=st.none() | st.just("1h"), resources=st.none() | resources),
    ),
    st.builds(
        Volume, name=names, source=st.just("block"), size=st.just("10Gi"),
        block_config=st.none() | st.builds(BlockConfig, initial_contents=st.none() | st.builds(InitialContents, from_snapshot=words),
                                           iops=st.none() | st.integers(1, 9), encryption=st.none() | st.just("SNOWFLAKE_SSE")),
    ),
)  # fmt: skip
endpoints = st.one_of(
    st.builds(Endpoint, name=names, port=st.integers(1, 65535), public=st.none() | st.booleans(),
              cors_settings=st.none() | st.builds(CorsSettings, allow_origin=st.lists(words, max_size=2).map(tuple))),
    st.builds(Endpoint, name=names, port_range=st.just("8000-8010"), protocol=st.just("TCP")),
)  # fmt: skip


@st.composite
def specifications(draw) -> Specification:
    disks = tuple(draw(st.lists(volumes, max_size=3, unique_by=lambda one: one.name)))
    doors = tuple(draw(st.lists(endpoints, max_size=3, unique_by=lambda one: one.name)))
    containers = []
    for name in draw(st.lists(names, min_size=1, max_size=3, unique=True)):
        mounted = draw(st.lists(st.sampled_from(disks), max_size=3, unique_by=lambda one: one.name)) if disks else []
        containers.append(
            Container(
                name=name,
                image=draw(st.sampled_from(["/a/b/c/d:1", "host.example.com/a/b/c/d:latest"])),
                command=tuple(draw(st.lists(words, max_size=2))),
                args=tuple(draw(st.lists(words, max_size=2))),
                env=draw(st.dictionaries(variables, words, max_size=3)),
                readiness_probe=draw(st.none() | probes),
                liveness_probe=draw(st.none() | probes),
                volume_mounts=tuple(VolumeMount(one.name, f"/m/{at}") for at, one in enumerate(mounted)),
                resources=draw(st.none() | resources),
                session_token_config=draw(st.none() | tokens),
                secrets=tuple(draw(st.lists(secrets, max_size=2))),
            )
        )
    return Specification(
        spec=Spec(
            containers=tuple(containers),
            endpoints=doors,
            volumes=disks,
            log_exporters=draw(st.none() | st.just(LogExporters(EventTableConfig("ERROR")))),
            platform_monitor=draw(st.none() | st.just(PlatformMonitor(MetricConfig(("system", "storage"))))),
            resource_management=draw(st.none() | st.just(ResourceManagement({"suspend": {"after": "1h"}}))),
        ),
        capabilities=draw(st.none() | st.just(Capabilities(SecurityContext(execute_as_caller=True)))),
        service_roles=(ServiceRole("reader", tuple(one.name for one in doors)),)
        if doors and draw(st.booleans())
        else (),
    )


@settings(max_examples=25, deadline=None)
@given(specifications())
def test_a_valid_specification_comes_back_whole_from_yaml_of_ours_and_of_others(specification):
    if list(misfits_of(specification)):
        return  # three block volumes at most, and the like

    assert read(to_yaml(specification.to_data())).specification == specification
    assert read(yaml.dump(specification.to_data())).specification == specification


def test_a_file_as_the_original_has_it_is_read_with_what_is_worth_knowing():
    found = read(ORIGINAL)

    (container,) = found.specification.spec.containers
    assert container.image == "/ml/prod/images/mlops-framework:latest"
    assert container.env == {"SNOWFLAKE_WAREHOUSE": "WH", "RATE": "1.10"}
    assert [warning.partition(": ")[0] for warning in found.warnings] == ["jobs/x.yaml:7", "jobs/x.yaml:8"]
    assert "Snowflake takes a map" in found.warnings[0]


def test_a_placeholder_is_a_value_and_can_never_become_more_than_that():
    evil = 'x"\nspec: {containers: []}\n# '

    found = read(
        "spec:\n  containers:\n  - {name: a, image: /a/b/c/d, env: {A: <SNOWFLAKE_DATABASE>}}\n",
        SNOWFLAKE_DATABASE=evil,
    )

    assert found.specification.spec.containers[0].env == {"A": evil}


def test_the_target_says_what_placeholders_stand_for_and_no_credential_is_among_them(samples):
    values = placeholders_of(
        samples.target(warehouse="wh"),
        {"SNOWFLAKE_ACCOUNT": "me", "SNOWFLAKE_PASSWORD": "x", "SNOWFLAKE_DATABASE": "other"},
    )

    assert (values["SNOWFLAKE_DATABASE"], values["account"], values["SNOWFLAKE_WAREHOUSE"]) == ("ml", "me", "wh")
    assert values["registry"] == values["SNOWFLAKE_REGISTRY_URL"] == "/ml/prod/mlops_images"
    assert "SNOWFLAKE_PASSWORD" not in values


def test_several_problems_of_a_file_are_told_at_once_each_with_its_line():
    text = "spec:\n  containers:\n  - name: a\n    imag: /a/b/c/d\n    resources:\n      limits:\n        memory: 2\n"

    with pytest.raises(SeveralError) as caught:
        read(text)

    assert [(one.line, one.path) for one in caught.value.problems] == [
        (4, "spec.containers[0].imag"),
        (7, "spec.containers[0].resources.limits.memory"),
        (3, "spec.containers[0].image"),
    ]
    assert caught.value.problems[0].hint == "did you mean 'image'?"


CONTAINER = "spec:\n  containers:\n  - name: main\n    image: /a/b/c/d\n"
BROKEN = {
    "not yaml": ("spec: ]", 1, "not valid YAML"),
    "a control sign": ("spec: \x07", 1, "not valid YAML"),
    "two documents": ("spec: {}\n---\nspec: {}\n", 2, "not valid YAML"),
    "empty": ("", 1, "not a table"),
    "a list": ("- a\n", 1, "not a table"),
    "a key twice": (f"{CONTAINER}    image: /x/y/z/w\n", 5, "'image' is given twice"),
    "contains itself": ("spec: &a\n  containers: *a\n", 1, "it contains itself"),
    "no spec": ("containers: []\n", 1, "no such field"),
    "no containers": ("spec: {}\n", 1, "it is missing"),
    "empty containers": ("spec: {containers: []}\n", 1, "it is empty"),
    "21 containers": ("spec:\n  containers:\n" + "".join(f"  - {{name: a{n}, image: /a/b/c/d}}\n" for n in range(21)), 2, "21 entries"),
    "singular container": ("spec:\n  container: []\n", 2, "no such field"),
    "a merge key": (f"{CONTAINER}    <<: {{}}\n", 5, "no such field"),
    "upper case": (CONTAINER.replace("main", "Main"), 3, "'Main'"),
    "underscore": (CONTAINER.replace("main", "a_b"), 3, "'a_b'"),
    "64 letters": (CONTAINER.replace("main", "a" * 64), 3, "aaaa"),
    "two of one name": (CONTAINER + "  - {name: main, image: /a/b/c/d}\n", 5, "'main' is the name of containers[0], too"),
    "image is a number": (CONTAINER.replace("/a/b/c/d", "5"), 4, "a number"),
    "image with a space": (CONTAINER.replace("/a/b/c/d", "a b"), 4, "'a b'"),
    "image that ends the statement": (CONTAINER.replace("/a/b/c/d", "/a/b/c/$$d"), 4, "'/a/b/c/$$d'"),
    "memory without unit": (f"{CONTAINER}    resources: {{limits: {{memory: '2'}}}}\n", 5, "'2'"),
    "memory in K": (f"{CONTAINER}    resources: {{limits: {{memory: 2Ki}}}}\n", 5, "'2Ki'"),
    "no memory": (f"{CONTAINER}    resources: {{limits: {{memory: 0Gi}}}}\n", 5, "0Gi"),
    "negative cpu": (f"{CONTAINER}    resources: {{limits: {{cpu: -1}}}}\n", 5, "it is -1"),
    "cpu in words": (f"{CONTAINER}    resources: {{limits: {{cpu: two}}}}\n", 5, "'two'"),
    "gpu without limit": (f"{CONTAINER}    resources: {{requests: {{nvidia.com/gpu: 1}}}}\n", 5, "requests ask for 1 GPU"),
    "gpu not equal": (
        f"{CONTAINER}    resources: {{requests: {{nvidia.com/gpu: 1}}, limits: {{nvidia.com/gpu: 2}}}}\n", 5, "limits for 2",
    ),
    "half a gpu": (f"{CONTAINER}    resources: {{limits: {{nvidia.com/gpu: 0.5}}}}\n", 5, "whole number"),
    "request above limit": (
        f"{CONTAINER}    resources: {{requests: {{memory: 4Gi}}, limits: {{memory: 2Gi}}}}\n", 5, "more than the limit",
    ),
    "cpu above limit": (f"{CONTAINER}    resources: {{requests: {{cpu: 2}}, limits: {{cpu: 500m}}}}\n", 5, "more than the limit"),
    "no such volume": (f"{CONTAINER}    volumeMounts: [{{name: data, mountPath: /x}}]\n", 5, "no volume 'data'"),
    "a mount without a path": (f"{CONTAINER}    volumeMounts: [{{name: data, mountPath: x}}]\n", 5, "'x'"),
    "a stage without its name": (f"{CONTAINER}  volumes: [{{name: d, source: stage}}]\n", 5, "a stage volume needs it"),
    "an unknown source": (f"{CONTAINER}  volumes: [{{name: d, source: disk}}]\n", 5, "'disk'"),
    "memory volume without size": (f"{CONTAINER}  volumes: [{{name: d, source: memory}}]\n", 5, "needs a size"),
    "half a block": (f"{CONTAINER}  volumes: [{{name: d, source: block, size: 1.5Gi}}]\n", 5, "whole number of Gi"),
    "stage config elsewhere": (
        f"{CONTAINER}  volumes: [{{name: d, source: local, stageConfig: {{name: '@s'}}}}]\n", 5, "for volumes of source stage",
    ),
    "a probe without a path": (f"{CONTAINER}    readinessProbe: {{port: 80}}\n", 5, "it is missing"),
    "a port too high": (f"{CONTAINER}    readinessProbe: {{port: 65536, path: /}}\n", 5, "it is 65536"),
    "endpoint without port": (f"{CONTAINER}  endpoints: [{{name: http}}]\n", 5, "a port or a range"),
    "public TCP": (f"{CONTAINER}  endpoints: [{{name: x, port: 1, public: true, protocol: TCP}}]\n", 5, "speaks HTTP"),
    "ports downwards": (f"{CONTAINER}  endpoints: [{{name: x, portRange: 90-80}}]\n", 5, "does not go upwards"),
    "a role without endpoint": (f"{CONTAINER}serviceRoles: [{{name: r, endpoints: [x]}}]\n", 5, "no endpoint 'x'"),
    "log level": (f"{CONTAINER}  logExporters: {{eventTableConfig: {{logLevel: WARN}}}}\n", 5, "'WARN'"),
    "metric group": (f"{CONTAINER}  platformMonitor: {{metricConfig: {{groups: [systm]}}}}\n", 5, "'systm'"),
    "octal without quotes": (f"{CONTAINER}    sessionTokenConfig: {{path: /t, permission: 0600}}\n", 5, "not text"),
    "too many rights": (f"{CONTAINER}    sessionTokenConfig: {{path: /t, permission: '0777'}}\n", 5, "more than 0644"),
    "token without mount": (
        f"{CONTAINER}    mountSessionToken: false\n    sessionTokenConfig: {{path: /t}}\n", 6, "mountSessionToken is false",
    ),
    "a secret nowhere": (f"{CONTAINER}    secrets: [{{snowflakeSecret: a.b.c}}]\n", 5, "a folder or into a variable"),
    "a secret without key": (f"{CONTAINER}    secrets: [{{snowflakeSecret: a.b.c, envVarName: A}}]\n", 5, "needs the key"),
    "a password": (f"{CONTAINER}    env: {{DB_PASSWORD: x}}\n", 5, "looks like a credential"),
    "a password in a list": (f"{CONTAINER}    env: [{{name: SNOWFLAKE_PASSWORD, value: x}}]\n", 5, "looks like a credential"),
    "a token under another name": (f"{CONTAINER}    env: {{A: ver:1-hint:42-ETMs}}\n", 5, "looks like a credential"),
    "an address with a password": (f"{CONTAINER}    args: ['postgres://ana:x@db/sales']\n", 5, "looks like a credential"),
    "a password among the arguments": (f"{CONTAINER}    args: [--user, ana, --password, x]\n", 5, "looks like a credential"),
    "a value from elsewhere": (f"{CONTAINER}    env: [{{name: A, valueFrom: {{secretKeyRef: {{}}}}}}]\n", 5, "no valueFrom"),
    "an unknown placeholder": (f"{CONTAINER}    env: {{A: <SNOWFLAKE_DATABSE>}}\n", 5, "<SNOWFLAKE_DATABSE>"),
    "a variable that ends the statement": (f"{CONTAINER}    env: {{A: x $$ y}}\n", 5, "holds $$"),
    "an argument that ends the statement": (f"{CONTAINER}    args: [a, $$]\n", 5, "holds $$"),
    "a variable without value": (f"{CONTAINER}    env: {{A: }}\n", 5, "has no value"),
    "a variable's name": (f"{CONTAINER}    env: {{'A-B': x}}\n", 5, "'A-B'"),
    "args are text": (f"{CONTAINER}    args: --task x\n", 5, "not a list"),
    "a date that cannot be": (f"{CONTAINER}    args: [2026-13-45]\n", 5, "cannot be"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_told_with_its_line_and_a_mend(case):
    text, line, problem = BROKEN[case]

    with pytest.raises((JobFileError, SeveralError)) as caught:
        read(text)

    problems = getattr(caught.value, "problems", (caught.value,))
    assert any(one.line == line and problem in one.message for one in problems), [
        (one.line, one.message) for one in problems
    ]
    assert all(
        one.file == "jobs/x.yaml" and (one.hint or "YAML" in one.message or "cannot be" in one.message)
        for one in problems
    )


def test_a_written_specification_wins_and_gets_what_it_leaves_open(samples):
    written = read(ORIGINAL).specification
    target = samples.target(env={"RATE": "9", "LEVEL": "low"})

    found = samples.deployment(samples.node("a"), target=target, written={"kit:a": written})

    spec = yaml.safe_load(found.root.definition.split("$$")[1])["spec"]
    (container,) = spec["containers"]
    assert (container["name"], container["args"]) == ("node-container", ["--task", "kit:a"])
    assert (container["env"]["RATE"], container["env"]["LEVEL"], container["env"]["MLOPS_AUTH"]) == (
        "1.10",
        "low",
        "inherited",
    )
    assert container["volumeMounts"] == [{"name": "data", "mountPath": "/mlops/data"}]
    assert [volume["name"] for volume in spec["volumes"]] == ["data"]


def test_the_example_of_the_documentation_is_right():
    page = (Path(__file__).parents[3] / "docs" / "jobs.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)

    (container,) = read(example, SNOWFLAKE_REGISTRY_URL="/ml/prod/images").specification.spec.containers

    assert (container.image, container.env) == ("/ml/prod/images/train-gpu:3", {"RATE": "1.10"})
