"""Spans of OpenTelemetry for runs and nodes of mlops."""
