"""Probes: what a container's HTTP answers say about it, whether it is ready and whether it lives."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable

from mlops_embedded.jobs.runtimes.sandbox import HOST
from mlops_embedded.jobs.specifications.containers import Container, Probe

_ANSWER_SECONDS = 1.0
_EAGER_SECONDS = 0.2
"""How often a container that starts is asked; once it is ready, its own period counts."""


def answers(probe: Probe) -> bool:
    """Whether the container answers the probe with 200."""
    connection = http.client.HTTPConnection(HOST, probe.port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", probe.path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def watch(container: Container, *, ready: Callable[[bool], None], dead: Callable[[], None]) -> Callable[[], None]:
    """Ask a container's probes, each in a thread of its own, until the function that is returned is called.

    `ready` is told when the container becomes ready, and when it no longer is; `dead` when it should be ended.
    """
    stopped = threading.Event()
    if container.readiness is not None:
        _in_thread(_watch_readiness, container.readiness, stopped, ready)
    if container.liveness is not None:
        _in_thread(_watch_liveness, container.liveness, stopped, dead)
    return stopped.set


def _in_thread(function: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=function, args=arguments, name="probe of a container", daemon=True).start()


def _watch_readiness(probe: Probe, stopped: threading.Event, ready: Callable[[bool], None]) -> None:
    was_ready, failures = False, 0
    while not stopped.is_set():
        answered = answers(probe)
        failures = 0 if answered else failures + 1
        if answered != was_ready and (answered or failures >= probe.failure_threshold) and not stopped.is_set():
            was_ready = answered
            ready(was_ready)
        stopped.wait(probe.period_seconds if was_ready else min(_EAGER_SECONDS, probe.period_seconds))


def _watch_liveness(probe: Probe, stopped: threading.Event, dead: Callable[[], None]) -> None:
    failures = 0
    while not stopped.wait(probe.period_seconds):
        failures = 0 if answers(probe) else failures + 1
        if failures >= probe.failure_threshold:
            dead()
            return
