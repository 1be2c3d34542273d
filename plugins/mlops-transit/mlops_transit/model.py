"""The model of one station: ridge regression on standardised features, its strength chosen by a split of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mlops_transit.features import features, seasonal_naive

if TYPE_CHECKING:
    import pandas as pd

STRENGTHS = (1.0, 10.0, 100.0, 1000.0, 10000.0)


class StationForecast(NamedTuple):
    """Forecasts of one station's held-out days beside the seasonal naive ones, and the model that made them."""

    forecasts: pd.DataFrame
    model: pd.DataFrame


def forecast_station(
    station: str, train: pd.Series, test: pd.Series, calendar: pd.DataFrame, *, folds: int, history_days: int | None
) -> StationForecast:
    """Fit a model on ``train``, or its last ``history_days``, and forecast each day of ``test`` from a week before it.

    The strength is the one with the least error in ``folds`` splits of the training days, each of which fits on
    earlier days and measures on later ones.
    """
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    riders = pd.concat([train, test])
    table = features(riders, calendar)
    complete = table.notna().all(axis=1).to_numpy()
    known = (table.index <= train.index[-1]) & complete
    start = 0 if history_days is None else -history_days
    x, y = table[known].iloc[start:], np.log1p(riders[known].iloc[start:])
    search = GridSearchCV(
        make_pipeline(StandardScaler(), Ridge()),
        {"ridge__alpha": STRENGTHS},
        cv=TimeSeriesSplit(folds),
        scoring="neg_mean_absolute_error",
    ).fit(x, y)
    ahead = table.loc[test.index]
    expected = np.expm1(search.predict(ahead)).clip(min=0)
    scaler, ridge = search.best_estimator_.named_steps.values()
    forecasts = pd.DataFrame(
        {
            "station": station,
            "date": test.index,
            "riders": test.to_numpy(),
            "forecast": np.round(expected, 1),
            "naive": seasonal_naive(riders).loc[test.index].to_numpy(),
        }
    )
    model = pd.DataFrame(
        {
            "station": station,
            "feature": ["intercept", *table.columns],
            "weight": [float(ridge.intercept_), *ridge.coef_],
            "mean": [0.0, *scaler.mean_],
            "deviation": [1.0, *scaler.scale_],
            "strength": search.best_params_["ridge__alpha"],
            "days": len(x),
        }
    )
    return StationForecast(forecasts, model)
