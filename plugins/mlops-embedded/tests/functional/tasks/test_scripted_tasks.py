"""A task whose statement is a Snowflake Scripting block: it clears away, starts a job, and hands a value on."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml
from mlops_embedded.life import EmbeddedSnowflake
from snowflake.connector.cursor import SnowflakeCursor

BLOCK = """
BEGIN
    LET version := SYSTEM$GET_TASK_GRAPH_CONFIG('version');
    DROP SERVICE IF EXISTS ONLY_ONE;
    EXECUTE JOB SERVICE IN COMPUTE POOL SCRIPTED NAME = ONLY_ONE FROM SPECIFICATION $$
        spec:
          containers:
          - name: main
            image: /d/s/r/shell:1
            args: ["true"]
    $$;
    CALL SYSTEM$SET_RETURN_VALUE('ran ' || :version);
END
"""


def finished(cursor: SnowflakeCursor, count: int, seconds: float = 30) -> list[tuple[Any, ...]]:
    """Wait until the task has ended so many times."""
    until = time.monotonic() + seconds
    while True:
        rows = cursor.execute(
            "SELECT STATE, ERROR_MESSAGE, RETURN_VALUE, SPCS_JOB_ID IS NOT NULL FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY("
            "TASK_NAME => 'SCRIPTED')) WHERE STATE NOT IN ('SCHEDULED', 'EXECUTING')"
        ).fetchall()
        if len(rows) >= count:
            return rows
        assert time.monotonic() < until, rows
        time.sleep(0.05)


@pytest.mark.embedded("Tasks: a Snowflake Scripting block that drops a service, runs a job and sets a return value")
def test_a_block_starts_a_job_of_a_fixed_name_again_and_again(
    embedded_snowflake: EmbeddedSnowflake, cursor: SnowflakeCursor
) -> None:
    (embedded_snowflake.state / "images.yaml").write_text(yaml.safe_dump({"d/s/r/shell": {"entrypoint": ["sh", "-c"]}}))
    cursor.execute("CREATE COMPUTE POOL SCRIPTED MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS")
    cursor.execute(f"CREATE TASK SCRIPTED CONFIG = '{{\"version\": 7}}' AS {BLOCK}")

    for count in (1, 2):
        cursor.execute("EXECUTE TASK SCRIPTED")
        rows = finished(cursor, count)

    assert rows == [("SUCCEEDED", None, "ran 7", True)] * 2
