"""Every kind of object that snowflake-core has for what we deploy: all create modes, like, tags, dropping, errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from snowflake.core import CreateMode, Root
from snowflake.core.alert import Alert, MinutesSchedule
from snowflake.core.compute_pool import ComputePool
from snowflake.core.database import Database
from snowflake.core.event_table import EventTable
from snowflake.core.exceptions import ConflictError, NotFoundError
from snowflake.core.image_repository import ImageRepository
from snowflake.core.notification_integration import NotificationIntegration, NotificationWebhook
from snowflake.core.role import Role
from snowflake.core.schema import Schema
from snowflake.core.secret import GenericStringSecret
from snowflake.core.service import Service, ServiceSpec
from snowflake.core.stage import Stage
from snowflake.core.stream import Stream, StreamSourceTable
from snowflake.core.tag import TagValue
from snowflake.core.task import Cron, Task
from snowflake.core.warehouse import Warehouse

from .conftest import add_images

SPECIFICATION = "spec:\n  containers:\n  - name: main\n    image: /embedded/public/r/sleeps:1\n    args: [sleep 60]\n"


@dataclass(frozen=True)
class Kind:
    """Where its objects are, and how one is made of a name; `modes` are those beside errorIfExists."""

    collection: str
    make: Callable[[str], Any]
    modes: tuple[CreateMode, ...] = (CreateMode.if_not_exists, CreateMode.or_replace)
    fetches: bool = True
    tagged: bool = True


KINDS = [
    Kind("databases", lambda name: Database(name=name)),
    Kind("warehouses", lambda name: Warehouse(name=name)),
    Kind("compute_pools", lambda name: ComputePool(name=name, instance_family="CPU_X64_XS", min_nodes=1, max_nodes=1)),
    Kind("roles", lambda name: Role(name=name), fetches=False),
    Kind("notification_integrations", lambda name: NotificationIntegration(
        name=name, enabled=True, notification_hook=NotificationWebhook(webhook_url="https://hooks.example/1"))),
    Kind("schemas", lambda name: Schema(name=name)),
    Kind("stages", lambda name: Stage(name=name), tagged=False),
    Kind("image_repositories", lambda name: ImageRepository(name=name)),
    Kind("secrets", lambda name: GenericStringSecret(name=name, secret_string="hidden"), tagged=False),
    Kind("event_tables", lambda name: EventTable(name=name)),
    Kind("alerts", lambda name: Alert(
        name=name, condition="SELECT 1", action="SELECT 1", schedule=MinutesSchedule(minutes=5))),
    Kind("streams", lambda name: Stream(name=name, stream_source=StreamSourceTable(name="SOURCE"))),
    Kind("tasks", lambda name: Task(name=name, definition="SELECT 1", schedule=Cron("0 9 * * *", "UTC"))),
    Kind("services", lambda name: Service(
        name=name, compute_pool="LIFECYCLE_POOL", spec=ServiceSpec(SPECIFICATION), min_instances=1, max_instances=1),
        modes=(CreateMode.if_not_exists,), tagged=False),
]  # fmt: skip
pytestmark = pytest.mark.usefixtures("_surroundings")
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.collection)


@pytest.fixture(scope="module")
def _surroundings(root: Root, connection: Any, embedded_snowflake: Any) -> None:
    add_images(embedded_snowflake.state, "embedded/public/r/sleeps")
    for statement in (
        "CREATE SCHEMA IF NOT EXISTS EMBEDDED.LIFECYCLE", "CREATE OR REPLACE TABLE EMBEDDED.LIFECYCLE.SOURCE (A INT)",
        "CREATE TAG IF NOT EXISTS EMBEDDED.LIFECYCLE.TEAM", "USE SCHEMA EMBEDDED.PUBLIC",
        "CREATE COMPUTE POOL IF NOT EXISTS LIFECYCLE_POOL MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS",
    ):  # fmt: skip
        connection.cursor().execute(statement)


def collection_of(root: Root, kind: Kind) -> Any:
    holder: Any = root
    if not hasattr(Root, kind.collection):
        holder = root.databases["EMBEDDED"]
        if kind.collection != "schemas":
            holder = holder.schemas["LIFECYCLE"]
    return getattr(holder, kind.collection)


@each_kind
@pytest.mark.embedded(
    "REST: every create mode, like, fetch and drop, for every kind of object that snowflake-core has here"
)
def test_an_object_is_created_in_every_mode_listed_fetched_and_dropped(root: Root, kind: Kind) -> None:
    collection = collection_of(root, kind)
    made = kind.make("LIFE_CYCLE")

    created = collection.create(made)
    with pytest.raises(ConflictError):
        collection.create(made, mode=CreateMode.error_if_exists)
    for mode in kind.modes:
        collection.create(made, mode=mode)
    listed = [one.name for one in collection.iter(like="life\\_cyc%")]
    others = [one.name for one in collection.iter(like="no_such%")]

    assert (listed, others) == (["LIFE_CYCLE"], [])
    if kind.fetches:
        assert created.fetch().name == "LIFE_CYCLE"
    created.drop()
    created.drop(if_exists=True)
    with pytest.raises(NotFoundError):
        created.drop()
    if kind.fetches:
        with pytest.raises(NotFoundError):
            created.fetch()


@pytest.mark.parametrize("kind", [k for k in KINDS if k.tagged], ids=lambda kind: kind.collection)
@pytest.mark.embedded("REST: tags are set, listed and unset, on every kind of object that takes them")
def test_tags_are_set_and_read_where_the_client_has_them(root: Root, kind: Kind) -> None:
    created = collection_of(root, kind).create(kind.make("TAGGED"))
    tag = root.databases["EMBEDDED"].schemas["LIFECYCLE"].tags["TEAM"]

    created.set_tags({tag: TagValue(value="ml")})
    before = {each.name: value.value for each, value in created.get_tags().items()}
    created.unset_tags({tag})
    after = created.get_tags()
    created.drop()

    assert (before, after) == ({"TEAM": "ml"}, {})
