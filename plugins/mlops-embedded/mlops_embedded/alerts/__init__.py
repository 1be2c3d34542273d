"""Alerts that run: by schedule or when told to, and what became of each run."""
