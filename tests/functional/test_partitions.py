"""Partitioned nodes: each replica reads its own rows, every row is worked on once, and the whole is committed once."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from mlops.datasets.parts import Part, Ungatherable, gathered, replica_of
from mlops.runs.single import NodeRequest, run_single

NODES = """
import os
from mlops import Partitions, Pipeline, node

@node(outputs=["sales", "names"])
def make(*, keys: int = 12, days: int = 5):
    import pandas as pd
    rows = [(f"shop {key}", day, key * 10 + day) for key in range(keys) for day in range(days)]
    return {"sales": pd.DataFrame(rows, columns=["shop", "day", "amount"]), "names": {"title": "sales"}}

@node(outputs=["totals", "models", "seen"], partitions=Partitions(count=4, key="shop"), retries=0)
def fit(sales, names, context, *, fail_on: str = "", once: str = "", kill: bool = False):
    assert names == {"title": "sales"}
    shops = sorted(set(sales["shop"]))
    if fail_on in shops:
        raise ValueError(f"no model of {fail_on}")
    if once:
        with open(once, "a") as file:
            file.write("".join(f"{shop}\\n" for shop in shops))
    if kill and context.replica_index == 2:
        os.kill(os.getpid(), 9)
    context.log_metric("shops", len(shops))
    print("replica", context.replica_index, "of", context.replica_count, "in", os.getpid())
    totals = sales.groupby("shop", as_index=False)["amount"].sum()
    return {"totals": totals, "models": {shop: len(shop) for shop in shops}, "seen": [os.getpid()]}

@node(outputs=["best"])
def pick(totals) -> str:
    return totals.sort_values("amount")["shop"].iloc[-1]

@node(outputs=["numbers"], partitions=3)
def count_up(context, *, upto: int = 10) -> list:
    return [n for n in range(upto) if n % context.replica_count == context.replica_index]

@node(outputs=["number"], partitions=2)
def clash() -> int:
    return 1

