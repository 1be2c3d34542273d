"""Exports: the same graph as plain SQL and as DCM, each statement whole."""

from __future__ import annotations

import logging

import pytest
import sqlglot
from sqlglot import exp

from mlops.compile.exports import dcm_text, sql_text
from mlops.configuration.targets import Notification, TaskOptions
from mlops.nodes import Endpoint, Serving
from mlops.parameters import Parameter
from mlops.pipeline import Cron, Stream


@pytest.fixture
def whole(samples):
    """A deployment with something of everything."""
    nodes = [
        samples.node("make", writes=["rows"], parameters=(Parameter("label", "it's \\ ;", "str"),)),
        samples.node("fit", reads=["rows"], writes=["model"]),
        samples.node("serve", reads=["model"], serving=Serving((Endpoint("http", 80),), function="predict",
                                                               function_arguments={"a": "int"})),
    ]  # fmt: skip
    target = samples.target(on_failure=Notification("mail", subject="it's broken"), warehouse="wh",
                            tasks=TaskOptions(error_integration="ei", suspend_after_failures=2))  # fmt: skip
    return samples.deployment(*nodes, target=target, schedule=Cron("0 2 * * *"))


def statements(text: str) -> list[exp.Expression]:
    logging.disable(logging.WARNING)  # sqlglot tells of every statement that it keeps as it is
    try:
        return [one for one in sqlglot.parse(text, dialect="snowflake") if one is not None]
    finally:
        logging.disable(logging.NOTSET)


def test_sql_is_read_back_as_the_statements_that_were_written(whole):
    found = statements(sql_text(whole, "mlops generate p"))

    kinds = [" ".join(one.sql(dialect="snowflake", comments=False).split()[:3]) for one in found]
    assert kinds[:3] == ["CREATE COMPUTE POOL", "CREATE IMAGE REPOSITORY", "CREATE STAGE IF"]
    assert [kind for kind in kinds if kind.startswith(("CREATE SERVICE", "CREATE OR"))] == [
        "CREATE SERVICE IF", "CREATE OR REPLACE", "CREATE OR ALTER", "CREATE OR ALTER", "CREATE OR ALTER"
    ]  # fmt: skip
    stage = next(one for one in found if isinstance(one, exp.Create) and one.kind == "STAGE")
    assert stage.this.sql(dialect="snowflake") == "ML.PROD.MLOPS_DATA"
    assert kinds[-1].startswith("SELECT SYSTEM$TASK_DEPENDENTS_ENABLE")


def test_every_statement_of_sql_ends_where_it_should_whatever_a_text_holds(whole):
    tokens = sqlglot.tokenize(sql_text(whole, "mlops generate p"), dialect="snowflake")
    texts = [token.text for token in tokens if token.token_type.name in ("STRING", "RAW_STRING", "HEREDOC_STRING")]

    assert '{"make.label": "it\'s \\\\ ;"}' in texts
    assert any("TEXT_PLAIN('it''s broken: ' || :failed" in text for text in texts)


def test_dcm_defines_stage_and_tasks_with_their_state_and_names_what_it_cannot_define(whole):
    text = dcm_text(whole, "mlops generate p --format dcm")

    assert text.startswith("-- Written by: mlops generate p --format dcm (do not edit)\n")
    assert "has to be there: compute pool MLOPS_POOL\n" in text
    assert "has to be there: service ML.PROD.P_SERVE\n" in text
    assert text.count("DEFINE TASK ML.PROD.P") == 3
    assert text.count("\n  STARTED\nAS\n") == 3
    assert "AFTER ML.PROD.P\n" in text
    assert "FINALIZE = ML.PROD.P\n" in text
    as_created = text.replace("DEFINE TASK", "CREATE TASK").replace("DEFINE STAGE", "CREATE STAGE")
    assert len([one for one in statements(as_created) if not isinstance(one, exp.Semicolon)]) >= 4


def test_a_root_that_is_not_to_run_stays_suspended(samples):
    found = samples.deployment(
        samples.node("a", writes=["x"]),
        samples.node("b", reads=["x"]),
        target=samples.target(tasks=TaskOptions(started=False)),
    )

    assert "\n  SUSPENDED\nAS\n" in dcm_text(found, "x")
    assert sql_text(found, "x").rstrip().endswith("ALTER TASK ML.PROD.P$B RESUME;")


def test_what_looks_like_a_template_is_none_for_dcm(samples):
    target = samples.target(env={"GREETING": "hello {{ name }}"})

    assert "{% raw %}DEFINE TASK" in dcm_text(samples.deployment(samples.node("a"), target=target), "x")


def test_a_completion_interval_is_replaced_not_altered(samples):
    target = samples.target(tasks=TaskOptions(target_completion_interval=60))

    text = sql_text(samples.deployment(samples.node("a"), target=target, schedule=Stream("orders")), "x")

    assert "CREATE OR REPLACE TASK ML.PROD.P\n" in text
    assert "TARGET_COMPLETION_INTERVAL = '60 SECONDS'" in text
    assert "WHEN SYSTEM$STREAM_HAS_DATA('ORDERS')" in text
