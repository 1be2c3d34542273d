"""A plugin that prints when it is imported, on both streams and past Python."""

import os
import sys

from mlops import node

print("hello from kit-prints")
print('{"looks": "like JSON"}', file=sys.stderr)
os.write(1, b"straight to the file descriptor\n")


@node(outputs=["printed"])
def printing() -> int:
    return 1
