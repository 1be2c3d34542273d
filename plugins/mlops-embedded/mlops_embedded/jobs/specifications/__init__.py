"""Specifications of services and jobs: YAML, or a template of it, read strictly into values."""
