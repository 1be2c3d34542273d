"""Roles, users and grants, in SQL and over REST: who may do what, and how the others are refused."""

from __future__ import annotations

import json

import pytest
from snowflake.connector.errors import DatabaseError, ProgrammingError
from snowflake.core import Root
from snowflake.core.compute_pool import ComputePool
from snowflake.core.database import Database
from snowflake.core.exceptions import APIError, ConflictError, ForbiddenError, NotFoundError
from snowflake.core.grant import Grant, Grantees, Privileges, Securables
from snowflake.core.image_repository import ImageRepository
from snowflake.core.role import ContainingScope, Role, Securable
from snowflake.core.stage import Stage

from .conftest import add_images

pytestmark = pytest.mark.embedded("Privileges: roles, users, grants and refusals")


@pytest.fixture
def as_role(sql, connect):
    """Open a connection as a user who has nothing but one role of its own, named after it."""

    def open_as(role: str):
        sql(f"CREATE OR REPLACE ROLE {role}")
        sql(f"CREATE OR REPLACE USER {role}_user DEFAULT_ROLE = {role}")
        sql(f"GRANT ROLE {role} TO USER {role}_user")
        return connect(user=f"{role}_user", role=role)

    return open_as


def run(connection, statement: str) -> list[tuple]:
    with connection.cursor() as cursor:
        return cursor.execute(statement).fetchall()


def test_roles_are_created_listed_and_dropped(root: Root, sql):
    roles = root.roles
    created = roles.create(Role(name="modeller", comment="makes models"))
    with pytest.raises(ConflictError):
        roles.create(Role(name="MODELLER"))

    assert [(r.name, r.comment, r.is_current) for r in roles.iter(like="model%")] == [
        ("MODELLER", "makes models", False)
    ]
    assert {row["name"] for row in sql("SHOW ROLES")} >= {"ACCOUNTADMIN", "PUBLIC", "MODELLER"}
    created.drop()
    with pytest.raises(NotFoundError):
        created.drop()
    with pytest.raises(APIError, match="cannot be dropped"):
        roles["sysadmin"].drop()


def test_a_user_has_the_roles_that_were_granted_and_no_others(as_role, connect, sql):
    connection = as_role("plain")

    assert run(connection, "SELECT CURRENT_ROLE(), CURRENT_USER()") == [("PLAIN", "PLAIN_USER")]
    with pytest.raises(ProgrammingError, match=r"Insufficient privileges.*ACCOUNTADMIN.*is not assigned"):
        run(connection, "USE ROLE ACCOUNTADMIN")
    with pytest.raises(DatabaseError, match="does not exist or not authorized"):
        connect(user="plain_user", role="ACCOUNTADMIN")
    sql("CREATE ROLE IF NOT EXISTS deeper")
    sql("GRANT ROLE deeper TO ROLE plain")
    run(connection, "USE ROLE deeper")
    assert run(connection, "SELECT CURRENT_ROLE()") == [("DEEPER",)]


def test_creating_without_the_privilege_is_forbidden_until_it_is_granted(root: Root, as_role):
    own = Root(as_role("builder"))
    pool = ComputePool(name="builders", min_nodes=1, max_nodes=1, instance_family="CPU_X64_XS")
    with pytest.raises(ForbiddenError, match="Insufficient privileges to operate on account"):
        own.compute_pools.create(pool)

    root.roles["builder"].grant_privileges(["CREATE COMPUTE POOL"], "ACCOUNT")
    created = own.compute_pools.create(pool)

    assert created.fetch().owner == "BUILDER"
    root.roles["builder"].revoke_privileges(["CREATE COMPUTE POOL"], "ACCOUNT")
    with pytest.raises(ForbiddenError):
        own.compute_pools.create(ComputePool(**{**pool.to_dict(), "name": "another"}))
    created.drop()


