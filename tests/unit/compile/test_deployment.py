"""A deployment: tasks with their order, names, bounds and bodies, from a graph and a target."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from mlops.compile.notification import notification_in
from mlops.compile.objects import ComputePool, Deployment, ImageRepository, Stage, Task
from mlops.compile.statement import parts_of
from mlops.configuration.targets import NodeOptions, Notification, Pool, Secret, TaskOptions
from mlops.errors import PipelineError
from mlops.nodes import Endpoint, Partitions, Resources, Retries, Serving
from mlops.parameters import Parameter
from mlops.pipeline import Cron, Stream


def by_name(deployment: Deployment) -> dict[str, Task]:
    return {task.name: task for task in deployment.tasks}


def container(task: Task) -> dict:
    return yaml.safe_load(parts_of(task.definition)[1] or "")["spec"]["containers"][0]


def line(samples, count: int, **fields):
    return [
        samples.node(f"n{at}", reads=[f"d{at - 1}"] if at else [], writes=[f"d{at}"], **fields) for at in range(count)
    ]


def test_the_only_entry_is_the_root_and_the_others_follow_what_they_read(samples):
    made, fit = samples.node("make", writes=["rows"]), samples.node("fit", reads=["rows"], writes=["model"])
    judge = samples.node("judge", reads=["rows", "model"])

    found = samples.deployment(made, fit, judge, schedule=Cron("0 2 * * *", "Europe/Berlin"))

    assert [(task.name, task.nodes, task.predecessors) for task in found.tasks] == [
        ("P", ("kit:make",), ()),
        ("P$FIT", ("kit:fit",), ("P",)),
        ("P$JUDGE", ("kit:judge",), ("P", "P$FIT")),
    ]
    assert found.root.schedule == Cron("0 2 * * *", "Europe/Berlin")
    assert all(task.schedule is None for task in found.tasks[1:])


def test_several_entries_get_a_small_root_that_runs_no_node(samples):
    found = samples.deployment(samples.node("a"), samples.node("b"))

    assert (found.root.name, found.root.definition, found.root.nodes) == ("P", "SELECT 1", ())
    assert [task.predecessors for task in found.tasks[1:]] == [("P",), ("P",)]
    assert found.root.session_parameters == {}


def test_the_finalizer_is_the_last_task_and_names_its_root(samples):
    found = samples.deployment(samples.node("a", writes=["x"]), samples.node("tidy", reads=["x"]), finalizer="tidy")

    assert found.tasks[-1].name == "P$TIDY"
    assert (found.tasks[-1].finalize, found.tasks[-1].predecessors) == ("P", ())


def test_a_pipeline_of_its_finalizer_and_one_node_has_that_node_as_root(samples):
    found = samples.deployment(samples.node("a"), samples.node("tidy"), finalizer="tidy")

    assert found.root.nodes == ("kit:a",)


def test_two_nodes_of_one_name_have_their_distributions_in_the_names_of_their_tasks(samples):
    start = samples.node("start", writes=["x"])
    ours, theirs = samples.node("fit", reads=["x"]), samples.node("fit", reads=["x"], plugin="other-kit")

    assert sorted(by_name(samples.deployment(start, ours, theirs))) == ["P", "P$KIT__FIT", "P$OTHER_KIT__FIT"]


def test_a_container_runs_its_node_with_the_stage_and_what_the_contract_says(samples):
    target = samples.target(warehouse="wh", image="churn:3", env={"LEVEL": "high"}, metric_groups=("system",))
    found = samples.deployment(samples.node("fit", resources=Resources(cpu=0.5, memory="3Gi", gpu=1)),
                               target=replace(target, pools={"default": Pool("g", "GPU_NV_S")}))  # fmt: skip

    head, specification = parts_of(found.root.definition)
    main = container(found.root)
    assert head == "EXECUTE JOB SERVICE IN COMPUTE POOL G\nQUERY_WAREHOUSE = WH\nFROM SPECIFICATION"
    assert main["image"] == "/ml/prod/mlops_images/churn:3"
    assert main["args"] == ["--task", "kit:fit"]
    assert main["env"] == {
        "LEVEL": "high",
        "MLOPS_AUTH": "inherited",
        "MLOPS_DATA": "/mlops/data",
        "MLOPS_LOG_FORMAT": "json",
        "MLOPS_PIPELINE": "p",
        "MLOPS_VERSIONS": '{"kit": "1.0", "mlops-framework": "0.1.0"}',
        "SNOWFLAKE_WAREHOUSE": "WH",
    }
    assert main["resources"]["requests"] == {"memory": "3Gi", "cpu": 0.5, "nvidia.com/gpu": 1}
    assert main["resources"]["requests"] == main["resources"]["limits"]
    assert main["volumeMounts"] == [{"name": "data", "mountPath": "/mlops/data"}]
    spec = yaml.safe_load(specification)["spec"]
    stage = {"source": "stage", "uid": 10001, "gid": 10001, "stageConfig": {"name": "@ML.PROD.MLOPS_DATA"}}
    assert spec["volumes"] == [{"name": "data", **stage}]
    assert spec["platformMonitor"] == {"metricConfig": {"groups": ["system"]}}


def test_pools_stage_and_repository_are_those_that_are_used(samples):
    target = samples.target(pools={"default": Pool("small"), "gpu": Pool("big", managed=False), "idle": Pool("idle")},
                            nodes={"fit": NodeOptions(pool="gpu")})  # fmt: skip
    found = samples.deployment(samples.node("make", writes=["x"]), samples.node("fit", reads=["x"]), target=target)

    assert [(pool.name, pool.managed) for pool in found.compute_pools] == [("BIG", False), ("SMALL", True)]
    assert found.compute_pools[1] == ComputePool("SMALL", "CPU_X64_S", 1, 1, True, 300)
    assert (found.stages, found.image_repositories) == ((Stage("MLOPS_DATA"),), (ImageRepository("MLOPS_IMAGES"),))


def test_an_image_of_another_schema_needs_no_repository_of_ours(samples):
    found = samples.deployment(samples.node("a"), target=samples.target(image="/shared/images/repo/mlops:1"))

    assert found.image_repositories == ()
    assert container(found.root)["image"] == "/shared/images/repo/mlops:1"


def test_the_root_is_bounded_by_the_longest_chain_and_what_it_runs_by_its_statement(samples):
    nodes = line(samples, 3, timeout=timedelta(minutes=10), retries=Retries(1, timedelta(seconds=30)))
    target = samples.target(tasks=TaskOptions(start_timeout=120))

    found = samples.deployment(*nodes, target=target)

    each = timedelta(minutes=20, seconds=30 + 120)
    assert [task.user_task_timeout for task in found.tasks] == [3 * each, each, each]
    assert found.root.session_parameters == {"STATEMENT_TIMEOUT_IN_SECONDS": int(each.total_seconds())}


def test_a_graph_timeout_shorter_than_a_node_names_the_node(samples):
    target = samples.target(tasks=TaskOptions(graph_timeout=600))

    with pytest.raises(
        PipelineError, match=r"tasks\.graph_timeout: a run may take 600 s, and node 'a' alone"
    ) as caught:
        samples.deployment(samples.node("a"), target=target)

    assert "raise graph_timeout" in str(caught.value)


def test_how_a_root_runs_is_what_the_target_says(samples):
    options = TaskOptions(warehouse="wh", overlap_policy="ALLOW_ALL_OVERLAP", auto_retry_attempts=2,
                          suspend_after_failures=3, error_integration="ei", started=False, graph_timeout=90000)  # fmt: skip
    found = samples.deployment(*line(samples, 2), target=samples.target(tasks=options))

    root, child = found.tasks
    assert (root.overlap_policy, root.task_auto_retry_attempts, root.suspend_task_after_num_failures) == (
        "ALLOW_ALL_OVERLAP",
        2,
        3,
    )
    assert (root.error_integration, root.user_task_timeout, found.started) == ("EI", timedelta(hours=25), False)
    assert (root.warehouse, child.warehouse) == ("WH", "WH")
    assert (child.overlap_policy, child.task_auto_retry_attempts, child.error_integration) == (None, None, None)


def test_the_root_holds_the_parameters_of_all_nodes(samples):
    nodes = [samples.node("a", writes=["x"], parameters=(Parameter("n", 3, "int"),)),
             samples.node("b", reads=["x"], parameters=(Parameter("m", None, "int | None"),))]  # fmt: skip

    found = samples.deployment(*nodes)

    assert found.root.config == {"a.n": 3, "b.m": "null"}
    assert found.tasks[1].config == {}


def test_a_stream_starts_a_root_that_says_how_soon_it_ends(samples):
    target = samples.target(tasks=TaskOptions(target_completion_interval=300, when="SYSTEM$STREAM_HAS_DATA('other')"))

    root = samples.deployment(samples.node("a"), schedule=Stream("raw.orders"), target=target).root

    assert root.schedule is None
    assert root.condition == "(SYSTEM$STREAM_HAS_DATA('RAW.ORDERS')) AND (SYSTEM$STREAM_HAS_DATA('other'))"
    assert root.target_completion_interval == timedelta(minutes=5)


def test_a_condition_of_a_node_is_that_of_its_task(samples):
    condition = "SYSTEM$GET_PREDECESSOR_RETURN_VALUE('P') != 'nothing'"
    target = samples.target(nodes={"n1": NodeOptions(when=condition)})

    assert by_name(samples.deployment(*line(samples, 2), target=target))["P$N1"].condition == condition


def test_partitions_are_replicas(samples):
    nodes = [samples.node("a", partitions=Partitions(4)), samples.node("b", partitions=Partitions(2))]
    found = samples.deployment(*nodes, target=samples.target(nodes={"kit:b": NodeOptions(partitions=3)}))

    assert ["REPLICAS = 4" in by_name(found)["P$A"].definition, "REPLICAS = 3" in by_name(found)["P$B"].definition] == [
        True
    ] * 2


def test_integrations_for_access_are_listed_in_upper_case(samples):
    found = samples.deployment(samples.node("a"), target=samples.target(external_access_integrations=("pypi", "hub")))

    assert "EXTERNAL_ACCESS_INTEGRATIONS = (PYPI, HUB)\nFROM SPECIFICATION" in found.root.definition


def test_a_secret_is_a_reference_never_a_value(samples):
    secrets = (Secret("api", variable="API_KEY", key="secret_string"), Secret("ml.other.key", folder="/secrets/key"))

    main = container(samples.deployment(samples.node("a"), target=samples.target(secrets=secrets)).root)

    assert main["secrets"] == [
        {"snowflakeSecret": "ML.PROD.API", "envVarName": "API_KEY", "secretKeyRef": "secret_string"},
        {"snowflakeSecret": "ML.OTHER.KEY", "directoryPath": "/secrets/key"},
    ]


def test_a_group_shares_one_container_that_runs_its_nodes_in_order(samples):
    nodes = [*line(samples, 2, group="prep", resources=Resources(cpu=2)), samples.node("end", reads=["d1"])]

    found = samples.deployment(*nodes)

    assert [(task.name, task.nodes) for task in found.tasks] == [("P", ("kit:n0", "kit:n1")), ("P$END", ("kit:end",))]
    assert container(found.root)["args"] == ["--task", "kit:n0", "--task", "kit:n1"]
    assert found.root.session_parameters == {"STATEMENT_TIMEOUT_IN_SECONDS": 2 * 3600 + 600}


def test_a_group_that_a_path_leaves_and_comes_back_to_is_refused_with_the_path(samples):
    first, middle, last = line(samples, 3)
    target = samples.target(nodes={"n0": NodeOptions(group="g"), "n2": NodeOptions(group="g")})

    with pytest.raises(PipelineError) as caught:
        samples.deployment(first, middle, last, target=target)

    assert "group 'g' cannot share one container: a path leaves it and comes back: n0 → n1, n1 → n2" in str(
        caught.value
    )


def test_two_groups_that_wait_for_each_other_are_refused_though_each_is_whole(samples):
    nodes = [samples.node("a1", writes=["p"], group="a"), samples.node("b1", reads=["p"], group="b"),
             samples.node("b2", writes=["q"], group="b"), samples.node("a2", reads=["q"], group="a")]  # fmt: skip

    with pytest.raises(PipelineError, match=r"group ('a' and 'b'|'b' and 'a') cannot share"):
        samples.deployment(*nodes)


def test_a_dataset_that_nothing_stores_may_pass_inside_a_container_and_not_between_two(samples):
    maker = samples.node("a", writes=["lock"], output_types={"lock": ("threading.Lock",)}, group="g")
    near, far = samples.node("b", reads=["lock"], group="g"), samples.node("c", reads=["lock"])

    assert samples.deployment(maker, near, storable=lambda names, storage: None).tasks
    with pytest.raises(PipelineError, match=r"dataset 'lock' \(threading.Lock\) goes from group 'g'"):
        samples.deployment(maker, near, far, storable=lambda names, storage: None)


def test_a_serving_node_is_a_service_with_its_function_and_no_task(samples):
    serving = Serving((Endpoint("http", 8080),), 1, 3, readiness_path="/health", function="predict", function_path="/predict",
                      function_arguments={"age": "int"}, function_returns="float")  # fmt: skip
    serve = samples.node("serve", reads=["model"], serving=serving, parameters=(Parameter("limit", 5, "int"),))

    found = samples.deployment(samples.node("fit", writes=["model"]), serve)

    assert [task.name for task in found.tasks] == ["P"]
    (service,), (function,) = found.services, found.functions
    assert (service.name, service.min_instances, service.max_instances) == ("P_SERVE", 1, 3)
    spec = yaml.safe_load(service.specification)["spec"]
    assert spec["endpoints"] == [{"name": "http", "port": 8080}]
    assert spec["containers"][0]["readinessProbe"] == {"port": 8080, "path": "/health"}
    assert spec["containers"][0]["env"]["MLOPS_PARAMETERS"] == '{"serve.limit": 5}'
    assert (function.name, function.service, function.arguments, function.returns) == (
        "PREDICT",
        "P_SERVE",
        {"AGE": "INT"},
        "FLOAT",
    )


def test_a_failure_is_told_by_a_finalizer_that_asks_the_history(samples):
    target = samples.target(on_failure=Notification("mail", ("a@example.com", "o'neil@example.com"), "it's broken"))

    found = samples.deployment(samples.node("a"), target=target)

    last = found.tasks[-1]
    assert (last.name, last.finalize) == ("P$ON_FAILURE", "P")
    assert "EMAIL_INTEGRATION_CONFIG('MAIL', 'it''s broken', ARRAY_CONSTRUCT('a@example.com'" in last.definition
    assert "ML.INFORMATION_SCHEMA.TASK_HISTORY(" in last.definition


def test_beside_a_finalizer_node_its_container_is_told_whom_to_tell_and_no_other_is(samples):
    target = samples.target(on_failure=Notification("mail", ("a@example.com",)))

    found = samples.deployment(samples.node("a"), samples.node("end"), target=target, finalizer="end")

    first, last = (yaml.safe_load(parts_of(task.definition)[1])["spec"]["containers"][0]["env"] for task in found.tasks)
    assert [(task.name, task.finalize) for task in found.tasks] == [("P", None), ("P$END", "P")]
    assert notification_in(last["MLOPS_ON_FAILURE"]) == Notification("MAIL", ("a@example.com",), "p failed on dev")
    assert "MLOPS_ON_FAILURE" not in first


@st.composite
def acyclic(draw) -> list[tuple[set[int], int | None]]:
    count = draw(st.integers(1, 15))
    return [
        (draw(st.sets(st.integers(0, at - 1), max_size=3)) if at else set(), draw(st.none() | st.integers(0, 2)))
        for at in range(count)
    ]


@settings(max_examples=60, deadline=None)
@given(acyclic())
def test_whatever_the_graph_every_task_comes_after_its_predecessors_and_equal_input_gives_equal_tasks(samples, drawn):
    nodes = [
        samples.node(
            f"n{at}",
            reads=[f"d{one}" for one in sorted(reads)],
            writes=[f"d{at}"],
            group=None if group is None else f"g{group}",
        )
        for at, (reads, group) in enumerate(drawn)
    ]
    try:
        found = samples.deployment(*nodes)
    except PipelineError as refused:
        event = "a path leaves it and comes back" in str(refused)
        assume(not event)
        raise

    names = [task.name for task in found.tasks]
    assert found == samples.deployment(*nodes)
    assert sorted(name for task in found.tasks for name in task.nodes) == sorted(node.full_name for node in nodes)
    assert all(names.index(one) < at for at, task in enumerate(found.tasks) for one in task.predecessors)
    assert all(task.predecessors for task in found.tasks[1:])


def test_a_node_that_queries_snowflake_needs_a_warehouse_of_its_target(samples):
    asks = samples.node("asks", services=("feature_store",))
    keeps = samples.node("keeps", writes=("rows",), storage={"rows": "table"})

    with pytest.raises(PipelineError) as caught:
        samples.deployment(asks, keeps)

    assert "'asks' asks for feature_store, which needs a warehouse" in str(caught.value)
    assert "'keeps' asks for the table 'rows'" in str(caught.value)


def test_the_stage_is_mounted_for_the_user_that_the_image_runs_as() -> None:
    from mlops.compile.containers import USER

    dockerfile = (Path(__file__).parents[3] / "Dockerfile").read_text()

    assert f"USER {USER}:{USER}\n" in dockerfile