shops = Pipeline("shops", nodes=["make", "fit", "pick"])
"""


@pytest.fixture
def project(mlops_project):
    mlops_project.install("partitioned", NODES, nodes=["make", "fit", "pick", "count_up", "clash"], pipelines=["shops"])
    return mlops_project


@pytest.mark.parametrize("executor", ["inline", "process"])
def test_every_row_is_worked_on_once_in_processes_of_their_own_and_gathered_once(project, executor):
    outcome = project.run("shops", executor=executor)

    totals = outcome["totals"]
    expected = outcome["sales"].groupby("shop", as_index=False)["amount"].sum()
    assert outcome.states == {"make": "succeeded", "fit": "succeeded", "pick": "succeeded"}
    pd.testing.assert_frame_equal(totals.sort_values("shop", ignore_index=True), expected)
    assert list(totals.index) == list(range(12))
    assert outcome["models"] == {shop: len(shop) for shop in expected["shop"]}
    assert outcome["best"] == "shop 11"
    assert len(set(outcome["seen"])) == len(outcome["seen"]) > 1
    metrics = [(metric.value, metric.step) for metric in outcome.node("fit").metrics]
    assert sum(value for value, _ in metrics) == 12
    assert len({step for _, step in metrics}) == len(metrics)
    folder = Path(outcome.run.run.folder)
    assert not list(folder.glob("replica-*")), "parts were left behind"
    assert [path.name for path in folder.glob("*fit*.json")] == ["partitioned.fit.manifest.json"]
    assert {path.name for path in (folder / "logs").iterdir()} >= {"fit.replica-0.log"}


def test_a_killed_replica_is_told_and_the_parts_of_the_others_are_kept_for_the_next_attempt(project, tmp_path):
    once = tmp_path / "once"
    killed = project.run("shops", parameters={"kill": True, "once": str(once)}, executor="process")
    parts = sorted(path.parent.name for path in Path(killed.run.run.folder).glob("replica-*/*.manifest.json"))
    first = once.read_text().split("\n")[:-1]

    resumed = project.run("shops", parameters={"kill": True, "once": str(once)}, executor="process", resume="latest")

    assert killed.errors["fit"].kind == "killed"
    assert parts
    assert "replica-2-of-4" not in parts
    repeated = {shop for shop in first if once.read_text().split("\n").count(shop) > 1}
    assert {replica_of(shop, 4) for shop in repeated} == {2}
    assert resumed.states["make"] == "reused"
    assert resumed.states["fit"] == "failed"


def test_without_a_key_each_replica_picks_its_part_by_its_number(project):
    assert sorted(project.run_node("count_up")["numbers"]) == list(range(10))


def test_parts_that_cannot_be_put_together_fail_the_node_with_the_mend(project):
    error = project.run_node("clash").errors["clash"]

    assert "the parts of 2 replicas cannot be put together: it is int in each replica" in error.message
    assert "one model a key" in error.hint


def test_a_replica_that_fails_fails_the_node_and_the_next_attempt_keeps_the_parts_of_the_others(project, tmp_path):
    sales = pd.DataFrame({"shop": [f"shop {number}" for number in range(12)], "day": 1, "amount": 1})

    failing = project.run_node(
        "fit",
        {"sales": sales, "names": {"title": "sales"}},
        parameters={"fail_on": "shop 3", "once": str(tmp_path / "once")},
    )

    kept = {path.parent.name for path in Path(failing.run.run.folder).glob("replica-*/*.manifest.json")}
    assert failing.errors["fit"].message == "no model of shop 3"
    assert f"replica-{replica_of('shop 3', 4)}-of-4" not in kept
    assert failing.node("fit").log.endswith(f"fit.replica-{replica_of('shop 3', 4)}.log")


def test_a_replica_without_a_row_has_nothing_to_do_and_an_empty_input_is_told(project):
    sales = pd.DataFrame({"shop": ["shop 0"], "day": [1], "amount": [1]})

    few = project.run_node("fit", {"sales": sales, "names": {"title": "sales"}})
    none = project.run_node("fit", {"sales": sales[:0], "names": {"title": "sales"}})

    assert few["models"] == {"shop 0": 6}
    assert "no replica of node 'fit' had a row to work on" in none.errors["fit"].message


def test_one_node_on_its_own_runs_its_replicas_in_turn(project):
    sales = pd.DataFrame({"shop": ["a", "b", "a"], "day": [1, 1, 2], "amount": [1, 2, 3]})

    outcome = project.run_node("fit", {"sales": sales, "names": {"title": "sales"}})

    assert dict(zip(outcome["totals"]["shop"], outcome["totals"]["amount"], strict=True)) == {"a": 4, "b": 2}


GUARDS = """
from mlops import hookimpl
calls = []

@hookimpl
def check_dataset(dataset, value):
    calls.append((dataset, len(value)))

@hookimpl
def before_node_run(node, attempt):
    calls.append(("before", node.name))

@hookimpl
def after_node_run(node, outcome):
    calls.append(("after", node.name, len(outcome.outputs)))
