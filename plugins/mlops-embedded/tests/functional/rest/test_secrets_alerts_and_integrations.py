"""Secrets are kept and never answered; integrations and alerts are described by tagged unions."""

from __future__ import annotations

import pytest
from snowflake.core import Root
from snowflake.core.alert import Alert, CronSchedule, MinutesSchedule
from snowflake.core.event_table import EventTable
from snowflake.core.exceptions import ConflictError, NotFoundError
from snowflake.core.notification_integration import (
    NotificationEmail,
    NotificationIntegration,
    NotificationWebhook,
    WebhookSecret,
)
from snowflake.core.secret import GenericStringSecret, PasswordSecret

SECRETS = "/databases/embedded/schemas/public/secrets"


@pytest.fixture
def schema(root: Root):
    return root.databases["embedded"].schemas["public"]


@pytest.mark.embedded("REST and SQL: secrets")
def test_a_secret_is_created_and_never_told(schema, call, sql, wire):
    schema.secrets.create(PasswordSecret(name="login", username="me", password="opensesame", comment="door"))
    schema.secrets.create(GenericStringSecret(name="token", secret_string="opensesame"))
    before = len(wire.exchanges)

    status, answer = call("GET", f"{SECRETS}/login")
    listed = call("GET", SECRETS)[1]
    rows = [*sql("SHOW SECRETS"), *sql("DESCRIBE SECRET login")]

    assert (status, answer["type"], answer["username"], answer["comment"]) == (200, "PASSWORD", "me", "door")
    assert {each["name"] for each in listed} >= {"LOGIN", "TOKEN"}
    assert {row["secret_type"] for row in rows} == {"PASSWORD", "GENERIC_STRING"}
    assert "opensesame" not in str([*rows, *(e.response for e in wire.exchanges[before:])])


@pytest.mark.embedded("REST and SQL: secrets")
def test_a_secret_is_fetched_by_the_sdk_and_altered_in_sql(schema, sql, embedded_snowflake):
    sql("CREATE OR REPLACE SECRET altered TYPE = PASSWORD USERNAME = 'me' PASSWORD = 'first'")

    sql("ALTER SECRET altered SET USERNAME = 'you' PASSWORD = 'second'")

    fetched = schema.secrets["altered"].fetch()
    assert (fetched.name, fetched.username, fetched.password) == ("ALTERED", "you", "")
    logged = [
        call["sql"] for call in embedded_snowflake.admin.calls()["calls"] if "SECRET altered" in (call["sql"] or "")
    ]
    assert logged[0] == "CREATE OR REPLACE SECRET altered TYPE = PASSWORD USERNAME = 'me' PASSWORD = '****'"
    schema.secrets["altered"].drop()
    with pytest.raises(NotFoundError):
        schema.secrets["altered"].fetch()


@pytest.mark.embedded("REST and SQL: secrets")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": "x", "secret_string": "s"}, "'type' is missing"),
        ({"name": "x", "type": "RIDDLE"}, "type must be one of"),
        ({"name": "x", "type": "PASSWORD", "username": "u"}, "'password' is missing"),
        ({"name": "x", "type": "PASSWORD", "username": "u", "password": "p", "secret_string": "s"}, "'secret_string'"),
    ],
)
def test_the_type_of_a_secret_says_which_fields_it_has(call, body: dict, message: str):
    status, answer = call("POST", SECRETS, body)

    assert (status, message in answer["message"]) == (400, True), answer


