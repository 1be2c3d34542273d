"""Splits and features look at nothing that is not known yet, and the models beat the forecast that needs none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mlops_transit.features import HORIZON, features, seasonal_naive
from mlops_transit.nodes import load_rides, score_forecasts, split_rides
from mlops_transit.scores import overall, scores_of

from mlops.testing import check

STATIONS = ["Austin", "Clark_Lake", "Oak_Park"]


@pytest.fixture(scope="module")
def rides() -> pd.DataFrame:
    return load_rides(stations=STATIONS)["rides"]


@pytest.fixture(scope="module")
def calendar() -> pd.DataFrame:
    days = pd.date_range("2001-01-01", "2016-12-31")
    return pd.DataFrame({"date": days, "holiday": (days.month == 12) & (days.day == 25)})


def test_no_day_of_training_comes_after_one_that_is_held_out(rides) -> None:
    parts = split_rides(rides, test_days=100)

    assert parts["train_rides"]["date"].max() < parts["test_rides"]["date"].min()
    assert parts["test_rides"].groupby("station").size().tolist() == [100] * 3
    assert len(parts["train_rides"]) + len(parts["test_rides"]) == len(rides)


@pytest.mark.parametrize("test_days", [0, 5000])
def test_a_split_that_leaves_too_little_is_refused(rides, test_days) -> None:
    with pytest.raises(ValueError, match="test_days"):
        split_rides(rides, test_days=test_days)


def test_features_of_a_day_do_not_change_with_the_counts_of_the_week_before_it(rides, calendar) -> None:
    riders = rides[rides["station"] == "Austin"].set_index("date")["riders"]
    day = riders.index[2000]
    changed = riders.copy()
    changed.loc[day - pd.Timedelta(days=HORIZON - 1) :] = 99_999.0

    before, after = (features(one, calendar).loc[day] for one in (riders, changed))

    pd.testing.assert_series_equal(before, after)
    assert seasonal_naive(changed)[day] == riders[day - pd.Timedelta(days=HORIZON)]


def test_scores_are_errors_beside_the_naive_ones() -> None:
    forecasts = pd.DataFrame(
        {
            "station": ["a", "a", "b"],
            "date": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-01"]),
            "riders": [10.0, 20.0, 30.0],
            "forecast": [11.0, 21.0, 40.0],
            "naive": [12.0, 22.0, 35.0],
        }
    )

    scores = scores_of(forecasts).set_index("station")
    report = score_forecasts(forecasts, "made up")["forecast_report"]

    assert scores["error"].to_dict() == {"a": 1.0, "b": 10.0}
    assert scores["skill"].to_dict() == {"a": 0.5, "b": -1.0}
    assert overall(scores.reset_index())["error"] == pytest.approx(4.0)
    assert "worse than the naive forecast at b" in report


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> object:
    """The pipeline run once, in processes of its replicas, with the calendar of another plugin."""
    from mlops.testing import TemporaryProject

    project = TemporaryProject(tmp_path_factory.mktemp("project"))
    return project.run("transit", parameters={"stations": STATIONS, "test_days": 182, "folds": 2})


def test_the_pipeline_runs_with_the_calendar_of_another_plugin(installed) -> None:
    assert set(installed.states.values()) == {"succeeded"}
    assert installed.node("calendar").node == "mlops-calendar:calendar"
    calendar = installed["calendar"].set_index("date")
    assert calendar.loc[pd.Timestamp("2015-02-12"), "name"] == "Lincoln's Birthday"


def test_every_station_has_a_model_and_a_forecast_of_each_day_whichever_replica_made_it(installed) -> None:
    forecasts, models = installed["forecasts"], installed["station_models"]

    assert sorted(models["station"].unique()) == STATIONS
    assert forecasts.groupby("station").size().to_dict() == dict.fromkeys(STATIONS, 182)
    made = [metric.value for metric in installed.node("forecast_stations").metrics if metric.name == "models"]
    assert sum(made) == 3


def test_the_models_beat_the_seasonal_naive_forecast_where_they_are_tested(installed) -> None:
    scores = installed["forecast_scores"]

    assert (scores["skill"] > 0.1).all()
    assert installed.metrics["skill"] > 0.2
    assert installed.metrics["stations_better_than_naive"] == 3
    assert np.isclose(installed.metrics["error"], scores["error"].mean())


def test_the_plugin_keeps_the_contract() -> None:
    assert check("mlops-transit", run=False).findings == ()
