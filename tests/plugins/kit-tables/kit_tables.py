"""Nodes whose datasets stay in Snowflake: nothing but a sum comes to the process that runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops import Pipeline, node

if TYPE_CHECKING:
    import pandas as pd
    from snowflake.snowpark import DataFrame


@node(outputs=["orders"], storage="table")
def make_orders(*, count: int = 1000) -> pd.DataFrame:
    """Make orders of three shops."""
    import pandas as pd

    return pd.DataFrame(
        {"SHOP": [index % 3 for index in range(count)], "AMOUNT": [float(index) for index in range(count)]}
    )


@node(outputs=["totals"], storage="table")
def sum_orders(orders: DataFrame) -> DataFrame:
    """Sum up by shop, in the warehouse."""
    from snowflake.snowpark import functions

    return orders.group_by("SHOP").agg(functions.sum("AMOUNT").alias("AMOUNT"))


@node(outputs=["report"])
def report(totals: pd.DataFrame) -> dict[str, float]:
    """Take the few rows that are left."""
    return {str(shop): amount for shop, amount in sorted(zip(totals["SHOP"], totals["AMOUNT"], strict=True))}


tables = Pipeline("tables", nodes=["make_orders", "sum_orders", "report"])
