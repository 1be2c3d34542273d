"""A Registry whose client is in a container: it has no disk in common with the server, and sends files over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from mlops_embedded.credentials import Credentials
from mlops_embedded.life import EmbeddedSnowflake
from sklearn.pipeline import Pipeline
from snowflake.ml.registry import Registry
from snowflake.snowpark import Session


@pytest.fixture
def far_registry(embedded_snowflake: EmbeddedSnowflake) -> Iterator[Registry]:
    credentials = Credentials((embedded_snowflake.state / "credential").read_text())
    token = credentials.mint("FAR", lifetime=timedelta(hours=1), context={"shares_disk": False})
    settings = {**embedded_snowflake.connection, "authenticator": "oauth", "token": token}
    del settings["password"]
    session = Session.builder.configs(settings).create()
    yield Registry(session, database_name="EMBEDDED", schema_name="PUBLIC")
    session.close()


@pytest.mark.embedded(
    "Registry: log_model, run, load and export by a client that has no disk in common with the server"
)
def test_a_model_is_logged_loaded_and_exported_over_http(
    far_registry: Registry, pipeline: Pipeline, customers: pd.DataFrame, tmp_path: Path
) -> None:
    logged = far_registry.log_model(
        pipeline, model_name="FAR", version_name="V1", sample_input_data=customers.head(5)
    )  # fmt: skip

    answered = logged.run(customers, function_name="predict")["output_feature_0"]

    assert list(answered) == list(pipeline.predict(customers))
    assert list(logged.load().predict(customers)) == list(pipeline.predict(customers))
    logged.export(str(tmp_path))
    assert (tmp_path / "model" / "model.yaml").is_file()
