"""The checker that holds this suite's traffic against Snowflake's published API does find what is wrong."""

from __future__ import annotations

import pytest
from mlops_embedded.contract import Contract
from mlops_embedded.recorder import Exchange

PATH = "/api/v2/compute-pools"
POOL = {"name": "P", "min_nodes": 1, "max_nodes": 1, "instance_family": "CPU_X64_XS"}
SECRETS = "/api/v2/databases/D/schemas/S/secrets"


def test_what_is_as_published_passes(published_api: Contract):
    created = Exchange("POST", PATH, {"createMode": "orReplace"}, POOL, 200, {"status": "created"})
    fetched = Exchange("GET", f"{PATH}/P", {}, None, 200, {**POOL, "state": "IDLE"})
    secret = {"type": "PASSWORD", "name": "N", "username": "u", "password": "p"}

    assert published_api.violations(created) == []
    assert published_api.violations(fetched) == []
    assert published_api.violations(Exchange("POST", SECRETS, {}, secret, 200, {"status": "created"})) == []


@pytest.mark.parametrize(
    "exchange",
    [
        Exchange("GET", f"{PATH}/P", {}, None, 200, {**POOL, "colour": "red"}),
        Exchange("GET", f"{PATH}/P", {}, None, 200, {**POOL, "state": "DREAMING"}),
        Exchange("GET", f"{PATH}/P", {}, None, 200, {**POOL, "min_nodes": "1"}),
        Exchange("GET", f"{PATH}/P", {}, None, 200, {"name": "P"}),
        Exchange("GET", PATH, {}, None, 200, [POOL, {**POOL, "colour": "red"}]),
        Exchange("GET", f"{PATH}/P", {}, None, 418, {}),
        Exchange("GET", PATH, {"colour": "red"}, None, 200, []),
        Exchange("POST", PATH, {"createMode": "maybe"}, POOL, 200, {"status": "created"}),
        Exchange("POST", PATH, {}, {**POOL, "colour": "red"}, 200, {"status": "created"}),
        Exchange("PATCH", f"{PATH}/P", {}, None, 200, {}),
        Exchange("POST", SECRETS, {}, {"type": "PASSWORD", "name": "N", "username": "u"}, 200, {"status": "created"}),
    ],
)
def test_what_is_not_as_published_is_found(published_api: Contract, exchange: Exchange):
    assert published_api.violations(exchange) != []
