"""Operating what is deployed: status, suspending and resuming, runs, retries, logs, privileges, and a check-up."""
