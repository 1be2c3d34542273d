"""Four nodes: rides are read, split in time, forecast with a model for each station, and scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from mlops import Context, Partitions, Resources, node

if TYPE_CHECKING:
    import pandas as pd


class Rides(TypedDict):
    """What ``load_rides`` writes."""

    rides: pd.DataFrame
    rides_origin: str


class Split(TypedDict):
    """What ``split_rides`` writes."""

    train_rides: pd.DataFrame
    test_rides: pd.DataFrame


class Forecasts(TypedDict):
    """What ``forecast_stations`` writes."""

    forecasts: pd.DataFrame
    station_models: pd.DataFrame


class Scores(TypedDict):
    """What ``score_forecasts`` writes."""

    forecast_scores: pd.DataFrame
    forecast_report: str


@node(outputs=["rides", "rides_origin"], deterministic=True)
def load_rides(*, stations: list[str] | None = None) -> Rides:
    """Read the rides that the plugin ships: people who entered 20 stations of Chicago's "L", day by day.

    stations: read these alone.
    """
    from mlops_transit.rides import ORIGIN, chicago_rides

    rides = chicago_rides()
    if stations is not None:
        if unknown := sorted(set(stations) - set(rides["station"])):
            raise ValueError(
                f"there is no station {unknown[0]!r}; there are: {', '.join(sorted(set(rides['station'])))}"
            )
        rides = rides[rides["station"].isin(stations)].reset_index(drop=True)
    return {"rides": rides, "rides_origin": ORIGIN}


@node(outputs=["train_rides", "test_rides"], deterministic=True)
def split_rides(rides: pd.DataFrame, *, test_days: int = 364) -> Split:
    """Hold out the last ``test_days`` of every station; no day of training comes after one that is held out."""
    import pandas as pd

    first = rides["date"].max() - pd.Timedelta(days=test_days - 1)
    if not 0 < test_days < rides["date"].nunique() / 2:
        raise ValueError(f"test_days is {test_days}, and there are {rides['date'].nunique()} days")
    held_out = rides["date"] >= first
    return {
        "train_rides": rides[~held_out].reset_index(drop=True),
        "test_rides": rides[held_out].reset_index(drop=True),
    }


@node(
    outputs=["forecasts", "station_models"],
    partitions=Partitions(count=4, key="station"),
    resources=Resources(cpu=2, memory="4Gi"),
    deterministic=True,
)
def forecast_stations(
    train_rides: pd.DataFrame,
    test_rides: pd.DataFrame,
    calendar: pd.DataFrame,
    context: Context | None = None,
    *,
    folds: int = 4,
    history_days: int | None = None,
) -> Forecasts:
    """Fit a model for each station of this replica and forecast its held-out days, each from a week before.

    folds: splits of time that choose the strength of the ridge. history_days: learn from the last ones alone, not from all.
    """
    import pandas as pd
    from threadpoolctl import threadpool_limits

    from mlops_transit.model import forecast_station

    made = []
    with threadpool_limits(1):  # replicas share the machine, and each fits one small model after the other
        for station, days in train_rides.groupby("station", sort=True):
            ahead = test_rides[test_rides["station"] == station]
            made.append(
                forecast_station(
                    str(station),
                    days.set_index("date")["riders"].sort_index(),
                    ahead.set_index("date")["riders"].sort_index(),
                    calendar,
                    folds=folds,
                    history_days=history_days,
                )
            )
            if context is not None:
                context.logger.info("%s: strength %g", station, made[-1].model["strength"].iloc[0])
    if context is not None:
        context.log_metric("models", len(made))
    return {
        "forecasts": pd.concat([one.forecasts for one in made], ignore_index=True),
        "station_models": pd.concat([one.model for one in made], ignore_index=True),
    }


@node(outputs=["forecast_scores", "forecast_report"], deterministic=True)
def score_forecasts(forecasts: pd.DataFrame, rides_origin: str, context: Context | None = None) -> Scores:
    """Score the forecasts beside the seasonal naive ones, and write the report."""
    from mlops_transit.scores import overall, report_of, scores_of

    scores = scores_of(forecasts)
    if context is not None:
        for name, value in overall(scores).items():
            context.log_metric(name, value)
    return {"forecast_scores": scores, "forecast_report": report_of(scores, origin=rides_origin)}