def test_what_a_role_may_not_see_does_not_exist_and_what_it_may_not_change_is_forbidden(root: Root, as_role, sql):
    sql("CREATE COMPUTE POOL guarded MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS")
    own = Root(as_role("watcher"))
    with pytest.raises(NotFoundError):
        own.compute_pools["guarded"].fetch()
    assert [p.name for p in own.compute_pools.iter()] == []

    sql("GRANT MONITOR ON COMPUTE POOL guarded TO ROLE watcher")

    assert own.compute_pools["guarded"].fetch().state == "IDLE"
    with pytest.raises(ForbiddenError, match="compute pool 'GUARDED'"):
        own.compute_pools["guarded"].suspend()
    sql("GRANT OPERATE ON COMPUTE POOL guarded TO ROLE watcher")
    own.compute_pools["guarded"].suspend()
    with pytest.raises(ForbiddenError):
        own.compute_pools["guarded"].drop()


def test_objects_of_a_schema_need_the_schema_and_its_privilege_to_create(root: Root, as_role, sql):
    root.databases.create(Database(name="vault"))
    own = Root(as_role("intern")).databases["vault"].schemas["public"]
    with pytest.raises(NotFoundError, match="VAULT"):
        own.stages.create(Stage(name="drop_box"))

    sql("GRANT USAGE ON DATABASE vault TO ROLE intern")
    sql("GRANT USAGE, CREATE STAGE ON SCHEMA vault.public TO ROLE intern")

    own.stages.create(Stage(name="drop_box"))
    with pytest.raises(ForbiddenError, match="schema 'PUBLIC'"):
        own.image_repositories.create(ImageRepository(name="images"))


def test_sql_asks_for_the_same_privileges(as_role, sql):
    connection = as_role("analyst")
    sql("CREATE OR REPLACE TABLE embedded.public.figures AS SELECT 1 AS x")
    for refused in (
        "CREATE DATABASE mine",
        "CREATE WAREHOUSE mine",
        "CREATE SCHEMA embedded.mine",
        "CREATE COMPUTE POOL mine MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS",
        "CREATE STAGE embedded.public.mine",
        "CREATE TABLE embedded.public.mine (x INT)",
        "SELECT * FROM embedded.public.figures",
        "INSERT INTO embedded.public.figures VALUES (2)",
        "DROP TABLE embedded.public.figures",
        "DROP SCHEMA embedded.public",
        "DROP DATABASE embedded",
    ):
        with pytest.raises(ProgrammingError) as caught:
            run(connection, refused)
        assert caught.value.errno in {3001, 2003}, refused
    sql("GRANT USAGE ON DATABASE embedded TO ROLE analyst")
    sql("GRANT USAGE, CREATE TABLE ON SCHEMA embedded.public TO ROLE analyst")
    sql("GRANT SELECT ON ALL TABLES IN SCHEMA embedded.public TO ROLE analyst")

    assert run(connection, "SELECT * FROM embedded.public.figures") == [(1,)]
    with pytest.raises(ProgrammingError, match="Insufficient privileges to operate on table 'FIGURES'"):
        run(connection, "DELETE FROM embedded.public.figures")
    run(
        connection,
        "CREATE TABLE embedded.public.own AS WITH f AS (SELECT * FROM embedded.public.figures) SELECT * FROM f",
    )
    run(connection, "INSERT INTO embedded.public.own VALUES (2)")
    run(connection, "DROP TABLE embedded.public.own")


def test_ownership_passes_on_and_takes_the_grants_with_it(as_role, sql):
    connection = as_role("heir")
    sql("CREATE COMPUTE POOL estate MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS")
    sql("GRANT USAGE ON COMPUTE POOL estate TO ROLE public")

    sql("GRANT OWNERSHIP ON COMPUTE POOL estate TO ROLE heir")

    assert [(row["privilege"], row["grantee_name"]) for row in sql("SHOW GRANTS ON COMPUTE POOL estate")] == [
        ("OWNERSHIP", "HEIR")
    ]
    run(connection, "ALTER COMPUTE POOL estate SET MAX_NODES = 2")
    run(connection, "DROP COMPUTE POOL estate")


