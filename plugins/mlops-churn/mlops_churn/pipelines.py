"""The pipeline churn: from customers to an evaluated model, every night."""

from __future__ import annotations

from mlops import Cron, Pipeline

churn = Pipeline(
    "churn",
    nodes=[
        "generate_data",
        "preprocess_data",
        "engineer_features",
        "train_test_split",
        "train_model",
        "evaluate_model",
    ],
    schedule=Cron("0 2 * * *", "UTC"),
    description="Predict which customers leave: data, features, model, evaluation and model card.",
)
