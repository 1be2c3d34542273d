"""A kind of object: its fields, where it lives, and what may be done to it, the same for REST and for SQL.

Every operation asks the current role's privileges first; an object that a role may not see does not exist for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from mlops_embedded.catalog import Document, ObjectName, quote
from mlops_embedded.catalog.grants import ACCOUNT, Securable, forget_securable, privileges_on, require
from mlops_embedded.catalog.tags import Tagged, untag
from mlops_embedded.errors import does_not_exist, unknown_here
from mlops_embedded.rest.fields import Record, Union
from mlops_embedded.server.resources import ApiAnswer, ApiRequest
from mlops_embedded.sql.session import Session


class Level(Enum):
    """Where a kind of object lives."""

    ACCOUNT = "account"
    DATABASE = "database"
    SCHEMA = "schema"


class CreateMode(Enum):
    """What to do if an object of that name is there already."""

    ERROR_IF_EXISTS = "errorIfExists"
    OR_REPLACE = "orReplace"
    IF_NOT_EXISTS = "ifNotExists"

    @classmethod
    def of(cls, *, or_replace: bool, if_not_exists: bool) -> CreateMode:
        """Return the mode of a CREATE statement."""
        return cls.OR_REPLACE if or_replace else cls.IF_NOT_EXISTS if if_not_exists else cls.ERROR_IF_EXISTS


@dataclass(frozen=True, slots=True)
class Creation:
    """A request to create an object; `properties` are checked and complete."""

    name: ObjectName
    properties: dict[str, Any]
    mode: CreateMode = CreateMode.ERROR_IF_EXISTS
    query: Mapping[str, str] = field(default_factory=dict)
    """Query parameters of this kind's own: `initiallySuspended`."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is asked for; None: no such filter."""

    like: str | None = None
    starts_with: str | None = None
    limit: int | None = None
    from_name: str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """`POST .../NAME:verb`: what it does, and the privilege that the role needs for it.

    It returns an answer of its own, or None for Snowflake's "Statement executed successfully."
    """

    run: Callable[[Session, Document, ApiRequest], ApiAnswer | None]
    privilege: str = "OWNERSHIP"
    parameters: frozenset[str] = frozenset()


def replace_properties(session: Session, document: Document, properties: dict[str, Any]) -> None:
    """Give a document these properties in place of those it has; the server's own state stays."""
    with session.catalog.transaction():
        session.catalog.put(session.catalog.get(document.kind, document.name).with_(**properties))


def store(session: Session, kind: str, asked: Creation, **state: Any) -> bool:
    """Write a new object with its properties and the server's own state; False if it was there and that was allowed."""
    document = Document(kind, asked.name, {**asked.properties, "owner": session.role, **state})
    return session.catalog.create(
        document,
        or_replace=asked.mode is CreateMode.OR_REPLACE,
        if_not_exists=asked.mode is CreateMode.IF_NOT_EXISTS,
    )


