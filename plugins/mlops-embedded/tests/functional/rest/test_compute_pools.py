"""Compute pools over REST and in SQL are the same objects."""

from __future__ import annotations

import pytest
from snowflake.connector.errors import ProgrammingError
from snowflake.core import CreateMode, Root
from snowflake.core.compute_pool import ComputePool
from snowflake.core.exceptions import APIError, ConflictError, NotFoundError
from snowflake.core.tag import TagValue

from .conftest import add_images

pytestmark = pytest.mark.embedded("REST and SQL: compute pools")


def pool(name: str, **properties) -> ComputePool:
    return ComputePool(**{"name": name, "min_nodes": 1, "max_nodes": 2, "instance_family": "CPU_X64_XS", **properties})


def test_a_pool_is_created_fetched_listed_and_dropped(root: Root):
    created = root.compute_pools.create(pool("trainers", comment="for training", auto_suspend_secs=60))

    fetched = created.fetch()

    assert (fetched.name, fetched.state, fetched.owner) == ("TRAINERS", "IDLE", "ACCOUNTADMIN")
    assert (fetched.comment, fetched.auto_suspend_secs, fetched.auto_resume) == ("for training", 60, True)
    assert [each.name for each in root.compute_pools.iter(like="train%")] == ["TRAINERS"]
    created.drop()
    with pytest.raises(NotFoundError):
        created.fetch()


def test_creating_twice_is_a_conflict_unless_the_mode_allows_it(root: Root):
    root.compute_pools.create(pool("twice", comment="first"))

    with pytest.raises(ConflictError):
        root.compute_pools.create(pool("TWICE"))
    root.compute_pools.create(pool("twice", comment="second"), mode=CreateMode.if_not_exists)

    assert root.compute_pools["twice"].fetch().comment == "first"
    root.compute_pools.create(pool("twice", comment="third"), mode=CreateMode.or_replace)
    assert root.compute_pools["twice"].fetch().comment == "third"


def test_create_or_alter_creates_then_replaces_all_properties_and_keeps_when_it_was_created(root: Root):
    resource = root.compute_pools["altered"]
    resource.create_or_alter(pool("altered", comment="before", auto_suspend_secs=60))
    before = resource.fetch()

    resource.create_or_alter(pool("altered", max_nodes=5))

    after = resource.fetch()
    assert (after.max_nodes, after.comment, after.auto_suspend_secs) == (5, None, 3600)
    assert after.created_on == before.created_on


def test_what_was_fetched_can_be_sent_back(root: Root):
    created = root.compute_pools.create(pool("returned", comment="kept"))
    fetched = created.fetch()
    fetched.max_nodes = 3

    created.create_or_alter(fetched)

    assert (created.fetch().max_nodes, created.fetch().comment) == (3, "kept")


def test_a_pool_is_suspended_and_resumed(root: Root):
    created = root.compute_pools.create(pool("resting"), initially_suspended=True)
    assert (created.fetch().state, created.fetch().target_nodes) == ("SUSPENDED", 0)

    created.resume()
    assert created.fetch().state == "IDLE"
    with pytest.raises(APIError, match="only a suspended one can be resumed"):
        created.resume()

    created.suspend()
    created.suspend()
    assert created.fetch().state == "SUSPENDED"


@pytest.mark.parametrize("name", ['"lower"', '"with space"', '"a/b:resume"', '"quote""inside"', "plain$1"])
def test_names_follow_snowflakes_rules_in_paths_and_bodies(root: Root, name: str):
    created = root.compute_pools.create(pool(name))

    fetched = created.fetch()

    assert fetched.name == (name if name.startswith('"') else name.upper())
    assert fetched.name in {each.name for each in root.compute_pools.iter()}
    created.drop()
    created.drop(if_exists=True)


