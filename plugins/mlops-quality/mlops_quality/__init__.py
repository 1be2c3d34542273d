"""Checks of datasets with pandera, as a guard: what does not fit its schema is not committed."""
