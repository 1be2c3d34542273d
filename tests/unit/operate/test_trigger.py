"""What a run of a deployed pipeline may be started with."""

from __future__ import annotations

import pytest

from mlops.deploy.ownership import Ownership, comment_of
from mlops.errors import ParameterError
from mlops.graph import Graph
from mlops.nodes import Node, Origin
from mlops.operate.deployed import DeployedPipeline, deployed_pipelines
from mlops.operate.operations import LiveTask
from mlops.operate.trigger import config_of
from mlops.parameters import Parameter
from mlops.pipeline import Pipeline
from mlops.registry import Registry
from mlops.resolution import graph_of


@pytest.fixture
def deployed() -> DeployedPipeline:
    comment = comment_of(Ownership("shop", "sales", ("kit:fetch",)))
    config = {"fetch.api_key": "", "fetch.rows": 1}
    [found] = deployed_pipelines([LiveTask("SALES", "root", True, comment, "do", (), config=config)], "shop")
    return found


@pytest.fixture
def graph() -> Graph:
    parameters = (Parameter("api_key", "", "str"), Parameter("rows", 1, "int"))
    node = Node("fetch", Origin("kit", "1.0", "kit:fetch"), parameters=parameters)
    return graph_of(Pipeline("sales", nodes=["kit:fetch"], distribution="shop"), Registry(nodes=[node]))


def test_a_credential_is_no_parameter_of_a_run(graph: Graph, deployed: DeployedPipeline) -> None:
    with pytest.raises(ParameterError, match="looks like a credential") as caught:
        config_of(graph, deployed, {"api_key": "hunter2"})

    assert "hunter2" not in f"{caught.value}{caught.value.hint}"
    assert config_of(graph, deployed, {"rows": "7"}) == {"fetch.rows": 7}
