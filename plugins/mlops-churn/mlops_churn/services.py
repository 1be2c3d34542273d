"""Snowflake's feature store and registry, as nodes use them, wherever the session comes from."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from mlops import MlopsError
from mlops_churn.features import COLUMNS, FEATURES, LABEL, VERSION
from mlops_churn.schema import CUSTOMER_ID, OBSERVED_AT

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.base import ClassifierMixin
    from snowflake.ml.feature_store import FeatureStore
    from snowflake.ml.model import ModelVersion
    from snowflake.ml.registry import Registry
    from snowflake.snowpark import Session, Table

FEATURE_TABLE = f"CHURN_CUSTOMER_FEATURES_{VERSION}"
FEATURE_VIEW = "CHURN_FEATURES"
ENTITY = "CUSTOMER"
MODEL = "CHURN"


class DifferentPredictionsError(MlopsError):
    """The model that the registry gave back does not predict what the model of this run predicts."""

    def __init__(self, version: str, *, rows: int, largest: float) -> None:
        self.version, self.rows, self.largest = version, rows, largest
        super().__init__(
            f"model {MODEL} version {version} from the registry and the model of this run give different "
            f"probabilities, by up to {largest:.3g} over {rows:,} customers",
            hint="compare the versions of scikit-learn and numpy that logged and loaded it",
        )


def through_feature_store(features: pd.DataFrame, *, feature_store: FeatureStore, session: Session) -> pd.DataFrame:
    """Publish the features, and return what the feature store gives back for each customer at its instant.

    The rows go into the table CHURN_CUSTOMER_FEATURES_<version> of the session's schema, beside those of
    other instants; rows of the same instant are replaced. A view of that table is the feature view
    CHURN_FEATURES of the entity CUSTOMER. The label is no feature: it stays in the spine that the features
    are joined to.
    """
    from snowflake.ml.feature_store import Entity, FeatureView
    from snowflake.snowpark.functions import col

    table = _append(features, session)
    customer = Entity(ENTITY, join_keys=[CUSTOMER_ID.upper()], desc="A customer of the telephone company")
    draft = FeatureView(
        FEATURE_VIEW,
        entities=[customer],
        feature_df=table.select(*(name.upper() for name in COLUMNS if name != LABEL)),
        timestamp_col=OBSERVED_AT.upper(),
        desc="What is known of a customer at an instant, from that customer's row alone",
    )
    with warnings.catch_warnings():
        # Both are registered once; at every later run Snowflake warns that it keeps what is there.
        warnings.filterwarnings("ignore", message=".*already exists. Skip registration", category=UserWarning)
        feature_store.register_entity(customer)
        view = feature_store.register_feature_view(draft, version=VERSION)
    spine = table.filter(col(OBSERVED_AT.upper()).isin(_instants(features))).select(
        CUSTOMER_ID.upper(), OBSERVED_AT.upper(), LABEL.upper()
    )
    joined = feature_store.generate_training_set(
        spine, [view], spine_timestamp_col=OBSERVED_AT.upper(), spine_label_cols=[LABEL.upper()]
    ).to_pandas()
    returned = joined.rename(columns=str.lower)[list(COLUMNS)].astype(features.dtypes.to_dict())
    return returned.sort_values(CUSTOMER_ID, ignore_index=True)


def _append(features: pd.DataFrame, session: Session) -> Table:
    """Write the rows to the feature table in place of those of the same instants, and return the table."""
    from snowflake.snowpark.functions import col
    from snowflake.snowpark.types import (
        DoubleType,
        LongType,
        StringType,
        StructField,
        StructType,
        TimestampTimeZone,
        TimestampType,
    )

    types = {"f": DoubleType(), "i": LongType(), "M": TimestampType(TimestampTimeZone.NTZ), "O": StringType()}
    columns = [StructField(name.upper(), types[features[name].dtype.kind]) for name in COLUMNS]
    database, schema = session.get_current_database(), session.get_current_schema()
    # A view resolves names in its own schema, so the table's name is always the full one.
    session.create_dataframe([], schema=StructType(columns)).write.save_as_table(
        [database, schema, FEATURE_TABLE], mode="ignore"
    )
    table = session.table([database, schema, FEATURE_TABLE])
    table.delete(col(OBSERVED_AT.upper()).isin(_instants(features)))
    plain = features[list(COLUMNS)].astype({name: "object" for name in COLUMNS if features[name].dtype == "category"})
    session.write_pandas(
        plain.rename(columns=str.upper),
        FEATURE_TABLE,
        database=database,
        schema=schema,
        quote_identifiers=False,
        use_logical_type=True,  # without it, timestamps arrive as numbers
    )
    return table


def _instants(features: pd.DataFrame) -> list[object]:
    return [instant.to_pydatetime() for instant in features[OBSERVED_AT].unique()]


def log_model(
    model: ClassifierMixin,
    train: pd.DataFrame,
    metrics: dict[str, float],
    *,
    registry: Registry,
    comment: str,
) -> str:
    """Log a new version of the model CHURN, and return the version's name, which the registry makes up."""
    from snowflake.ml.model import task

    version = registry.log_model(
        model,
        model_name=MODEL,
        comment=comment,
        metrics=metrics,
        sample_input_data=_plain_customers(train.head(100)),
        task=task.Task.TABULAR_BINARY_CLASSIFICATION,
    )
    return str(version.version_name)


def compare_with_registry(
    model: ClassifierMixin, test: pd.DataFrame, metrics: dict[str, float], *, registry: Registry, version: str
) -> None:
    """Load the version back, check that it predicts what ``model`` predicts, and record the metrics with it.

    Raises:
        DifferentPredictionsError: a probability differs.
    """
    import numpy as np

    logged: ModelVersion = registry.get_model(MODEL).version(version)
    customers = _plain_customers(test)
    difference = np.abs(logged.load().predict_proba(customers) - model.predict_proba(customers)).max()
    if difference != 0:
        raise DifferentPredictionsError(version, rows=len(test), largest=float(difference))
    for name, value in metrics.items():
        logged.set_metric(f"held_out_{name}", value)


def _plain_customers(customers: pd.DataFrame) -> pd.DataFrame:
    """Return the model's features with words as text, as they come from a table."""
    features = customers[list(FEATURES)]
    return features.astype({name: "object" for name in features.columns if features[name].dtype == "category"})
