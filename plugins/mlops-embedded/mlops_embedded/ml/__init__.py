"""What Registry, FeatureStore and ExperimentTracking need: models, tags, dynamic tables, datasets, experiments."""
