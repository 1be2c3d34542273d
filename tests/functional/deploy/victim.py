"""A process that deploys in children of its own, and lets each of them be killed at one call: `python victim.py`.

Lines of JSON come in ({"schema", "call", "when"}), and the way each child ended goes out. Modules are imported once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "deploy"))

from graphs import NEW
from msgspec.structs import replace

from mlops.deploy.applying import apply
from mlops.deploy.survey import survey
from mlops.runs.connection import Connection
from mlops.snowflake.account import account_on
from mlops.snowflake.session import SnowflakeSession


class KilledAtCall:
    """An account whose process is killed at a call, before it is made or before its answer is used."""

    def __init__(self, account: Any, call: int, when: str) -> None:
        self._account, self._left, self._when = account, call, when

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._account, name)
        return self._counted(value) if callable(value) else value

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left == 0 and self._when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            answer = method(*words, **named)
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call


def deploy(connection: dict[str, Any], schema: str, call: int, when: str) -> None:
    """Deploy NEW into a schema, over one connection, so that the calls have one order."""
    wanted = replace(NEW, database="EMBEDDED", schema=schema)
    session = SnowflakeSession(Connection("embedded", connection))
    account = KilledAtCall(account_on(session, database="EMBEDDED", schema=schema, width=1), call, when)
    with ThreadPoolExecutor(1) as pool:
        apply(survey(account, wanted, pool, prune=True), account, pool)


def main() -> None:
    connection = json.loads(sys.stdin.readline())
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            deploy(connection, asked["schema"], asked["call"], asked["when"])
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"killed": os.WIFSIGNALED(status), "code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
