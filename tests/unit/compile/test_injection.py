"""Whatever a text of the settings holds: it is refused, or stays the text that it is, in YAML and in SQL."""

from __future__ import annotations

import pytest
import sqlglot
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops.compile.exports import sql_text
from mlops.compile.objects import Deployment
from mlops.compile.statement import parts_of
from mlops.configuration.targets import NodeOptions, Notification, Pool, Secret, TaskOptions
from mlops.errors import MlopsError, PipelineError
from mlops.nodes import Endpoint, Serving
from mlops.parameters import Parameter
from mlops.pipeline import Cron, Stream

evil = st.sampled_from(
    ["x; DROP TABLE y", "'", '"', "''", "\\", "\\'", "$$", "$", "a$$b", "\n", "\r\n", "a: b", "- a", "#", "%", "{{ x }}", "{% x %}",
     "é", "𝒳", "\u2028", "\x00", "\x1b", "\ufeff", "--", "/*", "x') --", "@s", "&a", "*a", "!!python/object:os.system", "a\nspec:\n"]
)  # fmt: skip
texts = evil | st.text(st.characters(codec="utf-8"), max_size=12) | st.lists(evil, min_size=2, max_size=3).map("".join)
names = st.sampled_from(["ML", "a_b"]) | texts
FIELDS = {
    "database": names, "schema": names, "stage": names, "warehouse": names, "image_repository": names,
    "image": st.sampled_from(["mlops:1", "/a/b/c/d:1"]) | texts,
    "pools": names.map(lambda name: {"default": Pool(name, name)}),
    "env": st.dictionaries(st.just("GREETING") | texts, texts, max_size=2),
    "secrets": texts.map(lambda text: (Secret(text, folder="/" + text),)),
    "external_access_integrations": texts.map(lambda text: (text,)),
    "on_failure": st.builds(Notification, names, st.tuples(texts), texts),
    "tasks": st.builds(TaskOptions, warehouse=st.none() | names, when=st.none() | texts, error_integration=st.none() | names),
    "nodes": texts.map(lambda text: {"a": NodeOptions(env={"X": text}, when=text)}),
}  # fmt: skip


@st.composite
def deployments(draw) -> tuple:
    changed = draw(st.sampled_from(sorted(FIELDS)))
    target = {changed: draw(FIELDS[changed])}
    schedule = draw(st.none() | st.builds(Stream, texts) | texts.map(lambda text: Cron("0 2 * * *", text)))
    return target, schedule, draw(texts), draw(texts)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(deployments())
def test_no_text_is_ever_more_than_a_text(samples, drawn):
    target, schedule, value, kind = drawn
    serving = Serving((Endpoint("http", 80),), function="predict", function_arguments={"x": kind})
    nodes = [
        samples.node("a", writes=["r"], parameters=(Parameter("label", value, "str"), Parameter("any", value, ""))),
        samples.node("b", reads=["r"]),
        *([samples.node("s", serving=serving)] if kind.isalpha() else []),
    ]
    try:
        found = samples.deployment(*nodes, target=samples.target(**target), schedule=schedule)
    except MlopsError:
        return

    assert found.root.config["a.label"] == value
    for task in found.tasks:
        if task.nodes:
            check_specification(task.definition, target)
    check_statements(found)


def test_a_name_in_a_statement_cannot_hold_what_its_specification_stands_between(samples):
    with pytest.raises(PipelineError, match=r"'a\$\$b' is not a name"):
        samples.deployment(samples.node("a"), target=samples.target(external_access_integrations=("a$$b",)))


def test_a_parameter_of_a_service_cannot_end_its_specification_inside_a_statement(samples):
    label = Parameter("label", "$$; DROP TABLE y; --", "str")
    serve = samples.node("s", serving=Serving((Endpoint("http", 80),)), parameters=(label,))

    with pytest.raises(PipelineError, match=r"node 'kit:s': the specification of its service holds"):
        samples.deployment(samples.node("a"), serve)


def check_specification(definition: str, target: dict) -> None:
    assert definition.count("$$") == 2
    specification = yaml.safe_load(parts_of(definition)[1] or "")
    assert sorted(specification) == ["spec"]
    (container,) = specification["spec"]["containers"]
    assert sorted(container) in (
        ["args", "env", "image", "name", "resources", "volumeMounts"],
        ["args", "env", "image", "name", "resources", "secrets", "volumeMounts"],
    )
    for name, value in target.get("env", {}).items():
        assert container["env"][name] == value


def check_statements(found: Deployment) -> None:
    """Outside of texts a semicolon ends each statement, and there is none beside."""
    tokens = sqlglot.tokenize(sql_text(found, "mlops generate"), dialect="snowflake")
    ends = [token for token in tokens if token.token_type.name == "SEMICOLON"]
    others = (
        len(found.compute_pools)
        + len(found.image_repositories)
        + len(found.stages)
        + len(found.services)
        + len(found.functions)
    )
    assert len(ends) == others + 1 + len(found.tasks) + 1
