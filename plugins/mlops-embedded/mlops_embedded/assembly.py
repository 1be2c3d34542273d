"""What the embedded Snowflake is put together from: the one list of statement modules, routes and services.

An area joins by a line here; nothing is found by looking around.
"""

from __future__ import annotations

from importlib import import_module

from starlette.routing import BaseRoute

from mlops_embedded.background import Service

STATEMENT_MODULES = (
    "mlops_embedded.sql.session_statements",
    "mlops_embedded.sql.system_functions",
    "mlops_embedded.scripting.statements",
    "mlops_embedded.sql.namespaces",
    "mlops_embedded.sql.tables",
    "mlops_embedded.sql.views",
    "mlops_embedded.sql.stages",
    "mlops_embedded.sql.file_formats",
    "mlops_embedded.sql.staged_queries",
    "mlops_embedded.sql.copy",
    "mlops_embedded.sql.user_function_statements",
    "mlops_embedded.sql.user_functions",
    "mlops_embedded.scripting.procedure_statements",
    "mlops_embedded.sql.information_schema",
    "mlops_embedded.sql.show",
    "mlops_embedded.sql.warehouses",
    "mlops_embedded.rest.grant_statements",
    "mlops_embedded.ml.tags",
    "mlops_embedded.ml.entity_detail",
    "mlops_embedded.ml.asof",
    "mlops_embedded.ml.model_statements",
    "mlops_embedded.jobs.methods",  # before the calls of models, which have a `!` too
    "mlops_embedded.ml.model_calls",
    "mlops_embedded.ml.experiment_statements",
    "mlops_embedded.ml.lineage",
    "mlops_embedded.ml.dynamic_table_statements",
    "mlops_embedded.ml.online_feature_table_statements",
    "mlops_embedded.ml.datasets",
    "mlops_embedded.tasks.statements",
    "mlops_embedded.tasks.listings",
    "mlops_embedded.tasks.functions",
    "mlops_embedded.alerts.functions",
    "mlops_embedded.rest.notifications",
    "mlops_embedded.jobs.statements",
    "mlops_embedded.jobs.listings",
    "mlops_embedded.jobs.functions",
    "mlops_embedded.jobs.service_functions",
    "mlops_embedded.jobs.service_roles",
    "mlops_embedded.jobs.event_table_statements",
    "mlops_embedded.jobs.job_history",
)
"""Modules whose import registers statements and functions."""

ROUTE_MODULES: tuple[str, ...] = (
    "mlops_embedded.rest.roles",
    "mlops_embedded.rest.grants",
    "mlops_embedded.rest.databases",
    "mlops_embedded.rest.warehouses",
    "mlops_embedded.rest.compute_pools",
    "mlops_embedded.rest.image_repositories",
    "mlops_embedded.rest.stages",
    "mlops_embedded.rest.tables",
    "mlops_embedded.rest.secrets",
    "mlops_embedded.rest.notification_integrations",
    "mlops_embedded.rest.event_tables",
    "mlops_embedded.rest.alerts",
    "mlops_embedded.rest.streams",
    "mlops_embedded.rest.tasks",
    "mlops_embedded.rest.services",
)
"""Modules with `ROUTES`, mounted under /api/v2; many register the statements about the same objects too."""

SERVICES: tuple[str, ...] = (
    "mlops_embedded.jobs.event_table:EventTable",
    "mlops_embedded.jobs.runner:ServiceRunner",
    "mlops_embedded.tasks.engine:TaskEngine",
    "mlops_embedded.alerts.engine:AlertEngine",
)
"""Background services, as "module:Class", in the order they start."""


def load_statements() -> None:
    for module in (*STATEMENT_MODULES, *ROUTE_MODULES):
        import_module(module)


def api_routes() -> list[BaseRoute]:
    return [route for module in ROUTE_MODULES for route in import_module(module).ROUTES]


def services() -> tuple[type[Service], ...]:
    found = []
    for each in SERVICES:
        module, _, name = each.partition(":")
        found.append(getattr(import_module(module), name))
    return tuple(found)
