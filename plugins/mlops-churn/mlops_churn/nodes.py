"""The six nodes of churn, from customers to an evaluated model. Each can be called as a plain function.

Nothing heavy is imported here: a node imports what it works with when it runs.
"""

from __future__ import annotations

import logging
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from mlops import MlopsError, Resources, node

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from sklearn.model_selection import FixedThresholdClassifier
    from sklearn.pipeline import Pipeline as SklearnPipeline
    from snowflake.ml.feature_store import FeatureStore
    from snowflake.ml.registry import Registry
    from snowflake.snowpark import Session

    from mlops import Context


class Customers(TypedDict):
    customers: pd.DataFrame
    data_origin: str


class Split(TypedDict):
    train: pd.DataFrame
    test: pd.DataFrame


class Training(TypedDict):
    model: FixedThresholdClassifier
    baseline_model: SklearnPipeline
    training_report: dict[str, Any]  # Any: plain values


class Evaluated(TypedDict):
    metrics: dict[str, Any]  # Any: plain values
    roc_curve: Figure
    precision_recall_curve: Figure
    confusion_matrix: Figure
    calibration_curve: Figure
    feature_importance: Figure
    model_card: str


@node(outputs=["customers", "data_origin"], resources=Resources(cpu=1, memory="4Gi"))
def generate_data(
    *,
    source: Literal["telco", "synthetic"] = "telco",
    customer_count: int | None = None,
    observed_on: date = date(2018, 9, 1),
    random_state: int = 42,
    context: Context | None = None,
) -> Customers:
    """Provide customers, one a row, and a paragraph on where they come from.

    source: "telco" is 7,043 customers that ship with the plugin, "synthetic" as many made-up ones as wanted.
    customer_count: None is all Telco customers, or 10,000 synthetic ones; fewer Telco customers are a random
        sample of them.
    observed_on: the day that the customers are said to be observed. The Telco data has no dates; it was
        fetched in that month.
    """
    import pandas as pd

    from mlops_churn import synthetic, telco

    if customer_count is not None and customer_count < 1:
        raise MlopsError(
            f"customer_count is {customer_count}, and there is no pipeline without customers",
            hint="use 1 or more",
        )
    observed_at = pd.Timestamp(observed_on)
    if source == "synthetic":
        count = 10_000 if customer_count is None else customer_count
        customers = synthetic.synthetic_customers(count, random_state=random_state, observed_at=observed_at)
    else:
        if customer_count is not None and customer_count > telco.ROWS:
            raise MlopsError(
                f"customer_count is {customer_count:,}, and the Telco data has {telco.ROWS:,} customers",
                hint="use source=synthetic for more",
            )
        customers = telco.telco_customers(observed_at)
        if customer_count is not None:
            customers = customers.sample(customer_count, random_state=random_state).sort_index(ignore_index=True)
    _logger(context).info("%s customers from source %s", f"{len(customers):,}", source)
    return {
        "customers": customers,
        "data_origin": synthetic.ORIGIN if source == "synthetic" else telco.ORIGIN,
    }


@node(outputs=["clean_customers"], resources=Resources(cpu=1, memory="4Gi"))
def preprocess_data(
    customers: pd.DataFrame,
    *,
    invalid_rows: Literal["error", "drop"] = "error",
    context: Context | None = None,
) -> pd.DataFrame:
    """Give columns their types, new customers a total charge of 0, the target 0 or 1; refuse broken rows.

    invalid_rows: "error" stops at rows that break a rule of the schema, "drop" leaves them out and logs
        how many.
    """
    from mlops_churn.cleaning import clean

    cleaned = clean(customers, invalid_rows=invalid_rows)
    log = _logger(context)
    for what, rows in cleaned.mended.items():
        log.info("%s: %s rows", what, f"{rows:,}")
    for what, rows in cleaned.left_out.items():
        log.warning("left out: %s: %s rows", what, f"{rows:,}")
    if context is not None:
        context.log_metric("rows_mended", sum(cleaned.mended.values()))
        context.log_metric("rows_left_out", len(customers) - len(cleaned.customers))
    return cleaned.customers


@node(outputs=["features"], resources=Resources(cpu=1, memory="4Gi"))
def engineer_features(
    clean_customers: pd.DataFrame,
    feature_store: FeatureStore | None = None,
    session: Session | None = None,
) -> pd.DataFrame:
    """Work out each customer's features from the customer's row; pass them through the feature store, if any."""
    from mlops_churn.features import features_of

    features = features_of(clean_customers)
    if feature_store is not None and session is not None:
        from mlops_churn.services import through_feature_store

        features = through_feature_store(features, feature_store=feature_store, session=session)
    return features