@dataclass(frozen=True)
class Resource:
    """One kind of object. The defaults keep it as a document and nothing more."""

    kind: str
    """Its kind in the catalog, in words of SQL with underscores: compute_pool."""
    path: str
    """Its collection in a URL: compute-pools."""
    level: Level
    body: Record | Union
    create: Callable[[Session, Creation], bool] | None = None
    """Make the object; False if it was there and the mode allowed that. Without it: `store`."""
    alter: Callable[[Session, Document, dict[str, Any]], None] | None = None
    """Give an existing object these properties (all of them); None: it cannot be altered."""
    put: bool = True
    """Whether the API has create-or-alter for what can be altered, or SQL alone."""
    drop: Callable[[Session, ObjectName], None] | None = None
    """Remove an existing object and what belongs to it. Without it: its document."""
    shown: Callable[[Session, Document], dict[str, Any]] | None = None
    """The read-only fields, beyond those that every object has."""
    visible: Callable[[Session, Document], bool] | None = None
    """Whether the session sees the object at all: not another session's temporary one."""
    actions: Mapping[str, Action] = field(default_factory=dict)
    modes: frozenset[CreateMode] = frozenset(CreateMode)
    filters: frozenset[str] = frozenset({"like", "startsWith", "showLimit", "fromName"})
    create_parameters: frozenset[str] = frozenset()
    drop_parameters: frozenset[str] = frozenset()
    create_privilege: str | None = None
    """What the role needs on the account, database or schema; without it CREATE and the kind."""
    alter_privilege: str = "OWNERSHIP"
    securable_type: str | None = None
    """The kind in GRANT, where it is another word than in CREATE."""
    tag_domain: str | None = None
    """The domain under which tags are set on it; None: the API takes no tags for it."""

    @property
    def words(self) -> str:
        """The kind in words of SQL: COMPUTE POOL."""
        return self.kind.replace("_", " ").upper()

    def securable(self, name: ObjectName) -> Securable:
        return Securable(self.securable_type or self.words, name)

    # -- operations, after the privileges are asked

    def create_object(self, session: Session, asked: Creation) -> bool:
        """Create; False if it was there already and the mode allowed that."""
        if asked.mode not in self.modes:
            raise unknown_here(f"createMode={asked.mode.value} for {self.words}")
        self.require_scope(session, asked.name, self.create_privilege or f"CREATE {self.words}")
        before = session.catalog.find(self.kind, asked.name)
        if before is not None and asked.mode is CreateMode.OR_REPLACE:
            require(session.catalog, session.role, "OWNERSHIP", self.securable(asked.name), before.body.get("owner"))
        created = self.create(session, asked) if self.create else store(session, self.kind, asked)
        if created and before is not None:
            forget_securable(session.catalog, self.securable(asked.name))
        return created

    def create_or_alter(self, session: Session, asked: Creation) -> bool:
        """Create, or give the object that is there these properties; True if it was created."""
        found = session.catalog.find(self.kind, asked.name)
        if found is None:
            return self.create_object(session, asked)
        self.alter_object(session, asked.name, asked.properties)
        return False

    def alter_object(self, session: Session, name: ObjectName, properties: dict[str, Any]) -> None:
        """Give an existing object these properties, all of them."""
        if self.alter is None:
            raise unknown_here(f"ALTER {self.words} ... SET")
        self.alter(session, self.get(session, name, self.alter_privilege), properties)

    def properties(self, document: Document) -> dict[str, Any]:
        """Return what a client may set, as it stands."""
        declared = self.body.fields_for(document.body)
        return {key: document.body.get(key) for key, f in declared.items() if not f.read_only and key != "name"}

    def get(self, session: Session, name: ObjectName, privilege: str | None = None) -> Document:
        """Return an object that the role may see, and may use with this privilege if one is named.

        Raises:
            SnowflakeError 002003, 003001: there is none, or the role may not.
        """
        self.require_scope(session, name)
        found = session.catalog.get(self.kind, name)
        owner = found.body.get("owner")
        if self.visible is not None and not self.visible(session, found):
            raise does_not_exist(self.words.lower(), name)
        if privilege is not None:
            require(session.catalog, session.role, privilege, self.securable(name), owner)
        elif not self._seen(session, found):
            raise does_not_exist(self.words.lower(), name)
        return found

    def listed(
        self, session: Session, wanted: Filter, database: str | None = None, schema: str | None = None
    ) -> list[Document]:
        """Return the objects that the role may see, by name."""
        found = session.catalog.list(
            self.kind, database=database, schema=schema,
            like=wanted.like, starts_with=wanted.starts_with, from_name=wanted.from_name,
        )  # fmt: skip
        seen = [d for d in found if self._seen(session, d) and (self.visible is None or self.visible(session, d))]
        return seen if wanted.limit is None else seen[: wanted.limit]

    def drop_object(self, session: Session, name: ObjectName, *, if_exists: bool = False) -> bool:
        """Drop with its grants and tags; False if it was not there and that was allowed."""
        if if_exists and session.catalog.find(self.kind, name) is None:
            return False
        self.get(session, name, "OWNERSHIP")
        if self.drop is not None:
            self.drop(session, name)
        else:
            session.catalog.delete(self.kind, name)
        forget_securable(session.catalog, self.securable(name))
        if self.tag_domain is not None:
            untag(session.catalog, Tagged(self.tag_domain, name))
        return True

    def json(self, session: Session, document: Document) -> dict[str, Any]:
        """Return the object as the API answers it: declared fields that have a value, names as identifiers."""
        values = self.row(session, document)
        for key in ("name", "database_name", "schema_name", "owner"):
            values[key] = quote(values[key]) if values[key] else None
        values["created_on"] = document.created_on.isoformat(timespec="milliseconds")
        values["comment"] = values["comment"] or None
        answer = {}
        for key, declared in self.body.fields_for(document.body).items():
            if declared.write_only:
                values[key] = "" if declared.required else None
            if values.get(key) is not None:
                answer[key] = _without_nulls(values[key])
        return answer

    def row(self, session: Session, document: Document) -> dict[str, Any]:
        """Return everything about the object, names as they are stored, as SHOW has it."""
        name = document.name
        return {
            **document.body,
            "name": name.name,
            "database_name": name.database,
            "schema_name": name.schema,
            "created_on": document.created_on,
            "owner": document.body.get("owner"),
            "owner_role_type": "ROLE",
            "comment": document.body.get("comment") or "",
            **(self.shown(session, document) if self.shown else {}),
        }

    def _seen(self, session: Session, document: Document) -> bool:
        on = self.securable(document.name)
        return bool(privileges_on(session.catalog, session.role, on, document.body.get("owner")))

    def require_scope(self, session: Session, name: ObjectName, privilege: str | None = None) -> None:
        """The database and schema must be there for the role, and allow what is to be created in them."""
        parents: list[tuple[Securable, str | None]] = [(ACCOUNT, None)] if self.level is Level.ACCOUNT else []
        if name.database is not None:
            parents.append(_existing(session, "database", ObjectName(None, None, name.database)))
        if name.schema is not None:
            parents.append(_existing(session, "schema", ObjectName(name.database, None, name.schema)))
        for securable, owner in parents:
            if securable != ACCOUNT and not privileges_on(session.catalog, session.role, securable, owner):
                raise does_not_exist(securable.type.lower(), securable.name)
        if privilege is not None:
            securable, owner = parents[-1]
            require(session.catalog, session.role, privilege, securable, owner)


def _existing(session: Session, kind: str, name: ObjectName) -> tuple[Securable, str | None]:
    return Securable(kind.upper(), name), session.catalog.get(kind, name).body.get("owner")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
