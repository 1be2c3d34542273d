"""Notification integrations: objects that tasks and alerts name; nothing is sent from here."""

from __future__ import annotations

from typing import Any

from mlops_embedded.catalog import Document
from mlops_embedded.errors import unknown_here
from mlops_embedded.rest.fields import (
    READ_ONLY,
    Field,
    Record,
    Union,
    boolean,
    identifier,
    list_of,
    map_of,
    required,
    text,
)
from mlops_embedded.rest.resource import Level, Resource, replace_properties
from mlops_embedded.rest.routes import routes
from mlops_embedded.rest.statements import register_create, register_drop, register_show
from mlops_embedded.sql.properties import read_properties
from mlops_embedded.sql.session import Session
from mlops_embedded.sql.statement import Reader

_HOOK = Union(
    tag="type",
    variants={
        "EMAIL": {
            "allowed_recipients": Field(list_of(text)),
            "default_recipients": Field(list_of(text)),
            "default_subject": Field(),
        },
        "WEBHOOK": {
            "webhook_url": required(),
            "webhook_secret": Field(
                Record(
                    {
                        "name": required(identifier),
                        "database_name": required(identifier),
                        "schema_name": required(identifier),
                    }
                )
            ),
            "webhook_body_template": Field(),
            "webhook_headers": Field(map_of(text)),
        },
        "QUEUE_AWS_SNS_OUTBOUND": {
            "aws_sns_topic_arn": Field(),
            "aws_sns_role_arn": Field(),
            "sf_aws_iam_user_arn": READ_ONLY,
            "sf_aws_external_id": READ_ONLY,
        },
        "QUEUE_AZURE_EVENT_GRID_OUTBOUND": {
            "azure_event_grid_topic_endpoint": Field(),
            "azure_tenant_id": Field(),
            "azure_consent_url": READ_ONLY,
            "azure_multi_tenant_app_name": READ_ONLY,
        },
        "QUEUE_GCP_PUBSUB_OUTBOUND": {"gcp_pubsub_topic_name": Field(), "gcp_pubsub_service_account": READ_ONLY},
        "QUEUE_AZURE_EVENT_GRID_INBOUND": {
            "azure_storage_queue_primary_uri": Field(),
            "azure_tenant_id": Field(),
            "azure_consent_url": READ_ONLY,
            "azure_multi_tenant_app_name": READ_ONLY,
        },
        "QUEUE_GCP_PUBSUB_INBOUND": {"gcp_pubsub_subscription_name": Field(), "gcp_pubsub_service_account": READ_ONLY},
    },
)
_QUEUES = {
    ("AWS_SNS", "OUTBOUND"): "QUEUE_AWS_SNS_OUTBOUND",
    ("AZURE_EVENT_GRID", "OUTBOUND"): "QUEUE_AZURE_EVENT_GRID_OUTBOUND",
    ("GCP_PUBSUB", "OUTBOUND"): "QUEUE_GCP_PUBSUB_OUTBOUND",
    ("AZURE_STORAGE_QUEUE", "INBOUND"): "QUEUE_AZURE_EVENT_GRID_INBOUND",
    ("GCP_PUBSUB", "INBOUND"): "QUEUE_GCP_PUBSUB_INBOUND",
}


def _shown(session: Session, integration: Document) -> dict[str, Any]:
    return {"type": integration.body["notification_hook"]["type"].split("_")[0], "category": "NOTIFICATION"}


def _read_clauses(session: Session, reader: Reader) -> tuple[dict[str, Any], dict[str, str]]:
    """Read CREATE NOTIFICATION INTEGRATION's clauses: those of the hook are beside the others there."""
    hook_keys = {key.upper() for key, field in _HOOK.every_field().items() if not field.read_only}
    given = read_properties(reader, hook_keys | {"ENABLED", "COMMENT", "NOTIFICATION_PROVIDER", "DIRECTION"})
    properties: dict[str, Any] = {key: given.pop(key) for key in ("enabled", "comment") if key in given}
    provider, direction = given.pop("notification_provider", None), given.pop("direction", "INBOUND")
    if given.get("type") == "QUEUE":
        kind = _QUEUES.get((str(provider).upper(), str(direction).upper()))
        if kind is None:
            raise unknown_here(f"NOTIFICATION_PROVIDER = {provider} with DIRECTION = {direction}")
        given["type"] = kind
    return {**properties, "notification_hook": given}, {}


NOTIFICATION_INTEGRATION = Resource(
    kind="notification_integration",
    path="notification-integrations",
    level=Level.ACCOUNT,
    body=Record(
        {
            "name": required(identifier),
            "enabled": Field(boolean, default=True),
            "comment": Field(),
            "notification_hook": required(_HOOK),
            "created_on": READ_ONLY,
        }
    ),
    alter=replace_properties,
    put=False,
    shown=_shown,
    filters=frozenset({"like"}),
    create_privilege="CREATE INTEGRATION",
    securable_type="INTEGRATION",
    tag_domain="INTEGRATION",
)

register_create(NOTIFICATION_INTEGRATION, _read_clauses)
register_drop(NOTIFICATION_INTEGRATION)
register_show(
    NOTIFICATION_INTEGRATION,
    "NOTIFICATION INTEGRATIONS",
    {
        "name": "text", "type": "text", "category": "text", "enabled": "text", "comment": "text",
        "created_on": "timestamp_ltz",
    },
)  # fmt: skip

ROUTES = routes(NOTIFICATION_INTEGRATION)