@node(outputs=["train", "test"], resources=Resources(cpu=1, memory="4Gi"))
def train_test_split(features: pd.DataFrame, *, test_size: float = 0.2, random_state: int = 42) -> Split:
    """Hold out a random part of the customers for evaluation, with as large a share of churners as the rest.

    test_size: the share held out, between 0 and 1.
    """
    import numpy as np
    from sklearn import model_selection

    from mlops_churn.features import LABEL
    from mlops_churn.training import TooFewCustomersError

    if not 0 < test_size < 1:
        raise MlopsError(f"test_size is {test_size}, and the share held out is between 0 and 1", hint="use 0.2")
    stayed, churned = (int(count) for count in np.bincount(features[LABEL], minlength=2))
    if round(min(stayed, churned) * min(test_size, 1 - test_size)) < 1:
        raise TooFewCustomersError(
            stayed=stayed, churned=churned, needed=int(np.ceil(1 / min(test_size, 1 - test_size)))
        )
    train, test = model_selection.train_test_split(
        features, test_size=test_size, stratify=features[LABEL], random_state=random_state
    )
    return {"train": train.sort_index(ignore_index=True), "test": test.sort_index(ignore_index=True)}


@node(outputs=["model", "baseline_model", "training_report"], resources=Resources(cpu=2, memory="8Gi"))
def train_model(
    train: pd.DataFrame,
    model_registry: Registry | None = None,
    *,
    learning_rate: float = 0.08,
    max_iter: int = 200,
    max_depth: int = 3,
    l2_regularization: float = 1.0,
    min_samples_leaf: int = 40,
    folds: int = 5,
    threshold_metric: Literal["f1", "balanced_accuracy"] = "f1",
    random_state: int = 42,
    context: Context | None = None,
) -> Training:
    """Fit gradient-boosted trees, a logistic regression beside them; log the trees in the registry, if any.

    max_iter: the most trees; cross-validation over ``folds`` chooses how many.
    threshold_metric: what the decision threshold makes best, in the same cross-validation.
    """
    from mlops_churn.threads import threads_for
    from mlops_churn.training import Boosting, fit

    with threads_for(len(train)):
        fitted = fit(
            train,
            Boosting(learning_rate, max_iter, max_depth, l2_regularization, min_samples_leaf),
            folds=folds,
            threshold_metric=threshold_metric,
            random_state=random_state,
        )
    report: dict[str, Any] = {**fitted.report, "registered_version": None}
    crossed = {
        f"cross_validation_{name}": value for name, value in report["cross_validation"].items() if name != "folds"
    }
    if context is not None:
        context.log_metric("iterations", report["iterations"])
        context.log_metric("threshold", report["threshold"])
        for name, value in crossed.items():
            context.log_metric(name, value)
    if model_registry is not None:
        from mlops_churn.services import log_model

        run = f"run {context.run_id}" if context is not None else "a run without a context"
        report["registered_version"] = log_model(
            fitted.model, train, crossed, registry=model_registry, comment=f"mlops-churn train_model, {run}"
        )
    return {"model": fitted.model, "baseline_model": fitted.baseline, "training_report": report}


@node(
    outputs=[
        "metrics",
        "roc_curve",
        "precision_recall_curve",
        "confusion_matrix",
        "calibration_curve",
        "feature_importance",
        "model_card",
    ],
    resources=Resources(cpu=2, memory="8Gi"),
)
def evaluate_model(
    model: FixedThresholdClassifier,
    baseline_model: SklearnPipeline,
    training_report: dict[str, Any],  # Any: plain values
    test: pd.DataFrame,
    data_origin: str,
    model_registry: Registry | None = None,
    *,
    bootstrap_samples: int = 1000,
    importance_repeats: int = 5,
    random_state: int = 42,
    context: Context | None = None,
) -> Evaluated:
    """Measure the model on the held-out customers beside two baselines; draw curves, write the model card.

    bootstrap_samples: resamples of the held-out customers behind the confidence intervals.
    importance_repeats: how often each feature is shuffled for its importance.
    """
    from mlops_churn import figures
    from mlops_churn.evaluation import evaluate
    from mlops_churn.model_card import model_card
    from mlops_churn.threads import threads_for

    with threads_for(len(test)):
        evaluation = evaluate(
            model,
            baseline_model,
            test,
            training_churn_rate=training_report["churn_rate"],
            threshold=training_report["threshold"],
            bootstrap_samples=bootstrap_samples,
            importance_repeats=importance_repeats,
            random_state=random_state,
        )
    headline = evaluation.headline()
    if context is not None:
        for name, value in headline.items():
            context.log_metric(name, value)
    version = training_report["registered_version"]
    if model_registry is not None and version is not None:
        from mlops_churn.services import compare_with_registry

        compare_with_registry(model, test, headline, registry=model_registry, version=version)
    return {
        "metrics": evaluation.as_metrics(),
        "roc_curve": figures.roc_curve(evaluation),
        "precision_recall_curve": figures.precision_recall_curve(evaluation),
        "confusion_matrix": figures.confusion_matrix(evaluation),
        "calibration_curve": figures.calibration_curve(evaluation),
        "feature_importance": figures.feature_importance(evaluation),
        "model_card": model_card(evaluation, training_report, data=data_origin),
    }


def _logger(context: Context | None) -> logging.Logger:
    return logging.getLogger(__name__) if context is None else context.logger
