"""Schemas for editors: current, valid, and as strict as mlops itself where a schema can be."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from mlops.schemas import configuration_schema, job_schema

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("file", "made"), [("mlops", configuration_schema), ("job", job_schema)])
def test_the_committed_schema_is_what_the_code_says(file, made):
    committed = json.loads((ROOT / "docs" / "schemas" / f"{file}.schema.json").read_text())

    assert committed == json.loads(json.dumps(made())), "make generate writes it anew"
    jsonschema.Draft202012Validator.check_schema(committed)


def test_the_project_file_and_the_job_files_of_this_repository_fit_their_schemas():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mlops"]
    jobs = [path for path in (ROOT / "jobs").rglob("*.yaml") if path.name.startswith(("job-", "service-"))]

    jsonschema.validate(settings, configuration_schema())
    assert len(jobs) >= 6
    for path in jobs:
        jsonschema.validate(yaml.safe_load(path.read_text()), job_schema())


@pytest.mark.parametrize(
    "settings",
    [
        {"dta": "x"},
        {"run": {"executor": "threads"}},
        {"targets": {"t": {"databse": "x"}}},
        {"targets": {"t": {"database": "x; DROP"}}},
        {"targets": {"t": {"name": "t"}}},
        {"targets": {"t": {"tasks": {"auto_retry_attempts": 31}}}},
        {"pipelines": {"p": {"nodes": "a"}}},
        {"pipelines": {"p": {"nodes": ["a"], "schedule": {"cron": 5}}}},
    ],
)
def test_an_editor_marks_what_mlops_refuses(settings):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(settings, configuration_schema())


@pytest.mark.parametrize(
    "job",
    [
        {},
        {"spec": {"containers": []}},
        {"spec": {"containers": [{"name": "A", "image": "/a/b/c/d"}]}},
        {"spec": {"containers": [{"name": "a", "imag": "/a/b/c/d"}]}},
        {"spec": {"containers": [{"name": "a", "image": "x", "resources": {"limits": {"memory": "2"}}}]}},
    ],
)
def test_an_editor_marks_what_no_job_file_can_hold(job):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(job, job_schema())
