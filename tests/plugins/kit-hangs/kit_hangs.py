"""A plugin that does not come back from its import."""

import time

time.sleep(600)
