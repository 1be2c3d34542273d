"""What Snowflake would refuse is refused before anything is written: each with the node or the setting, and a mend."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from mlops.configuration.targets import NodeOptions, Notification, Pool, Secret, TaskOptions
from mlops.errors import PipelineError, ProjectError
from mlops.nodes import Endpoint, Node, Partitions, Resources, Retries, Serving
from mlops.parameters import Parameter
from mlops.pipeline import Cron, Interval, Stream


def on(samples, *nodes: Node, fields=None, **target):
    return samples.deployment(*(nodes or [samples.node("a")]), target=samples.target(**target), **(fields or {}))


def tasks(samples, *nodes: Node, fields=None, **options):
    return on(samples, *nodes, fields=fields, tasks=TaskOptions(**options))


def serving(samples, **fields):
    return on(samples, samples.node("s", serving=Serving(**fields)))


def fan(samples, count: int):
    """One node that many wait for."""
    return [
        samples.node("hub", writes=["x"]),
        *(samples.node(f"n{at}", reads=["x"], writes=[f"d{at}"]) for at in range(count)),
    ]


def gathering(samples, count: int):
    """A node that waits for many, which are children of two hubs."""
    hubs = [
        samples.node("root", writes=["r"]),
        samples.node("hub1", reads=["r"], writes=["x1"]),
        samples.node("hub2", reads=["r"], writes=["x2"]),
    ]
    many = [samples.node(f"n{at}", reads=[f"x{1 + at % 2}"], writes=[f"d{at}"]) for at in range(count)]
    return [*hubs, *many, samples.node("end", reads=[f"d{at}" for at in range(count)])]


def chain(samples, count: int):
    return [samples.node(f"n{at}", reads=[f"d{at - 1}"] if at else [], writes=[f"d{at}"]) for at in range(count)]


CASES: dict[str, tuple[Callable[..., object], str, str | None]] = {
    "1,001 tasks": (lambda s: on(s, *chain(s, 1001)), "1001 tasks, and Snowflake takes 1000 in a graph: the first beyond is node 'n1000'", "group="),
    "101 parents": (lambda s: on(s, *gathering(s, 101)), "node 'end' waits for 101 tasks, and Snowflake takes 100", "a node between"),
    "101 children": (lambda s: on(s, *fan(s, 101)), "node 'hub' is waited for by 101 tasks, and Snowflake takes 100: the first beyond is node 'n100'", "after="),
    "101 entries": (lambda s: on(s, *[s.node(f"n{at}") for at in range(101)]), "the root P is waited for by 101 tasks", "after="),
    "a circle": (lambda s: on(s, s.node("a", reads=["y"], writes=["x"]), s.node("b", reads=["x"], writes=["y"])), "wait for each other", "break the circle"),
    "a circle through a group": (
        lambda s: on(s, *chain(s, 3), nodes={"n0": NodeOptions(group="g"), "n2": NodeOptions(group="g")}), "n0 → n1, n1 → n2", "take one of its nodes out",
    ),
    "a group's name": (lambda s: on(s, s.node("a", group="x; DROP")), "'x; DROP' is not a name", "letters, digits"),
    "a group with two pools": (
        lambda s: on(s, s.node("a", group="g"), s.node("b", group="g"), pools={"default": Pool("p"), "q": Pool("q")}, nodes={"b": NodeOptions(pool="q")}),
        "are in the pools default and q", "share a pool",
    ),
    "a group with the finalizer": (
        lambda s: on(s, s.node("a"), s.node("b", group="g"), s.node("end", group="g"), fields={"finalizer": "end"}), "'end' is the finalizer", "out of the group",
    ),
    "a group with partitions": (lambda s: on(s, s.node("a", group="g", partitions=Partitions(2)), s.node("b", group="g")), "runs in 2 replicas", "of its own"),
    "a group with two values": (
        lambda s: on(s, s.node("a", group="g"), s.node("b", group="g"), nodes={"a": NodeOptions(env={"X": "1"}), "b": NodeOptions(env={"X": "2"})}),
        "give the variable two values", "one value",
    ),
    "a group with half a condition": (
        lambda s: on(s, s.node("a", group="g"), s.node("b", group="g"), nodes={"a": NodeOptions(when="SYSTEM$STREAM_HAS_DATA('s')")}), "'when' is not the same", "same condition",
    ),
    "upper and lower case": (lambda s: on(s, s.node("start", writes=["x"]), s.node("Fit", reads=["x"]), s.node("fit", reads=["x"])), "do not tell upper from lower case", "rename one"),
    "a long name": (lambda s: on(s, s.node("a", writes=["x"]), s.node("b" * 128, reads=["x"]), fields={"pipeline": "p" * 130}), "has 259 characters", "shorten"),
    "nowhere": (lambda s: on(s, database=None, schema=None, pools={}), "does not say where in Snowflake", "[tool.mlops.targets.dev]"),
    "no database": (lambda s: on(s, database=None), "targets.dev.database: it is missing", "the name of a database"),
    "a database that drops": (lambda s: on(s, database='x"; DROP DATABASE y; --'), "is not the name of a database", "no quoted name"),
    "a schema in unicode": (lambda s: on(s, schema="schéma"), "'schéma' is not the name of a schema", "letters, digits"),
    "a stage with dollars": (lambda s: on(s, stage="$$"), "'$$' is not the name of a stage", "letters, digits"),
    "a repository in quotes": (lambda s: on(s, image_repository="'r'"), "is not the name of an image repository", "no quoted name"),
    "a warehouse with a space": (lambda s: on(s, warehouse="my wh"), "'my wh' is not the name of a warehouse", "letters, digits"),
    "a task warehouse": (lambda s: tasks(s, warehouse="a.b"), "tasks.warehouse: 'a.b' is not a name", "without quotes"),
    "an image without a name": (lambda s: on(s, image="/db/schema/repo/"), "is not an image", "/database/schema/repository/name:tag"),
    "an image of half a path": (lambda s: on(s, image="repo/mlops:1"), "is not an image", "/database/schema/repository/name:tag"),
    "an image that drops": (lambda s: on(s, image="mlops:1$$; DROP"), "is not an image", "name:tag"),
    "an image in upper case": (lambda s: on(s, image="MLOps:1"), "is not an image", "name:tag"),
    "no pool": (lambda s: on(s, pools={}), "there is no pool 'default', which node 'a' runs in", 'name = "MLOPS_POOL"'),
    "a misspelt pool": (lambda s: on(s, pools={"default": Pool("p"), "gpus": Pool("g")}, nodes={"a": NodeOptions(pool="gpu")}), "there is no pool 'gpu'", "did you mean 'gpus'?"),
    "a pool's name": (lambda s: on(s, pools={"default": Pool('"p"')}), "is not a name and an instance family", "MLOPS_POOL"),
    "two pools that are one": (
        lambda s: on(s, s.node("a"), s.node("b"), pools={"default": Pool("p"), "q": Pool("P", max_nodes=9)}, nodes={"b": NodeOptions(pool="q")}),
        "two of them mean P", "the same",
    ),
    "a GPU in a pool without": (lambda s: on(s, s.node("a", resources=Resources(gpu=1))), "node 'a' asks for 1 GPU, and pool 'mlops_pool' is of CPU_X64_S", "a pool of a GPU family"),
    "memory without a unit": (lambda s: on(s, nodes={"a": NodeOptions(memory="2")}), "memory is a number with M, Mi, G or Gi", None),
    "no cpu": (lambda s: on(s, nodes={"a": NodeOptions(cpu=-1.0)}), "cpu is -1.0", "more than 0"),
    "10,000 replicas": (lambda s: on(s, nodes={"a": NodeOptions(partitions=10000)}), "partitions is 10000", "from 1 to 1000"),
    "eight days": (lambda s: on(s, s.node("a", timeout=timedelta(days=8))), "node 'a' may take 8 days", "shorten its timeout"),
    "attempts without end": (
        lambda s: on(s, s.node("a", timeout=timedelta(days=1), retries=Retries(100, backoff=1e9))), "node 'a' may take", "its retries",
    ),
    "a graph shorter than a node": (lambda s: tasks(s, graph_timeout=60), "a run may take 60 s, and node 'a' alone", "raise graph_timeout"),
    "31 retries": (lambda s: tasks(s, auto_retry_attempts=31), "tasks.auto_retry_attempts: it is 31", "from 0 to 30"),
    "an error integration": (lambda s: tasks(s, error_integration="a b"), "'a b' is not a name", "without quotes"),
    "a stream without an interval": (lambda s: tasks(s, fields={"schedule": Stream("orders")}), "must say how soon it ends", "target_completion_interval = 300"),
    "an interval with a warehouse": (lambda s: tasks(s, warehouse="wh", target_completion_interval=60), "it is for serverless tasks", "remove one"),
    "a stream that drops": (
        lambda s: tasks(s, warehouse="wh", fields={"schedule": Stream("x'); DROP TABLE y; --")}), "is not the name of a stream", "without quotes",
    ),
    "minute 60": (lambda s: on(s, fields={"schedule": Cron("60 * * * *")}), "'60' is not a minute", "from 0 to 59"),
    "hour 24": (lambda s: on(s, fields={"schedule": Cron("0 24 * * *")}), "'24' is not a hour", "from 0 to 23"),
    "a day backwards": (lambda s: on(s, fields={"schedule": Cron("0 0 31-1 * *")}), "'31-1' is not a day of month", "or L"),
    "a month in words": (lambda s: on(s, fields={"schedule": Cron("0 0 1 MAI *")}), "'MAI' is not a month", "or JAN to DEC"),
    "every no minutes": (lambda s: on(s, fields={"schedule": Cron("*/0 * * * *")}), "'*/0' is not a minute", "*/n"),
    "a time zone": (lambda s: on(s, fields={"schedule": Cron("0 2 * * *", "Europe/Berln")}), "'Europe/Berln' is not a time zone", "Europe/Berlin"),
    "a time zone that drops": (lambda s: on(s, fields={"schedule": Cron("0 2 * * *", "UTC'; DROP")}), "is not a time zone", "IANA"),
    "nine days": (lambda s: on(s, fields={"schedule": Interval(timedelta(days=9))}), "longer than the 8 days", "cron"),
    "a condition that drops": (lambda s: tasks(s, when="TRUE; DROP TABLE x"), "targets.dev.tasks.when", "a condition is made of"),
    "a condition with a query": (lambda s: on(s, nodes={"a": NodeOptions(when="(SELECT COUNT(*) FROM t) > 0")}), "the name SELECT is not known", "a condition is made of"),
    "a condition with JSON": (
        lambda s: on(s, nodes={"a": NodeOptions(when="PARSE_JSON(SYSTEM$GET_PREDECESSOR_RETURN_VALUE('P')) = 1")}), "PARSE_JSON is not known", "a condition is made of",
    ),
    "a condition that asks nothing": (lambda s: tasks(s, when="1 = 1"), "it asks nothing", "a condition is made of"),
    "a finalizer with a condition": (
        lambda s: on(s, s.node("a"), s.node("end"), nodes={"end": NodeOptions(when="SYSTEM$STREAM_HAS_DATA('s')")}, fields={"finalizer": "end"}),
        "it has no condition", "ask inside the node",
    ),
    "an address, beside a finalizer": (
        lambda s: on(s, s.node("a"), s.node("end"), on_failure=Notification("mail", ("nobody",)), fields={"finalizer": "end"}), "'nobody' is not an address", "name@example.com",
    ),
    "an address": (lambda s: on(s, on_failure=Notification("mail", ("nobody",))), "'nobody' is not an address", "name@example.com"),
    "a subject that ends the body": (lambda s: on(s, on_failure=Notification("mail", subject="a $$ b")), "one line of at most 256", "shorten"),
    "an integration that drops": (lambda s: on(s, on_failure=Notification("x'); DROP")), "is not the name of a notification integration", "without quotes"),
    "a password": (lambda s: on(s, env={"DB_PASSWORD": "hunter2"}), "DB_PASSWORD looks like a credential", "keep it in a secret"),
    "a private key": (lambda s: on(s, env={"A": "-----BEGIN PRIVATE KEY-----"}), "A looks like a credential", "keep it in a secret"),
    "whom a finalizer tells": (lambda s: on(s, env={"MLOPS_ON_FAILURE": "{}"}), "MLOPS_ON_FAILURE is set by mlops itself", "choose another name"),
    "a token of a node": (lambda s: on(s, nodes={"a": NodeOptions(env={"API_TOKEN": "x"})}), "targets.dev.nodes.a.env.API_TOKEN", "keep it in a secret"),
    "a variable of Snowflake's": (lambda s: on(s, env={"SNOWFLAKE_HOST": "x"}), "SNOWFLAKE_HOST is set by Snowflake itself", "remove it"),
    "a variable of ours": (lambda s: on(s, env={"MLOPS_DATA": "/x"}), "MLOPS_DATA is set by mlops itself", "remove it"),
    "a variable's name": (lambda s: on(s, env={"A-B": "x"}), "'A-B' is not the name of a variable", "letters, digits"),
    "a variable that ends the statement": (lambda s: on(s, env={"A": "$$; DROP TABLE x; --"}), "holds $$", "another way"),
    "a secret's name": (lambda s: on(s, secrets=(Secret("a b", folder="/x"),)), "'a b' is not the name of a secret", "database.schema.name"),
    "a secret nowhere": (lambda s: on(s, secrets=(Secret("a"),)), "as a variable or as a folder", "one of the two"),
    "a secret without a key": (lambda s: on(s, secrets=(Secret("a", variable="A"),)), "needs the key", "secret_string"),
    "a secret in no folder": (lambda s: on(s, secrets=(Secret("a", folder="x"),)), "an absolute path", "folder ="),
    "an integration for access": (lambda s: on(s, external_access_integrations=("a)", )), "'a)' is not a name", "without quotes"),
    "waiting for a service": (lambda s: on(s, s.node("s", writes=["x"], serving=Serving()), s.node("b", reads=["x"])), "which is a service and never ends", "a node that ends"),
    "a service without an endpoint": (lambda s: serving(s, endpoints=()), "a service without an endpoint", "Endpoint"),
    "instances": (lambda s: serving(s, min_instances=3, max_instances=2), "3 to 2 instances", "no less"),
    "an endpoint's name": (lambda s: serving(s, endpoints=(Endpoint("HTTP", 80),)), "endpoint 'HTTP'", "lower-case"),
    "an endpoint's port": (lambda s: serving(s, endpoints=(Endpoint("http", 0),)), "port 0", "from 1 to 65535"),
    "a function's name": (lambda s: serving(s, function="predict()"), "'predict()' is not the name of a function", "letters"),
    "a function's argument": (lambda s: serving(s, function="f", function_arguments={"a": "int); DROP"}), "of type 'int); DROP'", "a type of SQL"),
    "a function's type": (lambda s: serving(s, function="f", function_returns="x'"), "returns", "a type of SQL"),
    "a function's path": (lambda s: serving(s, function="f", function_path="/a' b"), "is not the path of a function", "begins with '/'"),
    "an infinite parameter": (lambda s: on(s, s.node("a", parameters=(Parameter("x", float("inf"), "float"),))), "parameter 'a.x'", "a finite number"),
    "a part of a pipeline": (lambda s: part(s), "dataset 'd0': pipeline 'p' reads it", "deploy the whole pipeline"),
}  # fmt: skip


def part(samples):
    from mlops.compile.deployment import deployment_of
    from mlops.layers import settle

    graph = samples.graph(*chain(samples, 2)).part(only=["n1"])
    return deployment_of(graph, samples.target(), project="demo", parameters=settle(graph.nodes, ()))


@pytest.mark.parametrize("case", CASES)
def test_what_snowflake_would_refuse_is_refused_before_anything_is_written(samples, case):
    call, problem, mend = CASES[case]

    with pytest.raises(ProjectError) as caught:
        call(samples)

    problems = getattr(caught.value, "problems", (caught.value,))
    told = [one for one in problems if problem in one.message]
    assert told, [one.message for one in problems]
    assert mend is None or mend in (told[0].hint or ""), told[0].hint


def test_everything_that_is_wrong_with_a_pipeline_is_one_message(samples):
    target = samples.target(database=None, env={"SNOWFLAKE_HOST": "x"}, nodes={"a": NodeOptions(pool="gpu", cpu=-1.0)})

    with pytest.raises(PipelineError) as caught:
        samples.deployment(samples.node("a"), target=target, schedule=Cron("61 * * * *"))

    assert len(caught.value.problems) == 5
