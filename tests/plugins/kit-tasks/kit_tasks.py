"""Nodes for the container of a task: they compute, print, fail, wait, and ask what they are told."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import time
from datetime import date, timedelta
from pathlib import Path

from mlops import Partitions, Resources, Retries, Serving, node


@node(outputs=["numbers"])
def numbers(*, count: int = 3, start: date = date(2026, 1, 1), labels: list[str] | None = None) -> list[int]:
    """Write numbers, and say what it was given."""
    print(f"count={count} start={start!r} labels={labels!r}")
    return list(range(count))


@node(outputs=["total"])
def total(numbers: list[int], context=None, *, factor: float = 1.0) -> float:
    """Add up, measure, and use every way to say something."""
    context.log_metric("total", sum(numbers) * factor)
    context.logger.warning("adding %d numbers", len(numbers))
    print("half a line", end="")
    print(" and its end\nanother line", file=sys.stderr)
    logging.getLogger("kit").info("quiet? %s", {"no": 1})
    return sum(numbers) * factor


@node(outputs=["result"])
def fragile(total: float, *, needs: str = "") -> str:
    """Fail unless a file is there."""
    if needs and not Path(needs).exists():
        raise ValueError(f"there is no {needs}")
    return f"the total is {total}"


@node(outputs=["tries"], retries=Retries(2, delay=timedelta(milliseconds=10)))
def flaky(context, *, sign: str = "", works_at: int = 3) -> int:
    """Fail until the attempt that works, and note each."""
    with Path(sign).open("a") as file:
        file.write(f"{context.attempt}\n")
    if context.attempt < works_at:
        raise ConnectionError("not yet")
    return context.attempt


@node(outputs=["never"])
def patient(*, sign: str = "", seconds: float = 60.0) -> int:
    """Give a sign, then wait."""
    Path(sign).write_text(str(os.getpid()))
    time.sleep(seconds)
    return 0


@node(outputs=["never"])
def deaf(*, sign: str = "") -> bytes:
    """Give a sign, then compute in a library that looks at no signal."""
    Path(sign).write_text(str(os.getpid()))
    return hashlib.pbkdf2_hmac("sha256", b"", b"", 1_000_000_000)


@node(outputs=["never"], resources=Resources(memory="512Mi"))
def greedy(*, gigabytes: int = 2) -> int:
    """Ask for more memory than its container may have."""
    return len(b"x" * (gigabytes << 30))


@node(outputs=["answer"])
def asking(session, context) -> dict[str, str]:
    """Ask the session who it is."""
    user, role = session.sql("SELECT CURRENT_USER(), CURRENT_ROLE()").collect()[0]
    return {"user": user, "role": role, "tag": session.query_tag, "run": context.run_id}


@node(outputs=[])
def telling(context) -> None:
    """Say which replica it is, and what has been imported."""
    heavy = sorted({"snowflake.snowpark", "snowflake.ml", "snowflake.core", "pandas"} & set(sys.modules))
    print(f"replica {context.replica_index} of {context.replica_count}, attempt {context.attempt}, heavy {heavy}")


@node(outputs=[])
def lagging(context, *, sign: str = "", seconds: float = 60.0) -> None:
    """Do nothing in the first replica; give a sign and wait in the others."""
    if context.replica_index > 0:
        Path(sign).write_text(str(os.getpid()))
        time.sleep(seconds)


@node(outputs=[], serving=Serving())
def serving(context, *, answer: int = 1) -> None:
    """Stand for a server that has ended."""
    print(f"{context.run_id} answers {answer}")


@node(outputs=[], serving=Serving())
def served(total: float) -> None:
    """Stand for a server of what a pipeline has made."""
    print(f"the total is {total}")


@node(outputs=["orders"])
def orders(*, shops: int = 4):
    """Write orders of some shops."""
    import pandas as pd

    return pd.DataFrame({"shop": [f"shop {shop}" for shop in range(shops)] * 3, "amount": list(range(shops)) * 3})


@node(outputs=["bills"], partitions=Partitions(count=3, key="shop"))
def bills(orders, *, needs: str = "", fragile: str = "") -> dict[str, int]:
    """Add up what each shop of this replica owes."""
    if fragile in set(orders["shop"]) and not Path(needs).exists():
        raise ValueError(f"there is no {needs}")
    return {str(shop): int(amount) for shop, amount in orders.groupby("shop")["amount"].sum().items()}


@node(outputs=["fetched"])
def fetched(*, api_key: str = "", source: dict[str, object] | None = None, needs: str = "") -> int:
    """Use credentials that it should not be given as parameters, and tell nobody."""
    if needs:
        raise ValueError(f"there is no {needs}")
    return len(api_key) + len(source or {})
