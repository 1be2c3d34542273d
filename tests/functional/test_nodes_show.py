"""``mlops nodes show`` tells all that a node declares, and nothing that it does not."""

from __future__ import annotations

from tests.command_line import CommandLine

MODULE = '''
from __future__ import annotations

from typing import TYPE_CHECKING

from mlops import Endpoint, Partitions, Serving, node

if TYPE_CHECKING:
    import pandas as pd


@node(outputs=["rates"], storage="table", partitions=Partitions(3, key="shop"), group="small", after=["other"], deterministic=True)
def rate(sales: pd.DataFrame) -> dict[str, float]:
    """Rate shops."""


@node(serving=Serving(endpoints=(Endpoint("http", 8080),), function="risk"))
def serve(rates):
    """Serve."""


@node(outputs=["other"])
def other():
    """Other."""
'''


def test_what_a_node_declares_is_shown_with_the_types_of_what_it_reads_and_writes(mlops_project):
    mlops_project.install("team-shops", MODULE, nodes=["rate", "serve", "other"])
    line = CommandLine(mlops_project.folder)

    shown = line.run("nodes", "show", "rate").stdout
    row = line.json("nodes", "show", "rate")

    assert "reads      sales (pandas.DataFrame)\n  writes     rates (dict)\n" in shown
    assert "partitions 3 by shop\n  group      small\n  storage    rates as table\n  repeats    deterministic" in shown
    assert "after      other" in shown
    assert (row["partitions"], row["storage"], row["serving"]) == (
        {"count": 3, "key": "shop"},
        {"rates": "table"},
        False,
    )
    assert row["input_types"] == {"sales": "pandas.DataFrame"}
    assert "serves     http 8080, function risk" in line.run("nodes", "show", "serve").stdout
    plain = line.run("nodes", "show", "other").stdout
    assert not [
        word for word in ("after", "partitions", "group", "storage", "serves", "repeats") if f"  {word} " in plain
    ]
