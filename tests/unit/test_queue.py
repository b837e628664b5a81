"""The queue of runs: order, limits, one run of a key at a time, cancelling and stopping."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from plumbus.errors import Conflict
from plumbus.scheduling.queue import Priority, RunQueue, Ticket

DEADLINE_S = 60


class Work:
    """What the workers do: note the start, then wait to be released or cancelled."""

    def __init__(self) -> None:
        self.started: list[int] = []
        self.ended: list[tuple[int, str]] = []
        self.dropped: list[tuple[int, str]] = []
        self._release = threading.Event()
        self._lock = threading.Lock()

    def execute(self, ticket: Ticket) -> None:
        with self._lock:
            self.started.append(ticket.run_id)
        until(lambda: self._release.is_set() or ticket.cancellation.requested)
        with self._lock:
            self.ended.append((ticket.run_id, ticket.cancellation.reason))

    def note_dropped(self, ticket: Ticket) -> None:
        self.dropped.append((ticket.run_id, ticket.cancellation.reason))

    def release(self) -> None:
        self._release.set()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, 'the deadline passed'
        threading.Event().wait(0.005)


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def make(work: Work) -> Iterator[Callable[..., RunQueue]]:
    queues: list[RunQueue] = []

    def create(
        workers: int = 1, execute: Callable[[Ticket], None] | None = None, start: bool = True
    ) -> RunQueue:
        queue = RunQueue(workers, execute or work.execute, work.note_dropped)
        queues.append(queue)
        if start:
            queue.start()
        return queue

    yield create
    work.release()
    for queue in queues:
        assert queue.stop()


def backup(run_id: int, key: str = '', priority: Priority = Priority.PLANNED) -> Ticket:
    return Ticket(kind='backup', run_id=run_id, key=key or f'job:{run_id}', priority=priority)


def ids(tickets: list[Ticket]) -> list[int]:
    return [ticket.run_id for ticket in tickets]


def test_it_runs_first_come_first_served(make: Callable[..., RunQueue], work: Work) -> None:
    queue = make()
    for run_id in (5, 3, 9, 1):
        queue.submit(backup(run_id))
    work.release()
    until(lambda: len(work.ended) == 4)
    assert work.started == [5, 3, 9, 1]


def test_it_prefers_manual_runs_and_shows_the_order(make: Callable[..., RunQueue], work: Work) -> None:
    queue = make()
    queue.submit(backup(1))
    until(lambda: ids(queue.running()) == [1])
    for run_id, priority in (
        (2, Priority.PLANNED),
        (3, Priority.MANUAL),
        (4, Priority.PLANNED),
        (5, Priority.MANUAL),
    ):
        queue.submit(backup(run_id, priority=priority))
    assert ids(queue.queued()) == [3, 5, 2, 4]
    work.release()
    until(lambda: len(work.ended) == 5)
    assert work.started == [1, 3, 5, 2, 4]
    until(lambda: not queue.running())
    assert queue.queued() == []


def test_it_runs_as_many_as_it_has_workers(make: Callable[..., RunQueue], work: Work) -> None:
    queue = make(workers=3)
    for run_id in range(1, 6):
        queue.submit(backup(run_id))
    until(lambda: len(queue.running()) == 3)
    assert sorted(work.started) == [1, 2, 3]
    assert ids(queue.queued()) == [4, 5]


def test_it_never_runs_two_of_one_key_at_once(make: Callable[..., RunQueue], work: Work) -> None:
    queue = make(workers=3)
    for run_id, key in ((1, 'a'), (2, 'a'), (3, 'b'), (4, 'a')):
        queue.submit(backup(run_id, key=key))
    until(lambda: sorted(work.started) == [1, 3])
    assert ids(queue.queued()) == [2, 4]
    queue.cancel('backup', 1, 'cancelled')
    until(lambda: sorted(ids(queue.running())) == [2, 3])
    assert ids(queue.queued()) == [4]


def test_it_keeps_keys_apart_under_load(make: Callable[..., RunQueue]) -> None:
    lock, active, clashes, done = threading.Lock(), set[str](), list[str](), list[int]()

    def execute(ticket: Ticket) -> None:
        with lock:
            if ticket.key in active:
                clashes.append(ticket.key)
            active.add(ticket.key)
        ticket.cancellation.wait(0.0005)
        with lock:
            active.remove(ticket.key)
            done.append(ticket.run_id)

    queue = make(workers=8, execute=execute)
    for run_id in range(400):
        queue.submit(backup(run_id, key=f'job:{run_id % 7}'))
    until(lambda: len(done) == 400)
    assert clashes == []
    for key in range(7):
        of_key = [run_id for run_id in done if run_id % 7 == key]
        assert of_key == sorted(of_key)


def test_it_cancels_what_waits_without_starting_it(make: Callable[..., RunQueue], work: Work) -> None:
    queue = make()
    queue.submit(backup(1))
    until(queue.running)
    queue.submit(backup(2))
    assert queue.cancel('backup', 2, 'cancelled')
    assert queue.queued() == []
    assert work.dropped == [(2, 'cancelled')]
    assert not queue.cancel('backup', 2, 'cancelled')
    work.release()
    until(lambda: not queue.running())
    assert work.started == [1]


def test_it_cancels_what_runs(make: Callable[..., RunQueue], work: Work) -> None:
    queue = make()
    queue.submit(backup(1))
    until(lambda: work.started)
    assert queue.cancel('backup', 1, 'cancelled')
    until(lambda: work.ended)
    assert work.ended == [(1, 'cancelled')]
    assert work.dropped == []
    until(lambda: not queue.running())
    assert not queue.cancel('backup', 1, 'cancelled')


def test_it_tells_backups_and_restores_of_one_number_apart(make: Callable[..., RunQueue], work: Work) -> None:
    queue = make(workers=2)
    queue.submit(backup(1))
    queue.submit(Ticket(kind='restore', run_id=1, key='restore:1'))
    until(lambda: len(work.started) == 2)
    queue.cancel('restore', 1, 'cancelled')
    until(lambda: len(queue.running()) == 1)
    assert queue.running()[0].kind == 'backup'


def test_it_refuses_a_run_that_is_known_until_it_ended(make: Callable[..., RunQueue], work: Work) -> None:
    queue = make()
    queue.submit(backup(1))
    with pytest.raises(Conflict, match='This backup is queued or running already'):
        queue.submit(backup(1))
    work.release()
    until(lambda: not queue.running() and not queue.queued())
    queue.submit(backup(1))
    until(lambda: work.started == [1, 1])


def test_it_knows_whether_a_key_is_busy(make: Callable[..., RunQueue], work: Work) -> None:
    queue = make()
    queue.submit(backup(1, key='a'))
    queue.submit(backup(2, key='b'))
    assert queue.busy('a')
    assert queue.busy('b')
    assert not queue.busy('c')
    work.release()
    until(lambda: not queue.busy('a') and not queue.busy('b'))


def test_it_survives_a_run_that_raises(
    make: Callable[..., RunQueue], caplog: pytest.LogCaptureFixture
) -> None:
    done: list[int] = []

    def execute(ticket: Ticket) -> None:
        if ticket.run_id == 1:
            raise RuntimeError('boom')
        done.append(ticket.run_id)

    with caplog.at_level(logging.ERROR):
        queue = make(execute=execute)
        queue.submit(backup(1, key='a'))
        queue.submit(backup(2, key='a'))
        until(lambda: done == [2])
    assert 'The backup 1 raised an error that nobody handled.' in caplog.text
    assert 'boom' in caplog.text


def test_it_keeps_the_order_of_what_was_submitted_before_the_start(
    make: Callable[..., RunQueue], work: Work
) -> None:
    queue = make(start=False)
    for run_id in (2, 1):
        queue.submit(backup(run_id))
    assert ids(queue.queued()) == [2, 1]
    assert work.started == []
    work.release()
    queue.start()
    until(lambda: len(work.ended) == 2)
    assert work.started == [2, 1]


def test_it_stops_what_runs_and_drops_what_waits(make: Callable[..., RunQueue], work: Work) -> None:
    queue = make(workers=2)
    for run_id in range(1, 5):
        queue.submit(backup(run_id))
    until(lambda: len(work.started) == 2)
    assert queue.stop('interrupted', timeout_s=60)
    assert sorted(work.ended) == [(1, 'interrupted'), (2, 'interrupted')]
    assert work.dropped == [(3, 'interrupted'), (4, 'interrupted')]
    assert queue.running() == queue.queued() == []
    with pytest.raises(Conflict, match='PLUMBUS is stopping'):
        queue.submit(backup(9))


def test_it_stops_although_someone_raises_at_it(work: Work) -> None:
    def refuse(_ticket: Ticket) -> None:
        raise RuntimeError('the store is gone')

    queue = RunQueue(1, work.execute, refuse)
    for run_id in range(1, 4):
        queue.submit(backup(run_id))
    queue.queued()[0].cancellation.on_cancel(lambda: refuse(backup(0)))
    queue.start()
    until(lambda: work.started)
    assert queue.stop(timeout_s=60)


def test_it_does_not_wait_for_ever_at_the_end() -> None:
    release, started = threading.Event(), threading.Event()

    def deaf(_ticket: Ticket) -> None:
        started.set()
        release.wait(DEADLINE_S)

    queue = RunQueue(1, deaf)
    queue.start()
    queue.submit(backup(1))
    until(started.is_set)
    assert not queue.stop(timeout_s=0.05)
    assert ids(queue.running()) == [1]
    release.set()
    assert queue.stop(timeout_s=60)


def test_it_queues_a_thousand_at_once(make: Callable[..., RunQueue], work: Work) -> None:
    queue = make(workers=2)
    for run_id in range(1000):
        queue.submit(backup(run_id))
    work.release()
    until(lambda: len(work.ended) == 1000)
    assert sorted(work.started) == list(range(1000))


@pytest.mark.filterwarnings('ignore::pytest.PytestUnhandledThreadExceptionWarning')
def test_it_lives_as_long_as_one_worker_does(make: Callable[..., RunQueue]) -> None:
    def fall_over(_: Ticket) -> None:
        raise SystemExit  # no Exception: nothing catches it, and the worker is gone

    queue = make(workers=1, execute=fall_over, start=False)
    assert not queue.alive
    queue.start()
    for run_id in range(1, len(queue._threads) + 1):
        assert queue.alive
        queue.submit(backup(run_id))
        until(lambda: not queue.tickets())
    until(lambda: not queue.alive)


def test_it_shows_what_waits_and_what_runs_at_one_moment(make: Callable[..., RunQueue], work: Work) -> None:
    queue = make()
    queue.submit(backup(1))
    until(lambda: work.started == [1])
    queue.submit(backup(2))
    assert sorted(ids(queue.tickets())) == [1, 2]
    queue.cancel('backup', 2, 'cancelled')
    assert ids(queue.tickets()) == [1]


def verify(run_id: int, key: str = 'verify', priority: Priority = Priority.VERIFY) -> Ticket:
    return Ticket(kind='verify', run_id=run_id, key=key, priority=priority)


def test_a_verification_takes_no_place_from_the_others(make: Callable[..., RunQueue], work: Work) -> None:
    queue = make(workers=1)
    queue.submit(verify(1))
    queue.submit(verify(2, key='verify:night', priority=Priority.SPARE_TIME))
    until(lambda: sorted(work.started) == [1, 2])
    queue.submit(backup(3))
    until(lambda: sorted(work.started) == [1, 2, 3])
    queue.submit(backup(4))
    queue.submit(verify(5))
    assert ids(queue.queued()) == [4, 5]


def test_a_verification_begins_only_while_no_other_run_waits(
    make: Callable[..., RunQueue], work: Work
) -> None:
    queue = make(workers=1)
    for run_id in (1, 2, 3):
        queue.submit(backup(run_id))
    queue.submit(verify(4))
    until(lambda: work.started == [1])
    assert ids(queue.queued()) == [2, 3, 4]
    queue.cancel('backup', 2, 'cancelled')
    assert work.started == [1]
    queue.cancel('backup', 3, 'cancelled')
    until(lambda: work.started == [1, 4])


def test_a_verification_that_was_asked_for_goes_before_those_of_the_night(
    make: Callable[..., RunQueue], work: Work
) -> None:
    queue = make(start=False)
    for run_id in (1, 2):
        queue.submit(verify(run_id, key='verify:night', priority=Priority.SPARE_TIME))
    for run_id in (3, 4):
        queue.submit(verify(run_id))
    assert ids(queue.queued()) == [3, 4, 1, 2]
    queue.start()
    until(lambda: sorted(work.started) == [1, 3])
    work.release()
    until(lambda: len(work.ended) == 4)