"""


def test_hooks_see_the_node_once_and_the_gathered_datasets(project):
    project.install("watching", GUARDS, hooks=True)

    project.run_node("count_up")

    import watching

    assert watching.calls == [("before", "count_up"), ("numbers", 10), ("after", "count_up", 1)]


@pytest.mark.parametrize("form", ["pandas", "polars", "arrow"])
def test_a_part_is_the_same_rows_in_every_form_of_a_table(form):
    import polars
    import pyarrow

    frame = pd.DataFrame({"key": pd.Categorical(["a", "b", None, "c", "a"]), "n": range(5)}, index=list("vwxyz"))
    table = {
        "pandas": lambda: frame,
        "polars": lambda: polars.from_pandas(frame),
        "arrow": lambda: pyarrow.Table.from_pandas(frame),
    }

    rows = [list(Part("key", index, 3).of_value(table[form]())["n"]) for index in range(3)]
    rows = [[getattr(one, "as_py", lambda one=one: one)() for one in part] for part in rows]

    keys = ["a", "b", None, "c", "a"]
    assert rows == [[n for n in range(5) if replica_of(keys[n], 3) == index] for index in range(3)]


def test_a_stored_table_is_read_in_part_as_it_would_be_read_whole(mlops_project, tmp_path):
    from mlops.datasets.serializers import builtin
    from mlops.datasets.store import FileStore

    index = pd.date_range("2024-01-01", periods=6, freq="D", name="day")
    frame = pd.DataFrame(
        {"key": [1, 2, 3, 1, 2, 3], "word": pd.Categorical(list("xyxyxy"), categories=["y", "x"])}, index=index
    )
    store = FileStore(tmp_path, builtin())
    record = store.write("table", frame)

    parts = [Part("key", number, 2).of_record(store, record, None) for number in range(2)]

    for number, part in enumerate(parts):
        expected = frame[[replica_of(key, 2) == number for key in frame["key"]]]
        pd.testing.assert_frame_equal(part, expected, check_freq=False)


@pytest.mark.parametrize(
    ("values", "whole"),
    [
        ([[1], [2, 3]], [1, 2, 3]),
        ([{"a": 1}, {"b": 2}], {"a": 1, "b": 2}),
        ([{1}, {2}], {1, 2}),
    ],
)
def test_plain_values_are_gathered_in_the_order_of_the_replicas(values, whole):
    assert gathered(values) == whole


@pytest.mark.parametrize("values", [[1, 2], [{"a": 1}, {"a": 2}], [[1], {"a": 1}]])
def test_what_could_only_be_put_together_by_losing_something_is_refused(values):
    with pytest.raises(Ungatherable):
        gathered(values)


def test_the_hash_of_a_key_is_the_one_that_snowflake_computes():
    # SELECT MD5_NUMBER_LOWER64('Snowflake') is 9203306159527282910, as Snowflake's documentation shows
    assert replica_of("Snowflake", 2**64) == 9203306159527282910


TABLED = """
from mlops import Partitions, Pipeline, node

@node(outputs=["sales"], storage="table")
def make(session):
    rows = [[f"shop {shop}", day] for shop in range(6) for day in range(3)]
    return session.create_dataframe(rows, schema=["shop", "amount"])

@node(outputs=["totals"], partitions=Partitions(count=2, key="shop"))
def fit(sales) -> dict:
    totals = {}
    for shop, amount in sales.collect():
        totals[shop] = totals.get(shop, 0) + int(amount)
    return totals

tabled = Pipeline("tabled", nodes=["make", "fit"])
"""


def test_a_table_of_snowflake_is_parted_in_snowflake_by_the_same_hash(embedded_project):
    embedded_project.install("tabled-nodes", TABLED, nodes=["make", "fit"], pipelines=["tabled"])

    outcome = embedded_project.run("tabled")

    assert outcome.errors == {}
    assert outcome["totals"] == {f"shop {shop}": 3 for shop in range(6)}


@pytest.mark.parametrize(("count", "replicas"), [(2, {0, 1}), (1, {0})])
def test_a_target_says_how_many_replicas_run_here_as_it_does_in_snowflake(project, count: int, replicas: set[int]):
    project.configure(f'target = "few"\n[targets.few.nodes.fit]\npartitions = {count}\n')

    outcome = project.run("shops")

    metrics = outcome.node("fit").metrics
    logs = {path.name for path in Path(outcome.run.run.folder, "logs").iterdir() if path.name.startswith("fit")}
    assert outcome["best"] == "shop 11"
    assert sum(metric.value for metric in metrics) == 12
    assert logs == ({f"fit.replica-{index}.log" for index in replicas} if count > 1 else {"fit.log"})
    assert project.run("shops", resume=outcome.run.run.run_id).states["fit"] == "reused"


def test_a_target_splits_a_node_that_its_author_has_split_otherwise_when_it_is_run_alone(project):
    project.configure('target = "more"\n[targets.more.nodes."partitioned:count_up"]\npartitions = 5\n')

    outcome = run_single(project.project, NodeRequest("count_up"))

    numbers = json.loads(Path(outcome.run.folder, "numbers.json").read_text())
    assert sorted(numbers) == list(range(10))
    assert numbers == [0, 5, 1, 6, 2, 7, 3, 8, 4, 9]
