"""Reuse: what a node has committed stands while nothing it was made from has changed."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from mlops.datasets.hidden import is_same, without_credentials
from mlops.datasets.manifest import DatasetRecord, Manifest
from mlops.nodes import Node, Origin
from mlops.runs.reuse import Reuse, reuse

RECORD = DatasetRecord("model", "builtins.int", "json", "model.json", "ab" * 32, 2)
NODE = Node("train", Origin("kit", "1.1", "kit:train", digest="one"), inputs={"table": "table"}, outputs=("model",))
MANIFEST = Manifest(
    node="kit:train",
    version="1.1",
    source="one",
    fingerprint="",
    parameters={"depth": 6},
    inputs={"table": "cd" * 32},
    outputs=(RECORD,),
    started="",
    ended="",
    mlops_version="",
)


def decide(node: Node = NODE, manifest: Manifest | None = MANIFEST, *, depth=6, table="cd" * 32, intact=True) -> Reuse:
    return reuse(node, manifest, parameters={"depth": depth}, inputs={"table": table}, intact=lambda record: intact)


def test_what_is_the_same_is_reused():
    assert decide().fits


def test_what_was_never_committed_is_not():
    assert decide(manifest=None) == Reuse(False, "it had not committed anything")


def test_a_new_version_of_the_plugin_makes_a_node_run_again():
    upgraded = replace(NODE, origin=Origin("kit", "1.2", "kit:train", digest="two"))

    assert decide(upgraded) == Reuse(False, "kit changed from 1.1 to 1.2")


def test_changed_code_of_one_version_makes_a_node_run_again():
    edited = replace(NODE, origin=Origin("kit", "1.1", "kit:train", digest="two"))

    assert decide(edited) == Reuse(False, "the code of kit 1.1 changed")


def test_every_change_is_named():
    found = decide(depth=8, table="ef" * 32, intact=False)

    assert not found.fits
    assert found.reason == (
        "parameter depth changed from 6 to 8; its input 'table' changed; the file of 'model' is gone or was changed"
    )


def test_a_changed_credential_is_named_and_not_shown():
    before = dataclasses.replace(MANIFEST, parameters={"api_key": "hunter2"})

    decided = reuse(NODE, before, parameters={"api_key": "hunter3"}, inputs=MANIFEST.inputs, intact=lambda record: True)

    assert decided == Reuse(False, "parameter api_key changed")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("hunter2", "committed before, and its parameters, plugin and inputs are the same"),
        ("hunter3", "parameter source changed"),
        (None, "parameter source changed from {'user': 'ana', 'password': '***'} to None"),
    ],
)
def test_a_credential_is_compared_with_a_manifest_that_does_not_hold_it(given, reason):
    parameters, hidden = without_credentials({"depth": 6, "source": {"user": "ana", "password": "hunter2"}})
    written = dataclasses.replace(MANIFEST, parameters=parameters, hidden=hidden).to_json()
    before = Manifest.from_json(written)
    now = {"depth": 6, "source": given and {"password": given, "user": "ana"}}

    decided = reuse(NODE, before, parameters=now, inputs=MANIFEST.inputs, intact=lambda record: True)

    assert decided.reason == reason
    assert decided.fits is (given == "hunter2")
    assert b"hunter2" not in written
    assert b'"password": "***"' in written
    assert list(hidden) == ["source"]


def test_what_is_kept_of_equal_credentials_differs_and_each_is_recognised():
    one, other = (without_credentials({"api_key": "hunter2"})[1]["api_key"] for _ in range(2))

    assert one != other
    assert [is_same(kept, "hunter2") for kept in (one, other, "made by something else")] == [True, True, False]


def test_an_output_that_the_node_did_not_write_before_makes_it_run_again():
    wider = replace(NODE, outputs=("model", "report"))

    assert decide(wider).reason == "it did not write report"
