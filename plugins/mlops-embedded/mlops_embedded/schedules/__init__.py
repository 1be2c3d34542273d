"""When tasks and alerts come due: schedules, the clock they follow, and what wakes up for them."""