def test_only_who_may_grant_grants(as_role, sql):
    connection = as_role("middle")
    sql("CREATE OR REPLACE ROLE other")
    sql("CREATE WAREHOUSE lent")
    sql("GRANT USAGE ON WAREHOUSE lent TO ROLE middle")
    with pytest.raises(ProgrammingError, match="Insufficient privileges to operate on warehouse 'LENT'"):
        run(connection, "GRANT USAGE ON WAREHOUSE lent TO ROLE other")

    sql("GRANT USAGE ON WAREHOUSE lent TO ROLE middle WITH GRANT OPTION")
    run(connection, "GRANT USAGE ON WAREHOUSE lent TO ROLE other")
    sql("REVOKE GRANT OPTION FOR USAGE ON WAREHOUSE lent FROM ROLE middle")

    with pytest.raises(ProgrammingError):
        run(connection, "REVOKE USAGE ON WAREHOUSE lent FROM ROLE other")
    assert [(r["granted_on"], r["name"], r["privilege"]) for r in sql("SHOW GRANTS TO ROLE other")] == [
        ("WAREHOUSE", "LENT", "USAGE")
    ]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("GRANT SELECT ON WAREHOUSE compute_wh TO ROLE public", "WAREHOUSE has no privilege SELECT"),
        ("GRANT USAGE ON WAREHOUSE nowhere TO ROLE public", "does not exist"),
        ("GRANT USAGE ON WAREHOUSE compute_wh TO ROLE nobody", "does not exist"),
        ("GRANT ROLE sysadmin TO ROLE sysadmin", "circle"),
        ("GRANT USAGE ON FUTURE FUNCTIONS IN SCHEMA public TO ROLE public", "does not know grants on FUTURE"),
        ("GRANT USAGE ON PIPE p TO ROLE public", "does not know grants on PIPE"),
    ],
)
def test_grants_that_cannot_be_are_refused(sql, statement: str, message: str):
    with pytest.raises(ProgrammingError, match=message):
        sql(statement)


def test_roles_are_granted_and_shown_over_rest(root: Root, sql):
    for name in ("upper_role", "lower_role"):
        root.roles.create(Role(name=name))
    upper = root.roles["upper_role"]

    upper.grant_role("ROLE", Securable(name="lower_role"))
    upper.grant_privileges(["USAGE"], "SCHEMA", Securable(database="embedded", name="public"), grant_option=True)
    upper.grant_privileges_on_all(["READ"], "STAGE", ContainingScope(database="embedded", schema="public"))

    held = {(g.securable_type, g.securable.name, *g.privileges) for g in upper.iter_grants_to()}
    assert {("ROLE", "LOWER_ROLE", "USAGE"), ("SCHEMA", "PUBLIC", "USAGE")} <= held
    assert [g.grantee_name for g in root.roles["lower_role"].iter_grants_of()] == ["UPPER_ROLE"]
    assert [g.privilege for g in root.roles["lower_role"].iter_grants_on()] == ["USAGE"]
    upper.revoke_role("ROLE", Securable(name="lower_role"))
    assert [*root.roles["lower_role"].iter_grants_of()] == []
    upper.drop()


def test_grants_are_given_listed_and_taken_by_path(root: Root, sql):
    root.roles.create(Role(name="by_path"))
    to = Grantees.role("by_path")
    usage = Grant(grantee=to, securable=Securables.database("embedded"), privileges=[Privileges.usage])
    create = Grant(
        grantee=to, securable=Securables.current_account, privileges=[Privileges.create_database], grant_option=True
    )

    root.grants.grant(usage)
    root.grants.grant(create)

    assert [(g.securable_type, g.privileges, g.grant_option) for g in root.grants.to(to)] == [
        ("ACCOUNT", ["CREATE DATABASE"], True),
        ("DATABASE", ["USAGE"], False),
    ]
    root.grants.revoke_grant_option(create)
    root.grants.revoke(usage)
    assert [(g.securable_type, g.grant_option) for g in root.grants.to(to)] == [("ACCOUNT", False)]


