"""Customer churn: nodes and a pipeline for mlops, with the data they were made for."""
