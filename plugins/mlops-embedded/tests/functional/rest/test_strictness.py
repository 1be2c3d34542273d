"""What the API does not take is refused with 400, and what it does not know with 404."""

from __future__ import annotations

import pytest
from snowflake.core import Root
from snowflake.core.exceptions import NotFoundError, UnauthorizedError

pytestmark = pytest.mark.embedded("REST: strict requests")

POOL = {"name": "strict", "min_nodes": 1, "max_nodes": 1, "instance_family": "CPU_X64_XS"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({**POOL, "min_node": 1}, "unknown property 'min_node'"),
        ({**POOL, "min_nodes": "1"}, "min_nodes must be a whole number"),
        ({**POOL, "min_nodes": True}, "min_nodes must be a whole number"),
        ({**POOL, "name": "not an identifier"}, "invalid identifier"),
        ({key: value for key, value in POOL.items() if key != "max_nodes"}, "'max_nodes' is missing"),
        ([POOL], "the request's body must be an object"),
        (None, "the request's body must be an object"),
    ],
)
def test_a_wrong_body_is_refused_and_nothing_is_created(call, body: object, message: str):
    status, answer = call("POST", "/compute-pools", body)

    assert (status, message in answer["message"]) == (400, True), answer
    assert call("GET", "/compute-pools/strict")[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/compute-pools?lik=a", "no query parameter 'lik'"),
        ("GET", "/compute-pools?showLimit=0", "must be from 1 to 10000"),
        ("GET", "/compute-pools?showLimit=ten", "must be a whole number"),
        ("POST", "/compute-pools?createMode=replace", "createMode must be one of"),
        ("POST", "/compute-pools?initiallySuspended=perhaps", "must be true or false"),
        ("DELETE", "/compute-pools/strict?ifExists=perhaps", "must be true or false"),
    ],
)
def test_a_wrong_query_parameter_is_refused(call, method: str, path: str, message: str):
    status, answer = call(method, path, POOL if method == "POST" else None)

    assert (status, message in answer["message"]) == (400, True), answer


def test_the_name_in_the_body_must_be_the_one_in_the_path(call):
    status, answer = call("PUT", "/compute-pools/other", POOL)

    assert (status, "is not OTHER" in answer["message"]) == (400, True)


def test_what_is_no_resource_here_is_not_found_and_says_so(call):
    status, answer = call("GET", "/quantum-pools")

    assert status == 404
    assert "the embedded Snowflake does not know GET /api/v2/quantum-pools" in answer["message"]


def test_an_unknown_token_is_unauthorized(connect):
    connection = connect()
    root = Root(connection)
    connection.rest._token = "made up"

    with pytest.raises(UnauthorizedError):
        root.compute_pools["any"].fetch()


def test_ids_of_requests_come_with_every_refusal(root: Root):
    with pytest.raises(NotFoundError) as caught:
        root.compute_pools["missing"].fetch()

    assert "002003" in caught.value.body
