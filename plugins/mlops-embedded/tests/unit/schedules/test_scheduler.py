"""The scheduler tells of every stretch of time once, and wakes up by itself when something comes due."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from queue import Queue
from threading import Event, Thread

from mlops_embedded.schedules.clock import Clock
from mlops_embedded.schedules.schedule import Interval, due_between
from mlops_embedded.schedules.scheduler import Scheduler

NINE = datetime(2026, 1, 1, 9, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


def driven(moment: datetime) -> Clock:
    clock = Clock()
    clock.set(moment)
    return clock


def test_what_came_due_while_the_clock_was_moved_is_told_once() -> None:
    clock, told = driven(NINE), []
    scheduler = Scheduler("test", clock, start_due=lambda *stretch: told.append(stretch), upcoming=lambda now: ())

    clock.set(NINE + MINUTE)
    scheduler.tick()
    scheduler.tick()

    assert told == [(NINE, NINE + MINUTE), (NINE + MINUTE, NINE + MINUTE)]


def test_who_asks_waits_for_what_another_thread_is_starting() -> None:
    done: list[str] = []
    began, may_end = Event(), Event()

    def start_due(since: datetime, until: datetime) -> None:
        if not began.is_set():
            began.set()
            may_end.wait(10)
            done.append("what was due")

    scheduler = Scheduler("test", driven(NINE), start_due=start_due, upcoming=lambda now: ())
    first = Thread(target=scheduler.tick)
    first.start()
    assert began.wait(10)
    second = Thread(target=lambda: (scheduler.tick(), done.append("who asked")))
    second.start()
    second.join(0.05)
    waiting = second.is_alive()
    may_end.set()
    first.join(10)
    second.join(10)

    assert (waiting, done) == (True, ["what was due", "who asked"])


def test_a_schedule_comes_due_at_each_of_its_moments_in_a_stretch_the_first_excluded_and_the_last_included() -> None:
    found = due_between(Interval(MINUTE), NINE, NINE + MINUTE, NINE + 3 * MINUTE)

    assert found == [NINE + 2 * MINUTE, NINE + 3 * MINUTE]


def test_nothing_comes_due_before_a_schedule_was_resumed() -> None:
    assert due_between(Interval(MINUTE), NINE, NINE - timedelta(hours=1), NINE + MINUTE) == [NINE + MINUTE]


def test_an_error_of_one_look_does_not_end_the_looking() -> None:
    stretches: Queue[tuple[datetime, datetime]] = Queue()

    def start_due(since: datetime, until: datetime) -> None:
        stretches.put((since, until))
        raise RuntimeError("a schedule that cannot be read")

    scheduler = Scheduler("test", Clock(), start_due=start_due, upcoming=lambda now: ())
    scheduler.start()
    try:
        first = stretches.get(timeout=10)
        scheduler.wake()
        second = stretches.get(timeout=10)
    finally:
        scheduler.stop()

    assert first[1] == second[0]


def test_it_looks_by_itself_when_something_comes_due() -> None:
    stretches: Queue[tuple[datetime, datetime]] = Queue()
    due = datetime.now(timezone.utc) + timedelta(milliseconds=20)
    scheduler = Scheduler("test", Clock(), start_due=lambda *each: stretches.put(each), upcoming=lambda now: [due])

    scheduler.start()
    try:
        while (until := stretches.get(timeout=10)[1]) < due:
            pass
    finally:
        scheduler.stop()

    assert until < due + timedelta(seconds=20)