@pytest.mark.embedded("REST and SQL: notification integrations")
def test_an_integration_keeps_its_hook(root: Root, sql):
    integrations = root.notification_integrations
    mail = NotificationEmail(allowed_recipients=["a@b.c"], default_subject="Hello")
    created = integrations.create(NotificationIntegration(name="mail", notification_hook=mail, enabled=True))
    secret = WebhookSecret(name="token", database_name="embedded", schema_name="public")
    hook = NotificationWebhook(webhook_url="https://h.k", webhook_secret=secret, webhook_headers={"A": "b"})
    integrations.create(NotificationIntegration(name="hook", notification_hook=hook))
    with pytest.raises(ConflictError):
        integrations.create(NotificationIntegration(name="MAIL", notification_hook=mail))

    fetched = created.fetch()

    assert (fetched.enabled, fetched.notification_hook.default_subject) == (True, "Hello")
    assert integrations["hook"].fetch().notification_hook.webhook_headers == {"A": "b"}
    sql("CREATE NOTIFICATION INTEGRATION sns TYPE = QUEUE NOTIFICATION_PROVIDER = AWS_SNS DIRECTION = OUTBOUND "
        "ENABLED = TRUE AWS_SNS_TOPIC_ARN = 'arn:t' AWS_SNS_ROLE_ARN = 'arn:r'")  # fmt: skip
    assert integrations["sns"].fetch().notification_hook.aws_sns_topic_arn == "arn:t"
    types = {row["name"]: row["type"] for row in sql("SHOW NOTIFICATION INTEGRATIONS")}
    assert types == {"MAIL": "EMAIL", "HOOK": "WEBHOOK", "SNS": "QUEUE"}


@pytest.mark.embedded("REST and SQL: event tables")
def test_an_event_table_has_its_columns_counts_rows_and_is_renamed(schema, sql):
    table = schema.event_tables.create(EventTable(name="events", comment="telemetry", data_retention_time_in_days=1))
    sql("INSERT INTO events (timestamp, record_type) VALUES ('2026-01-01', 'LOG'), ('2026-01-02', 'SPAN')")

    fetched = table.fetch()

    assert (fetched.rows, fetched.columns[0].name, fetched.comment) == (2, "TIMESTAMP", "telemetry")
    table.rename("happenings")
    assert sql("SELECT COUNT(*) AS n FROM happenings") == [{"N": 2}]
    schema.event_tables["happenings"].drop()
    assert sql("SHOW TABLES LIKE 'happenings'") == []


@pytest.mark.embedded("REST and SQL: alerts, run by EXECUTE ALERT")
def test_an_alert_acts_when_its_condition_returns_rows(schema, sql):
    sql("CREATE OR REPLACE TABLE measured (x INT)")
    sql("CREATE OR REPLACE TABLE alarms (x INT)")
    alert = schema.alerts.create(
        Alert(
            name="too_high",
            condition="SELECT 1 FROM measured WHERE x > 10",
            action="INSERT INTO alarms SELECT max(x) FROM measured",
            schedule=MinutesSchedule(minutes=5),
            warehouse="compute_wh",
        )
    )

    alert.execute()
    sql("INSERT INTO measured VALUES (11)")
    alert.execute()
    sql("EXECUTE ALERT too_high")

    assert sql("SELECT x FROM alarms") == [{"X": 11}, {"X": 11}]
    fetched = alert.fetch()
    assert (fetched.state, fetched.schedule.minutes, fetched.warehouse) == ("suspended", 5, "COMPUTE_WH")


@pytest.mark.embedded("REST and SQL: alerts, run by EXECUTE ALERT")
def test_an_alert_in_sql_keeps_condition_and_action_as_written(schema, sql):
    sql("CREATE ALERT nightly WAREHOUSE = compute_wh SCHEDULE = 'USING CRON 0 3 * * * Europe/Vienna' "
        "IF (EXISTS (SELECT 'a;b' WHERE (1 = 1))) THEN INSERT INTO alarms VALUES (1)")  # fmt: skip

    fetched = schema.alerts["nightly"].fetch()

    assert isinstance(fetched.schedule, CronSchedule)
    assert (fetched.schedule.cron_expr, fetched.schedule.timezone) == ("0 3 * * *", "Europe/Vienna")
    assert fetched.condition == "SELECT 'a;b' WHERE (1 = 1)"
    assert fetched.action == "INSERT INTO alarms VALUES (1)"
    schema.alerts["nightly"].drop()


@pytest.mark.embedded("REST and SQL: alerts, run by EXECUTE ALERT")
def test_an_alerts_schedule_is_a_union_by_its_tag(call):
    alerts = "/databases/embedded/schemas/public/alerts"
    alert = {"name": "wrong", "condition": "SELECT 1", "action": "SELECT 1"}

    status, answer = call("POST", alerts, {**alert, "schedule": {"schedule_type": "CRON_TYPE", "minutes": 1}})

    assert (status, "unknown property 'schedule.minutes'" in answer["message"]) == (400, True), answer
