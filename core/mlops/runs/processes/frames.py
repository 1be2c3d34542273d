"""Frames: what a run and the server that forks say to each other over a socket: a header, and as many bytes as it says.

A module of its own, since what the server imports, each of its children copies a part of.
"""

from __future__ import annotations

from struct import Struct

ORDER = Struct("=cIdI")
"""What leads an order: RUN or STOP, its number, after how many seconds it must end (or NO_LIMIT), bytes that follow."""

ANSWER = Struct("=II")
"""What leads an answer: the number of the order, bytes that follow."""

RUN, STOP = b"r", b"s"
NO_LIMIT = -1.0
