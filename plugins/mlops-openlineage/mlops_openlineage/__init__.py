"""OpenLineage events of mlops runs."""
