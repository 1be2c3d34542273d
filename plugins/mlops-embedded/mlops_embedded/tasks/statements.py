"""CREATE, ALTER, DROP, EXECUTE, SHOW and DESCRIBE TASK; the current role's privileges are asked first."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from mlops_embedded.catalog import ObjectName
from mlops_embedded.catalog.tags import Tagged, set_tag
from mlops_embedded.errors import invalid_value, syntax_error
from mlops_embedded.rest.resource import Filter
from mlops_embedded.rest.tasks import TASK
from mlops_embedded.sql.dispatch import statement
from mlops_embedded.sql.results import Rowset, Status
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.show_options import read_show_options
from mlops_embedded.sql.statement import Reader, Statement
from mlops_embedded.tasks.changes import (
    alter_task,
    create_or_alter_task,
    create_task,
    resume_task,
    suspend_task,
)
from mlops_embedded.tasks.definition import OVERLAP_POLICIES, Task, TaskSettings
from mlops_embedded.tasks.engine import engine_of
from mlops_embedded.tasks.listings import SHOWN, SHOWN_TERSE, shown

_TEXT = {
    "SCHEDULE", "CONFIG", "COMMENT", "TARGET_COMPLETION_INTERVAL", "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE",
    "SERVERLESS_TASK_MIN_STATEMENT_SIZE", "SERVERLESS_TASK_MAX_STATEMENT_SIZE", "LOG_LEVEL",
}  # fmt: skip
_NUMBERS = {
    "USER_TASK_TIMEOUT_MS", "SUSPEND_TASK_AFTER_NUM_FAILURES", "TASK_AUTO_RETRY_ATTEMPTS",
    "USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS",
}  # fmt: skip
_NAMES = {"WAREHOUSE", "ERROR_INTEGRATION", "SUCCESS_INTEGRATION"}


@statement("CREATE", "TASK")
def create_task_statement(session: Session, found: Statement) -> Status:
    reader = found.after("CREATE", "TASK")
    if_not_exists = reader.if_not_exists()
    name = session.resolve(reader.name(), "CREATE TASK")
    settings, tags = _read_definition(session, reader, name)
    TASK.require_scope(session, name, "CREATE TASK")
    if session.catalog.find(TASK.kind, name) is not None and (found.or_replace or found.or_alter):
        TASK.get(session, name, "OWNERSHIP")
    if found.or_alter:
        if tags:
            raise syntax_error("CREATE OR ALTER TASK takes no tags")
        created = create_or_alter_task(session.catalog, name, settings, session.role)
        done = "created" if created else "altered"
        return Status(f"Task {name.name} successfully {done}.")
    created = create_task(
        session.catalog,
        name,
        settings,
        session.role,
        or_replace=found.or_replace,
        if_not_exists=if_not_exists,
    )
    if not created:
        return Status(f"{name.name} already exists, statement succeeded.")
    for tag, value in tags:
        set_tag(session.catalog, Tagged("TASK", name), session.resolve(tag, "WITH TAG"), value)
    return Status(f"Task {name.name} successfully created.")


def _read_definition(
    session: Session, reader: Reader, name: ObjectName
) -> tuple[TaskSettings, list[tuple[tuple[str, ...], str]]]:
    """Read everything behind the name: clauses in any order, then WHEN and AS."""
    settings: dict[str, Any] = {"session_parameters": {}}
    tags: list[tuple[tuple[str, ...], str]] = []
    while not reader.accept("AS"):
        if reader.accept("WHEN"):
            settings["condition"] = _until_as(reader)
        elif reader.accept("AFTER"):
            settings["predecessors"] = _names(session, reader, name)
        elif reader.accept("WITH", "TAG") or reader.accept("TAG"):
            tags = _read_tags(reader)
        elif reader.accept("EXECUTE", "AS", "USER"):
            settings["execute_as_user"] = reader.identifier()
        else:
            _read_property(session, reader, name, settings)
        reader.accept(",")
    definition = reader.rest()
    if not definition:
        raise syntax_error("a task needs a statement behind AS")
    return TaskSettings(definition, **settings), tags


def _read_property(session: Session, reader: Reader, task: ObjectName, settings: dict[str, Any]) -> None:
    key = reader.identifier()
    reader.expect("=")
    if key in _NAMES:
        settings[key.lower()] = reader.identifier()
    elif key in _NUMBERS:
        settings[key.lower()] = reader.integer()
    elif key in _TEXT:
        settings[key.lower()] = str(reader.value())
    elif key == "FINALIZE":
        settings["finalize"] = _sibling(session, reader.name(), task)
    elif key == "OVERLAP_POLICY":
        settings["overlap_policy"] = str(reader.value()).upper()
    elif key == "ALLOW_OVERLAPPING_EXECUTION":
        settings["overlap_policy"] = OVERLAP_POLICIES[1] if reader.value() else OVERLAP_POLICIES[0]
    else:
        settings["session_parameters"] = {**settings["session_parameters"], key: reader.value()}


def _until_as(reader: Reader) -> str:
    """Read a WHEN condition: everything up to AS, which is no part of a cast inside parentheses."""
    depth, pieces = 0, []
    while (token := reader.peek()) is not None:
        depth += token.is_symbol("(") - token.is_symbol(")")
        if depth == 0 and token.is_word("AS"):
            break
        pieces.append(reader.next().text)
    return " ".join(pieces)


def _names(session: Session, reader: Reader, task: ObjectName) -> tuple[str, ...]:
    names = [_sibling(session, reader.name(), task)]
    while reader.accept(","):
        names.append(_sibling(session, reader.name(), task))
    return tuple(names)


def _sibling(session: Session, parts: tuple[str, ...], task: ObjectName) -> str:
    """Return the name of another task of the same graph, which must lie in the same schema."""
    name = ObjectName(task.database, task.schema, parts[0]) if len(parts) == 1 else session.resolve(parts)
    if (name.database, name.schema) != (task.database, task.schema):
        raise invalid_value(f"all tasks of a graph must be in one schema: {name} is not in that of {task}")
    return name.name


def _read_tags(reader: Reader) -> list[tuple[tuple[str, ...], str]]:
    tags = []
    reader.expect("(")
    while not reader.accept(")"):
        name = reader.name()
        reader.expect("=")
        tags.append((name, reader.string()))
        reader.accept(",")
    return tags


@statement("ALTER", "TASK")
def alter_task_statement(session: Session, found: Statement) -> Status:
    reader = found.after("ALTER", "TASK")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "ALTER TASK")
    if if_exists and session.catalog.find(TASK.kind, name) is None:
        return Status()
    engine = engine_of(session.account)
    if reader.accept("RESUME"):
        reader.finish()
        TASK.get(session, name, "OPERATE")
        resume_task(session.catalog, engine.history, name, session.account.clock.now())
        engine.wake()
        return Status()
    if reader.accept("SUSPEND"):
        reader.finish()
        TASK.get(session, name, "OPERATE")
        suspend_task(session.catalog, name, session.account.clock.now())
        return Status()
    settings = asdict(Task.of(TASK.get(session, name, "OWNERSHIP")).settings)
    settings["predecessors"] = tuple(settings["predecessors"])
    if reader.accept("ADD", "AFTER"):
        added = _names(session, reader, name)
        settings["predecessors"] = tuple(dict.fromkeys((*settings["predecessors"], *added)))
    elif reader.accept("REMOVE", "AFTER"):
        removed = _names(session, reader, name)
        settings["predecessors"] = tuple(p for p in settings["predecessors"] if p not in removed)
    elif reader.accept("REMOVE", "WHEN"):
        settings["condition"] = None
    elif reader.accept("MODIFY", "AS"):
        settings["definition"] = reader.rest()
    elif reader.accept("MODIFY", "WHEN"):
        settings["condition"] = reader.rest()
    elif reader.accept("UNSET"):
        _unset(reader, settings)
    elif reader.accept("SET", "TAG"):
        tag = session.resolve(reader.name(), "SET TAG")
        reader.expect("=")
        set_tag(session.catalog, Tagged("TASK", name), tag, reader.string())
        return Status()
    else:
        reader.expect("SET")
        while not reader.at_end:
            _read_property(session, reader, name, settings)
            reader.accept(",")
    reader.finish()
    alter_task(session.catalog, name, TaskSettings(**settings))
    return Status()


def _unset(reader: Reader, settings: dict[str, Any]) -> None:
    while not reader.at_end:
        key = reader.identifier()
        if key.lower() in settings and key not in {"DEFINITION", "PREDECESSORS", "SESSION_PARAMETERS"}:
            settings[key.lower()] = None
        else:
            parameters = settings["session_parameters"]
            settings["session_parameters"] = {k: v for k, v in parameters.items() if k != key}
        reader.accept(",")


@statement("DROP", "TASK")
def drop_task_statement(session: Session, found: Statement) -> Status:
    reader = found.after("DROP", "TASK")
    if_exists = reader.if_exists()
    name = session.resolve(reader.name(), "DROP TASK")
    reader.finish()
    if TASK.drop_object(session, name, if_exists=if_exists):
        return Status(f"{name.name} successfully dropped.")
    return Status(f"Drop statement executed successfully ({name.name} already dropped).")


@statement("EXECUTE", "TASK")
def execute_task_statement(session: Session, found: Statement) -> Status:
    reader = found.after("EXECUTE", "TASK")
    name = session.resolve(reader.name(), "EXECUTE TASK")
    TASK.get(session, name, "OPERATE")
    engine = engine_of(session.account)
    if reader.accept("RETRY", "LAST"):
        reader.finish()
        engine.retry_last(name)
        return Status(f"Task {name.name} is scheduled to retry.")
    if reader.accept("RETRY", "GRAPH", "RUN", "GROUP"):
        group_id = reader.string()
        reader.finish()
        engine.retry_group(name, group_id)
        return Status(f"Task {name.name} is scheduled to retry.")
    config = None
    if reader.accept("USING", "CONFIG"):
        reader.expect("=")
        config = _config(reader.string())
    reader.finish()
    engine.execute(name, config)
    return Status(f"Task {name.name} is scheduled to run immediately.")


def _config(text: str) -> dict[str, Any]:
    try:
        config = json.loads(text)
    except ValueError as error:
        raise invalid_value(f"USING CONFIG must be JSON: {error}") from error
    if not isinstance(config, dict):
        raise invalid_value("USING CONFIG must be a JSON object")
    return config


@statement("SHOW", "TASKS")
def show_tasks(session: Session, found: Statement) -> Rowset:
    options = read_show_options(session, found.after("SHOW", "TASKS"), tasks=True)
    wanted = Filter(options.like, options.starts_with, None, options.from_name)
    tasks = [Task.of(document) for document in TASK.listed(session, wanted, options.database, options.schema)]
    chosen = [task for task in tasks if task.settings.is_root or not options.root_only][: options.limit]
    columns = SHOWN_TERSE if "TERSE" in found.modifiers else SHOWN
    return Rowset.of(columns, ({**shown(session, task), "kind": "TASK"} for task in chosen))


@statement("DESCRIBE", "TASK")
def describe_task(session: Session, found: Statement) -> Rowset:
    reader = found.after("DESCRIBE", "TASK")
    name = session.resolve(reader.name(), "DESCRIBE TASK")
    reader.finish()
    return Rowset.of(SHOWN, [shown(session, Task.of(TASK.get(session, name)))])
