"""Jobs: service specifications, and the processes that run their containers."""
