"""Shapes: what fits is what msgspec takes, and what does not is told with every path at once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops.compile.specification import Specification
from mlops.configuration.pipeline_tables import PipelineTable
from mlops.configuration.targets import Target
from mlops.validation import dotted, fitted

VALID: dict[type, Any] = {
    Target: {
        "database": "ML", "pools": {"default": {"name": "p", "max_nodes": 2}}, "tasks": {"auto_retry_attempts": 1},
        "secrets": [{"secret": "a.b.c", "folder": "/x"}], "metric_groups": ["system"], "nodes": {"n": {"cpu": 1.5, "gpu": 1}},
        "on_failure": {"integration": "mail", "email": ["a@b.c"]}, "parameters": {"x": [1, {"y": None}]}, "env": {"A": "b"},
    },
    PipelineTable: {"nodes": ["a"], "schedule": {"cron": "0 2 * * *", "timezone": "UTC"}, "after": {"a": ["b"]}, "writers": {"d": "n"}},
    Specification: {
        "spec": {
            "containers": [
                {"name": "a", "image": "/a/b/c/d", "resources": {"limits": {"cpu": "500m", "memory": "1Gi", "nvidia.com/gpu": 1}},
                 "secrets": [{"snowflakeSecret": {"objectName": "a"}, "directoryPath": "/x"}], "env": {"A": "b"},
                 "readinessProbe": {"port": 80, "path": "/"}},
            ],
            "endpoints": [{"name": "http", "port": 80, "public": True}],
        },
    },
}  # fmt: skip
anything = st.sampled_from(
    [None, True, 0, -1, 1.5, 2.0, float("nan"), "", "x", "500m", [], ["x"], [1], {}, {"x": 1}, 10**30]
)


def places(data: Any, path: tuple = ()) -> list[tuple]:
    found = [path]
    if isinstance(data, dict):
        for key, value in data.items():
            found += places(value, (*path, key))
    elif isinstance(data, list):
        for at, value in enumerate(data):
            found += places(value, (*path, at))
    return found


def changed(data: Any, path: tuple, value: Any) -> Any:
    if not path:
        return value
    if isinstance(data, dict):
        return {**data, path[0]: changed(data[path[0]], path[1:], value)}
    return [changed(one, path[1:], value) if at == path[0] else one for at, one in enumerate(data)]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(VALID, key=str)), st.data())
def test_a_shape_takes_what_msgspec_takes_and_names_the_place_of_what_it_does_not(kind, data):
    place = data.draw(st.sampled_from(places(VALID[kind])))
    tried = changed(VALID[kind], place, data.draw(anything))

    value, misfits = fitted(kind, tried)

    try:
        taken = msgspec.convert(tried, kind)
    except msgspec.ValidationError:
        assert value is None
        assert misfits
        assert all(one.path[: len(place)] == place or place[: len(one.path)] == one.path for one in misfits)
    else:
        assert not misfits or any("nan" in one.problem for one in misfits), misfits
        assert misfits or value == taken


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        (Target, {"width": "3", "databse": "x", "pools": {"p": {"max_nodes": 0}}}, ["width", "databse", "pools.p.max_nodes", "pools.p.name"]),
        (PipelineTable, {"nodes": [1, "a", None]}, ["nodes[0]", "nodes[2]"]),
        (Specification, {"spec": {"containers": [{"name": "A"}, 5]}}, ["spec.containers[0].name", "spec.containers[0].image", "spec.containers[1]"]),
    ],
)  # fmt: skip
def test_everything_that_does_not_fit_is_told_with_its_path(kind, data, told):
    assert [one.place for one in fitted(kind, data)[1]] == told


def test_a_path_is_written_as_people_write_it():
    assert dotted(("spec", "containers", 0, "env", "A")) == "spec.containers[0].env.A"
