"""Targets of the project file: what extends what, where each value comes from, and what is wrong, with place and mend."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlops.configuration.settings import Settings, load_settings
from mlops.errors import SettingsError, SeveralError

SHARED = """
[targets.dev]
database = "ml"
schema = "dev"
warehouse = "wh"
parameters = {max_depth = 3, "train_model.folds" = 2}
[targets.dev.pools.default]
name = "small"
max_nodes = 2
[targets.dev.profiles.large]
cpu = 4
memory = "16Gi"
[targets.dev.tasks]
started = false

[targets.prod]
extends = "dev"
schema = "prod"
[targets.prod.parameters]
max_depth = 8
[targets.prod.pools.default]
name = "large"
[targets.prod.tasks]
auto_retry_attempts = 2
"""


def load(folder, text) -> Settings:
    (folder / "mlops.toml").write_text(text)
    return load_settings(str(folder), environ={})


def test_prod_shares_everything_with_dev_but_what_it_names(tmp_path):
    settings = load(tmp_path, SHARED)

    dev, prod = settings.targets["dev"], settings.targets["prod"]
    assert (prod.database, prod.warehouse, prod.schema) == ("ml", "wh", "prod")
    assert dict(prod.parameters) == {"max_depth": 8, "train_model.folds": 2}
    assert (prod.pools["default"].name, prod.pools["default"].max_nodes) == ("large", 2)
    assert (prod.tasks.started, prod.tasks.auto_retry_attempts) == (False, 2)
    assert (dev.schema, dev.tasks.auto_retry_attempts, dict(dev.parameters)["max_depth"]) == ("dev", 0, 3)


def test_every_value_knows_where_it_comes_from(tmp_path):
    rows = {name: (value, place) for name, value, place in load(tmp_path, SHARED).target_tables.rows("prod")}

    assert rows["schema"] == ("prod", "mlops.toml [targets.prod.schema]")
    assert rows["database"] == ("ml", "mlops.toml [targets.dev.database]")
    assert rows["pools.default.name"] == ("large", "mlops.toml [targets.prod.pools.default.name]")
    assert rows["pools.default.max_nodes"] == (2, "mlops.toml [targets.dev.pools.default.max_nodes]")
    assert rows["pools.default.auto_suspend_secs"] == (300, "default")
    assert rows["parameters.max_depth"] == (8, "mlops.toml [targets.prod.parameters.max_depth]")
    assert rows["profiles.large.memory"] == ("16Gi", "mlops.toml [targets.dev.profiles.large.memory]")
    assert rows["tasks.started"] == (False, "mlops.toml [targets.dev.tasks.started]")


def test_what_a_target_inherits_is_wrong_once_at_the_place_that_says_it(tmp_path):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, SHARED.replace("max_nodes = 2", "max_nodes = 0"))

    assert caught.value.place == "mlops.toml [targets.dev.pools.default.max_nodes]"
    assert caught.value.hint == "it is at least 1"


WRONG = {
    "a name": ('database = "my db"', "targets.t.database", "it is 'my db'", "a name without quotes"),
    "an injection": ('schema = "x; DROP SCHEMA y"', "targets.t.schema", "x; DROP", "a name without quotes"),
    "a quoted name": ("""stage = '"Data"'""", "targets.t.stage", '"Data"', "a name without quotes"),
    "a name in unicode": ('warehouse = "wärehouse"', "targets.t.warehouse", "wärehouse", "a name without quotes"),
    "dollars": ('role = "$$"', "targets.t.role", "$$", "a name without quotes"),
    "a number for a name": ("database = 5", "targets.t.database", "it is a number (5), not text", "a name without quotes"),
    "a misspelt key": ('databse = "x"', "targets.t.databse", "there is no such setting", "did you mean 'database'?"),
    "a name of its own": ('name = "u"', "targets.t.name", "there is no such setting", "named by its table"),
    "no integer": ("width = 1.5", "targets.t.width", "not a whole number", "write a whole number"),
    "a truth value for a number": ("width = true", "targets.t.width", "a truth value", "write a whole number"),
    "too wide": ("width = 1000", "targets.t.width", "it is 1000", "at most 256"),
    "a word of a closed set": ('log_level = "WARN"', "targets.t.log_level", "it is 'WARN'", "ERROR, INFO, NONE"),
    "a word nearly right": ('metric_groups = ["systm"]', "targets.t.metric_groups", "'systm'", "did you mean 'system'?"),
    "a list that is text": ('metric_groups = "system"', "targets.t.metric_groups", "not a list", "write a list"),
    "a table that is text": ('tasks = "daily"', "targets.t.tasks", "not a table", "write a table"),
    "a pool without a name": ("pools.default = {}", "targets.t.pools.default.name", "it is missing", "write it"),
    "a pool upside down": ('pools.p = {name = "p", min_nodes = 3}', "targets.t.pools.p", "min_nodes is 3", None),
    "a pool's key": ('pools.p = {name = "p", nodes = 3}', "targets.t.pools.p.nodes", "no such setting", "_nodes'?"),
    "a pool that never suspends backwards": (
        'pools.p = {name = "p", auto_suspend_secs = -1}', "targets.t.pools.p.auto_suspend_secs", "it is -1", "at least 0",
    ),
    "retries": ("tasks.auto_retry_attempts = 31", "targets.t.tasks.auto_retry_attempts", "it is 31", "at most 30"),
    "a week and a second": ("tasks.graph_timeout = 604801", "targets.t.tasks.graph_timeout", "604801", "at most 604800"),
    "no time": ("tasks.node_timeout = 0", "targets.t.tasks.node_timeout", "it is 0", "at least 1"),
    "an overlap policy": ('tasks.overlap_policy = "no"', "targets.t.tasks.overlap_policy", "'no'", "NO_OVERLAP"),
    "an interval": ("tasks.target_completion_interval = 5", "targets.t.tasks.target_completion_interval", "it is 5", "at least 10"),
    "memory": ('nodes.n.memory = "2 GB"', "targets.t.nodes.n.memory", "'2 GB'", "M, Mi, G or Gi"),
    "cpu": ("nodes.n.cpu = 0", "targets.t.nodes.n.cpu", "it is 0", "more than 0"),
    "partitions": ("nodes.n.partitions = 0", "targets.t.nodes.n.partitions", "it is 0", "at least 1"),
    "an unknown profile": ('profiles.large = {cpu = 1}\nnodes.n.profile = "larg"', "targets.t.nodes.n.profile", "'larg'", "did you mean 'large'?"),
    "a variable that is a number": ("env.A = 1", "targets.t.env.A", "not text", "write text"),
    "a secret's key": (
        'secrets = [{secret = "a.b.c", variable = "A", key = "pass"}]', "targets.t.secrets.key", "'pass'", "did you mean 'password'?",
    ),
    "eleven integrations": (
        f"external_access_integrations = {[f'e{n}' for n in range(11)]}", "targets.t.external_access_integrations", "11 entries", "at most 10",
    ),
    "a notification": ("on_failure = {}", "targets.t.on_failure.integration", "it is missing", "write it"),
    "services": ('services = "cloud"', "targets.t.services", "'cloud'", "auto, embedded, none"),
    "itself": ('extends = "t"', "targets.t.extends", "in a circle", "extend nothing"),
    "nobody": ('extends = "prd"', "targets.t.extends", "there is no target 'prd'", "the targets are: t"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_is_told_with_its_place_and_a_mend(tmp_path, case):
    text, place, problem, hint = WRONG[case]

    with pytest.raises((SettingsError, SeveralError)) as caught:
        load(tmp_path, f"[targets.t]\n{text}\n")

    problems = getattr(caught.value, "problems", (caught.value,))
    assert [one.place for one in problems] == [f"mlops.toml [{place}]"]
    assert problem in problems[0].message
    assert hint is None or hint in (problems[0].hint or "")


PIPELINES = {
    "no list": ('nodes = "a"', "pipelines.p.nodes", "not a list"),
    "no nodes": ("nodes = []", "pipelines.p.nodes", "it is empty"),
    "a number": ("nodes = [1]", "pipelines.p.nodes[0]", "not text"),
    "a misspelt key": ('nodes = ["a"]\nshedule = {cron = "0 2 * * *"}', "pipelines.p.shedule", "no such setting"),
    "a schedule in words": ('nodes = ["a"]\nschedule = "daily"', "pipelines.p.schedule", "not a table"),
    "six fields": ('nodes = ["a"]\nschedule = {cron = "0 2 * * * *"}', "pipelines.p.schedule", "five fields"),
    "two schedules": ('nodes = ["a"]\nschedule = {cron = "0 2 * * *", minutes = 5}', "pipelines.p.schedule", "a length of time, or a stream"),
    "a zone alone": ('nodes = ["a"]\nschedule = {timezone = "UTC"}', "pipelines.p.schedule", "a length of time, or a stream"),
    "five seconds": ('nodes = ["a"]\nschedule = {seconds = 5}', "pipelines.p.schedule", "at least 10"),
    "after": ('nodes = ["a"]\nafter = {a = "b"}', "pipelines.p.after.a", "not a list"),
    "writers": ("writers = {rows = 1}", "pipelines.p.writers.rows", "not text"),
}  # fmt: skip


@pytest.mark.parametrize("case", PIPELINES)
def test_a_pipeline_that_is_not_right_is_told_with_its_place(tmp_path, case):
    text, place, problem = PIPELINES[case]

    with pytest.raises(SettingsError) as caught:
        load(tmp_path, f"[pipelines.p]\n{text}\n")

    assert caught.value.place == f"mlops.toml [{place}]"
    assert problem in caught.value.message


def test_names_that_are_no_tables_are_told(tmp_path):
    with pytest.raises(SeveralError) as caught:
        load(tmp_path, 'targets = "dev"\npipelines = 5\n')

    assert [one.place for one in caught.value.problems] == ["mlops.toml [pipelines]", "mlops.toml [targets.NAME]"]


def test_the_examples_of_the_documentation_are_right(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
    first, second, third = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)

    settings = load(tmp_path, f"{first}\n{second}\n{third}")

    assert (settings.targets["prod"].schema, settings.targets["prod"].database) == ("PROD", "ML")
    assert settings.targets["prod"].on_failure is not None
    assert [pipeline.name for pipeline in settings.pipelines] == ["nightly"]