def test_grants_on_an_object_go_with_it(root: Root, sql):
    sql("CREATE OR REPLACE ROLE keeper")
    sql("CREATE STAGE public.kept")
    sql("GRANT READ ON STAGE public.kept TO ROLE keeper")

    root.databases["embedded"].schemas["public"].stages["kept"].drop()
    sql("CREATE STAGE public.kept")

    assert sql("SHOW GRANTS TO ROLE keeper") == []


def test_the_files_of_a_stage_are_for_those_who_may_see_it(as_role, sql):
    connection = as_role("courier")
    sql("CREATE STAGE embedded.public.parcels")
    sql("GRANT USAGE ON DATABASE embedded TO ROLE courier")
    sql("GRANT USAGE ON SCHEMA embedded.public TO ROLE courier")
    with pytest.raises(ProgrammingError, match="does not exist or not authorized"):
        run(connection, "LIST @embedded.public.parcels")

    sql("GRANT READ ON STAGE embedded.public.parcels TO ROLE courier")

    assert run(connection, "LIST @embedded.public.parcels") == []
    with pytest.raises(ProgrammingError, match="Insufficient privileges to operate on stage 'PARCELS'"):
        run(connection, "ALTER STAGE embedded.public.parcels SET COMMENT = 'mine'")
    run(connection, "ALTER STAGE IF EXISTS embedded.public.nothing SET COMMENT = 'mine'")


JOB = "FROM SPECIFICATION $${spec: {containers: [{name: a, image: /embedded/guarded/r/quick:1, args: ['true']}]}}$$"
NEEDED = [
    # (what is refused, the privileges that it lacks, one after the other)
    ("CREATE TASK embedded.guarded.mine AS SELECT 1", ["CREATE TASK ON SCHEMA embedded.guarded"]),
    ("EXECUTE TASK embedded.guarded.mine", ["EXECUTE TASK ON ACCOUNT", "EXECUTE MANAGED TASK ON ACCOUNT"]),
    ("ALTER TASK embedded.guarded.others SUSPEND", ["OPERATE ON TASK embedded.guarded.others"]),
    ("SELECT SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS('embedded.guarded.others2')",
     ["OPERATE ON TASK embedded.guarded.others2"]),
    ("USE WAREHOUSE guarded_wh", ["USAGE ON WAREHOUSE guarded_wh"]),
    (f"EXECUTE JOB SERVICE IN COMPUTE POOL guarded_pool NAME = embedded.guarded.j {JOB}",
     ["CREATE SERVICE ON SCHEMA embedded.guarded", "USAGE ON COMPUTE POOL guarded_pool",
      "READ ON IMAGE REPOSITORY embedded.guarded.r"]),
    ("ALTER COMPUTE POOL guarded_pool SUSPEND", ["OPERATE ON COMPUTE POOL guarded_pool"]),
    ("LIST @embedded.guarded.files", ["READ ON STAGE embedded.guarded.files"]),
    ("REMOVE @embedded.guarded.files/x", ["WRITE ON STAGE embedded.guarded.files"]),
    ("CREATE STAGE embedded.guarded.more", ["CREATE STAGE ON SCHEMA embedded.guarded"]),
    ("CREATE EXPERIMENT embedded.guarded.e", ["CREATE EXPERIMENT ON SCHEMA embedded.guarded"]),
]  # fmt: skip


