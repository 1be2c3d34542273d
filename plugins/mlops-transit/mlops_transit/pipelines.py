"""The pipeline ``transit``: four nodes of this plugin, and the calendar of another one."""

from __future__ import annotations

from mlops import Cron, Pipeline

transit = Pipeline(
    "transit",
    nodes=["load_rides", "mlops-calendar:calendar", "split_rides", "forecast_stations", "score_forecasts"],
    schedule=Cron("0 5 * * 1", "America/Chicago"),
    parameters={"calendar.country": "US", "calendar.subdivision": "IL"},
    description="Forecast the rides of each station, a week ahead.",
)