def test_lists_filter_by_pattern_prefix_and_limit(root: Root):
    for name in ("list_a", "list_b", "other"):
        root.compute_pools.create(pool(name), mode=CreateMode.or_replace)

    names = lambda **wanted: [each.name for each in root.compute_pools.iter(**wanted)]  # noqa: E731

    assert names(like="LIST_%") == ["LIST_A", "LIST_B"]
    assert names(starts_with="LIST") == ["LIST_A", "LIST_B"]
    assert names(starts_with="list") == []
    assert names(like="list%", limit=1) == ["LIST_A"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"instance_family": "CPU_X64_XXL"}, "instance_family must be one of"),
        ({"min_nodes": 0}, "min_nodes must be at least 1"),
        ({"min_nodes": 3}, "max_nodes .2. is less than min_nodes .3."),
    ],
)
def test_wrong_values_are_refused_with_400(root: Root, wrong: dict, message: str):
    with pytest.raises(APIError, match=message) as caught:
        root.compute_pools.create(pool("wrong", **wrong))

    assert caught.value.status == 400
    with pytest.raises(NotFoundError):
        root.compute_pools["wrong"].fetch()


def test_sql_and_rest_see_one_store(root: Root, sql):
    sql(
        "CREATE COMPUTE POOL from_sql MIN_NODES = 1 MAX_NODES = 4 INSTANCE_FAMILY = CPU_X64_S INITIALLY_SUSPENDED = TRUE"
    )

    assert root.compute_pools["from_sql"].fetch().max_nodes == 4
    sql("ALTER COMPUTE POOL from_sql SET MAX_NODES = 6 COMMENT = 'larger'")
    sql("ALTER COMPUTE POOL from_sql RESUME")
    root.compute_pools.create(pool("from_rest"))

    rows = {row["name"]: row for row in sql("SHOW COMPUTE POOLS LIKE 'from_%'")}
    assert set(rows) == {"FROM_SQL", "FROM_REST"}
    assert (rows["FROM_SQL"]["max_nodes"], rows["FROM_SQL"]["comment"], rows["FROM_SQL"]["state"]) == (
        6,
        "larger",
        "IDLE",
    )
    assert [row["name"] for row in sql("DESC COMPUTE POOL from_rest")] == ["FROM_REST"]
    sql("DROP COMPUTE POOL from_rest")
    with pytest.raises(NotFoundError):
        root.compute_pools["from_rest"].fetch()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE COMPUTE POOL bad MIN_NODES = 1 MAX_NODES = 1",
        "CREATE COMPUTE POOL bad MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS NODES = 3",
        "CREATE COMPUTE POOL bad MIN_NODES = 'x' MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS",
    ],
)
def test_sql_is_as_strict_as_rest(sql, statement: str):
    with pytest.raises(ProgrammingError):
        sql(statement)

    assert sql("SHOW COMPUTE POOLS LIKE 'bad'") == []


def test_the_instance_families_are_listed(call):
    status, families = call("GET", "/compute-pools/instance-families")

    assert status == 200
    assert {f["name"]: f["gpu_count"] for f in families}["GPU_NV_S"] == 1


def test_a_pool_counts_its_jobs_stays_while_they_run_and_stops_them(root: Root, sql, embedded_snowflake):
    add_images(embedded_snowflake.state, "/embedded/public/images/sleeper")
    created = root.compute_pools.create(pool("busy"))
    sql("""EXECUTE JOB SERVICE IN COMPUTE POOL busy NAME = embedded.public.sleeping ASYNC = TRUE FROM SPECIFICATION $$
spec:
  containers:
  - name: main
    image: /embedded/public/images/sleeper
    args: ["exec sleep 60"]
$$""")

    assert (created.fetch().num_jobs, created.fetch().active_nodes, created.fetch().state) == (1, 1, "ACTIVE")
    with pytest.raises(APIError, match="Stop all services first"):
        created.drop()
    created.stop_all_services()
    assert (created.fetch().num_jobs, created.fetch().state) == (0, "IDLE")
    sql("ALTER COMPUTE POOL busy STOP ALL")
    created.drop()


def test_tags_are_set_listed_and_unset(root: Root, sql):
    sql("CREATE TAG embedded.public.team")
    created = root.compute_pools.create(pool("tagged"))
    tag = root.databases["embedded"].schemas["public"].tags["team"]

    created.set_tags({tag: TagValue("search")})

    assert [(t.name, value.value) for t, value in created.get_tags().items()] == [("TEAM", "search")]
    created.unset_tags({tag})
    assert created.get_tags() == {}
    with pytest.raises(NotFoundError):
        created.set_tags({root.databases["embedded"].schemas["public"].tags["nobody"]: TagValue("x")})