def test_each_privilege_of_a_deployment_is_asked_for_and_enough_together(as_role, sql, embedded_snowflake):
    add_images(embedded_snowflake.state, "embedded/guarded/r/quick")
    for statement in (
        "CREATE OR REPLACE SCHEMA embedded.guarded", "CREATE STAGE guarded.files",
        "CREATE IMAGE REPOSITORY guarded.r", "CREATE TASK guarded.others AS SELECT 1", "CREATE TASK guarded.others2 AS SELECT 1",
        "CREATE WAREHOUSE guarded_wh", "USE WAREHOUSE COMPUTE_WH", "USE SCHEMA embedded.public",
        "CREATE COMPUTE POOL guarded_pool MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS",
    ):  # fmt: skip
        sql(statement)
    connection = as_role("deployer")
    sql("GRANT USAGE ON DATABASE embedded TO ROLE deployer")
    sql("GRANT USAGE ON SCHEMA embedded.guarded TO ROLE deployer")

    for statement, privileges in NEEDED:
        for privilege in privileges:
            with pytest.raises(
                ProgrammingError, match=r"not authorized|nsufficient privileges|privilege must be granted"
            ):
                run(connection, statement)
            sql(f"GRANT {privilege} TO ROLE deployer")
        run(connection, statement)

    shown = sql("SHOW GRANTS TO ROLE deployer")
    assert len(shown) == 2 + sum(len(privileges) for _, privileges in NEEDED)
    assert {"privilege", "granted_on", "name", "granted_to", "grantee_name", "grant_option"} <= set(shown[0])
    [(roles, inherits)] = run(connection, "SELECT CURRENT_AVAILABLE_ROLES(), IS_ROLE_IN_SESSION('SYSADMIN')")
    assert (json.loads(roles), inherits) == (["DEPLOYER", "PUBLIC"], False)


def test_runs_are_seen_by_those_who_own_monitor_or_operate_the_task(as_role, sql):
    sql("CREATE OR REPLACE SCHEMA embedded.seen")
    sql("USE SCHEMA embedded.public")
    sql("CREATE TASK embedded.seen.nightly SCHEDULE = '8 HOURS' AS SELECT 1")
    sql("ALTER TASK embedded.seen.nightly RESUME")
    connection = as_role("onlooker")
    sql("GRANT USAGE ON DATABASE embedded TO ROLE onlooker")
    sql("GRANT USAGE ON SCHEMA embedded.seen TO ROLE onlooker")
    history = "SELECT NAME FROM TABLE(embedded.INFORMATION_SCHEMA.TASK_HISTORY(SCHEMA_NAME => 'SEEN'))"
    graphs = (
        "SELECT ROOT_TASK_NAME FROM TABLE(embedded.INFORMATION_SCHEMA.CURRENT_TASK_GRAPHS()) WHERE SCHEMA_NAME = 'SEEN'"
    )

    before = run(connection, history), run(connection, graphs)
    sql("GRANT MONITOR ON TASK embedded.seen.nightly TO ROLE onlooker")
    after = run(connection, history), run(connection, graphs)
    sql("ALTER TASK embedded.seen.nightly SUSPEND")

    assert (before, after) == (([], []), ([("NIGHTLY",)], [("NIGHTLY",)]))


def test_grants_on_future_objects_count_for_those_that_come_after_them(as_role, sql):
    sql("CREATE OR REPLACE SCHEMA embedded.coming")
    sql("USE SCHEMA embedded.public")
    sql("CREATE TASK embedded.coming.before AS SELECT 1")
    connection = as_role("patient")
    sql("GRANT USAGE ON DATABASE embedded TO ROLE patient")
    sql("GRANT USAGE ON SCHEMA embedded.coming TO ROLE patient")
    sql("GRANT MONITOR ON FUTURE TASKS IN SCHEMA embedded.coming TO ROLE patient")
    sql("CREATE TASK embedded.coming.later AS SELECT 1")

    seen = [row[1] for row in run(connection, "SHOW TASKS IN SCHEMA embedded.coming")]
    [future] = sql("SHOW FUTURE GRANTS IN SCHEMA embedded.coming")
    held = {(g["privilege"], g["name"]) for g in sql("SHOW GRANTS TO ROLE patient")}
    sql("REVOKE MONITOR ON FUTURE TASKS IN SCHEMA embedded.coming FROM ROLE patient")

    assert seen == ["LATER"]
    assert (future["privilege"], future["name"], future["grantee_name"]) == (
        "MONITOR",
        "EMBEDDED.COMING.<TASK>",
        "PATIENT",
    )
    assert ("MONITOR", "EMBEDDED.COMING.LATER") in held
    assert run(connection, "SHOW TASKS IN SCHEMA embedded.coming") == []
