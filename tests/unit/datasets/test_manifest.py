"""Manifests: whole or absent."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mlops.datasets.hashes import sha256_of_bytes
from mlops.datasets.manifest import DatasetRecord, Manifest
from mlops.errors import RunError

RECORD = DatasetRecord(
    name="features",
    type="pandas.core.frame.DataFrame",
    serializer="parquet",
    path="features.parquet",
    sha256="ab" * 32,
    bytes=1234,
    rows=10,
    columns=(("tenure", "int64"), ("größe", "double")),
)
MANIFEST = Manifest(
    node="mlops-churn:engineer_features",
    version="1.2.0",
    source="deadbeef",
    fingerprint="",
    parameters={"test_size": 0.2, "columns": ["a", "b"], "limit": None},
    inputs={"customers": "cd" * 32},
    outputs=(RECORD, replace(RECORD, name="report", rows=None, columns=None)),
    metrics={"auc": 0.87, "loss": float("inf")},
    attempt=2,
    started="2024-05-01T12:00:00+00:00",
    ended="2024-05-01T12:00:01.5+00:00",
    mlops_version="0.1.0",
)


def test_a_manifest_comes_back_as_it_was() -> None:
    assert Manifest.from_json(MANIFEST.to_json()) == MANIFEST


def test_a_manifest_is_one_json_object_that_other_programs_read() -> None:
    tree = json.loads(MANIFEST.to_json())

    assert tree["schema"] == 1
    assert tree["outputs"][0]["path"] == "features.parquet"
    assert len(tree["sha256"]) == 64


def test_a_node_without_outputs_has_a_manifest_too() -> None:
    nothing = replace(MANIFEST, outputs=(), parameters={}, inputs={}, metrics={})

    assert Manifest.from_json(nothing.to_json()) == nothing


def test_a_manifest_that_was_cut_off_anywhere_is_absent() -> None:
    whole = MANIFEST.to_json()

    assert [Manifest.from_json(whole[:length]) for length in range(len(whole))] == [None] * len(whole)


@given(some.data())
def test_a_manifest_with_a_changed_byte_is_absent(data: some.DataObject) -> None:
    whole = bytearray(MANIFEST.to_json())
    position = data.draw(some.integers(0, len(whole) - 1))
    whole[position] ^= data.draw(some.integers(1, 255))

    assert Manifest.from_json(bytes(whole)) is None


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b'{"schema": 1}', b"\0" * 4096])
def test_a_file_that_is_something_else_is_absent(data: bytes) -> None:
    assert Manifest.from_json(data) is None


def test_a_manifest_of_a_newer_mlops_is_an_error_that_says_so() -> None:
    body = MANIFEST.to_json().replace(b'"schema": 1', b'"schema": 99').rpartition(b', "sha256"')[0]
    newer = body + b', "sha256": "' + sha256_of_bytes(body).encode() + b'"}\n'

    with pytest.raises(RunError, match=r"mlops 0\.1\.0 in schema 99, and this version reads up to schema 2") as caught:
        Manifest.from_json(newer)

    assert "upgrade" in (caught.value.hint or "")
