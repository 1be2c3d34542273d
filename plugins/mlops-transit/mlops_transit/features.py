"""Features of one station's days: nothing that is known later than a week before the day itself.

All counts are logarithms, log(1 + riders), so that a busy and a quiet station are alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

HORIZON = 7
"""Days between the last count that is known and the day that is forecast."""

YEAR = 52 * 7
"""A year back, on the same weekday."""


def features(riders: pd.Series, calendar: pd.DataFrame) -> pd.DataFrame:
    """Return a row of features for each day of a station's rides; the first year's rows lack some.

    ``riders`` has an index of days without gaps. ``calendar`` has ``date`` and ``holiday``, and covers those days.
    """
    import numpy as np
    import pandas as pd

    counts = np.log1p(riders)
    week = [counts.shift(HORIZON * number) for number in range(1, 9)]
    days = pd.DatetimeIndex(riders.index)
    holiday = pd.Series(calendar["holiday"].to_numpy(dtype="float64"), index=pd.DatetimeIndex(calendar["date"]))
    holiday = holiday.reindex(days, fill_value=0.0)
    columns = {
        "a_week_ago": week[0],
        "two_weeks_ago": week[1],
        "four_weeks": sum(week[:4]) / 4,
        "eight_weeks": sum(week) / 8,
        "a_year_ago": counts.shift(YEAR),
        "month_before": counts.shift(HORIZON).rolling(28).mean(),
        "holiday": holiday,
        "day_before_holiday": holiday.shift(-1, fill_value=0.0),
        "day_after_holiday": holiday.shift(1, fill_value=0.0),
        "holiday_a_week_ago": holiday.shift(HORIZON, fill_value=0.0),
    }
    for weekday in range(1, 7):
        on = pd.Series((days.weekday == weekday).astype("float64"), index=days)
        columns[f"weekday_{weekday}"] = on
        columns[f"holiday_on_{weekday}"] = on * holiday
    turn = pd.Series(2 * np.pi * days.dayofyear / 365.25, index=days)
    for wave in (1, 2, 3):
        columns[f"sine_{wave}"], columns[f"cosine_{wave}"] = np.sin(wave * turn), np.cos(wave * turn)
    return pd.DataFrame(columns)


def seasonal_naive(riders: pd.Series) -> pd.Series:
    """Return the forecast that any model must beat: as many as a week before."""
    return riders.shift(HORIZON)
