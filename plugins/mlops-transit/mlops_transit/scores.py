"""Scores of forecasts beside the seasonal naive ones, station by station and over all, and the report of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def scores_of(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Return a row a station: mean absolute error of both (people a day), skill, and days that were held out.

    Skill is the share of the naive error that the model saves: 0 is no better, less than 0 worse.
    """
    errors = forecasts.assign(
        error=(forecasts["forecast"] - forecasts["riders"]).abs(),
        naive_error=(forecasts["naive"] - forecasts["riders"]).abs(),
    )
    scores = errors.groupby("station", as_index=False).agg(
        riders=("riders", "mean"), error=("error", "mean"), naive_error=("naive_error", "mean"), days=("date", "size")
    )
    scores["skill"] = 1 - scores["error"] / scores["naive_error"]
    return scores.sort_values("station", ignore_index=True)


def overall(scores: pd.DataFrame) -> dict[str, float]:
    """Return the scores of all stations together: every day counts, and so does every person."""
    days = scores["days"]
    error, naive = (float((scores[name] * days).sum() / days.sum()) for name in ("error", "naive_error"))
    return {
        "error": error,
        "naive_error": naive,
        "skill": 1 - error / naive,
        "stations": float(len(scores)),
        "stations_better_than_naive": float((scores["skill"] > 0).sum()),
    }


def report_of(scores: pd.DataFrame, *, origin: str) -> str:
    """Return the report as Markdown: what was measured and how, the figures, and where the model does not pay."""
    total = overall(scores)
    worse = scores[scores["skill"] <= 0].sort_values("skill")
    rows = "\n".join(
        f"| {row.station} | {row.riders:,.0f} | {row.error:,.0f} | {row.naive_error:,.0f} | {row.skill:+.0%} |"
        for row in scores.itertuples()
    )
    weak = (
        "The model is worse than the naive forecast at " + ", ".join(worse["station"]) + ": use the naive one there."
        if len(worse)
        else "The model is better than the naive forecast at every station."
    )
    return f"""# Forecasts of rides, a week ahead

A model for each of {len(scores)} stations, fitted once on the days before the last {int(scores["days"].max())}, which were held out. Each of these is
forecast from what was known a week before it. The naive forecast is the count of a week before.

Mean absolute error: **{total["error"]:,.0f}** people a day, naive {total["naive_error"]:,.0f}; skill {total["skill"]:+.1%}.
{weak}

| station | people a day | error | naive error | skill |
|---|---:|---:|---:|---:|
{rows}

## Data

{origin}
"""
