"""The queue of runs: whose turn it is, how many of one client, what waits for its time, and what waits again."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbus.scheduling.line import Line
from plumbus.scheduling.queue import Priority, RunQueue, Ticket
from plumbus.scheduling.rules import Hold, Rules

DEADLINE_S = 60
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


class World:
    """A queue whose clock and rules the test sets. Each run waits until it is let go or cancelled."""

    def __init__(self) -> None:
        self.now = NOON
        self.limits: dict[int, int] = {}
        self.quiet: set[int] = set()
        self.started: list[int] = []
        self.dropped: list[int] = []
        self.again: dict[int, datetime] = {}
        self.go = threading.Event()
        self.queues: list[RunQueue] = []

    def queue(self, workers: int = 1, *, start: bool = True) -> RunQueue:
        rules = Rules(held=self.held, places=lambda client: self.limits.get(client, 9), now=lambda: self.now)
        queue = RunQueue(workers, self.execute, lambda ticket: self.dropped.append(ticket.run_id), rules)
        self.queues.append(queue)
        if start:
            queue.start()
        return queue

    def held(self, ticket: Ticket) -> Hold | None:
        return Hold('Shh.', self.now + timedelta(days=1)) if ticket.run_id in self.quiet else None

    def execute(self, ticket: Ticket) -> bool:
        self.started.append(ticket.run_id)
        until(lambda: self.go.is_set() or ticket.cancellation.requested)
        moment = self.again.pop(ticket.run_id, None)
        if moment:
            ticket.not_before, ticket.reason = moment, 'It sleeps.'
        return moment is not None


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, 'the deadline passed'
        threading.Event().wait(0.005)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.go.set()
    for queue in made.queues:
        assert queue.stop()


def backup(run_id: int, client_id: int = 1, **fields: Any) -> Ticket:
    fields = {'key': f'job:{run_id}', 'priority': Priority.PLANNED, **fields}
    return Ticket(kind='backup', run_id=run_id, client_id=client_id, **fields)


def ids(tickets: list[Ticket]) -> list[int]:
    return [ticket.run_id for ticket in tickets]


def told(queue: RunQueue) -> dict[int, tuple[int | None, str]]:
    return {run_id: (one.position, one.reason) for (_, run_id), one in queue.waiting().items()}


def test_clients_take_turns_however_much_one_of_them_has(world: World) -> None:
    queue = world.queue()
    queue.submit_all([backup(number, client_id=1) for number in (10, 11, 12, 13)])
    until(lambda: world.started == [10])
    queue.submit_all([backup(number, client_id=2) for number in (20, 21)])
    queue.submit(backup(30, client_id=3))
    assert ids(queue.queued()) == [20, 30, 11, 21, 12, 13]
    world.go.set()
    until(lambda: len(world.started) == 7)
    assert world.started == [10, 20, 30, 11, 21, 12, 13]


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=60))
def test_no_client_waits_for_more_than_two_runs_of_each_other_one(arrivals: list[tuple[int, bool]]) -> None:
    """Whatever comes in between: one for the turn it has had, one for the turn it waits for."""
    line, served_since = Line(), dict[int, list[int]]()
    for number, (client, serve) in enumerate(arrivals):
        if not any(ticket.client_id == client for ticket in line):
            served_since[client] = []
        line.add(backup(number, client_id=client))
        if serve:
            first = next(iter(line))
            line.serve(first)
            assert max(map(served_since[first.client_id].count, range(5))) <= 2
            for others in served_since.values():
                others.append(first.client_id)
            served_since[first.client_id] = []


def test_manual_runs_go_before_every_turn(world: World) -> None:
    queue = world.queue()
    queue.submit_all([backup(1), backup(2), backup(3, client_id=2)])
    until(lambda: world.started == [1])
    queue.submit(backup(4, priority=Priority.MANUAL))
    assert ids(queue.queued()) == [4, 3, 2]


def test_a_client_has_no_more_than_its_number_at_once(world: World) -> None:
    world.limits = {1: 1, 2: 2}
    queue = world.queue(workers=6)
    queue.submit_all([backup(1), backup(2), *(backup(number, client_id=2) for number in (3, 4, 5))])
    until(lambda: len(world.started) == 3)
    assert sorted(world.started) == [1, 3, 4]
    assert told(queue) == {
        2: (1, 'Another backup of this client must end first.'),
        5: (2, '2 backups of this client must end first.'),
    }
    world.limits = {1: 2}
    queue.wake()
    until(lambda: len(world.started) == 5)


def test_a_restore_waits_for_no_backup_of_its_client(world: World) -> None:
    world.limits = {1: 1}
    queue = world.queue(workers=3)
    queue.submit_all([backup(1), Ticket(kind='restore', run_id=9, key='restore:9', client_id=1)])
    until(lambda: sorted(world.started) == [1, 9])


def test_it_tells_the_position_and_the_reason(world: World) -> None:
    world.quiet = {5}
    queue = world.queue()
    queue.submit(backup(1))
    until(lambda: world.started)
    queue.submit_all([backup(2, key='job:1'), backup(3), backup(5)])
    queue.submit(backup(6, not_before=NOON + timedelta(hours=1), reason='It sleeps until 13:00.'))
    queue.submit(Ticket(kind='verify', run_id=7, key='verify', priority=Priority.VERIFY))
    assert told(queue) == {
        2: (1, 'The last run of this job has not ended yet.'),
        3: (2, 'The only place is taken.'),
        5: (None, 'Shh.'),
        6: (None, 'It sleeps until 13:00.'),
        7: (3, 'Backups and restores go first.'),
    }


def test_what_waits_for_its_time_keeps_nobody_up(world: World) -> None:
    world.quiet = {1}
    queue = world.queue()
    world.go.set()
    queue.submit_all([backup(1), backup(2, not_before=NOON + timedelta(hours=1)), backup(3)])
    until(lambda: world.started == [3])
    world.now += timedelta(hours=1)
    queue.wake()
    until(lambda: world.started == [3, 2])
    world.quiet = set()
    queue.wake()
    until(lambda: world.started == [3, 2, 1])


def test_a_worker_looks_again_by_itself_when_the_time_has_come(world: World) -> None:
    queue = world.queue()
    world.go.set()
    queue.submit(backup(1, not_before=NOON + timedelta(seconds=0.2)))
    world.now += timedelta(seconds=1)
    until(lambda: world.started == [1])


def test_what_waits_again_gives_its_worker_back(world: World) -> None:
    world.again = {1: NOON + timedelta(hours=1)}
    queue = world.queue()
    world.go.set()
    queue.submit_all([backup(1), backup(2)])
    until(lambda: world.started == [1, 2] and not queue.running())
    assert told(queue) == {1: (None, 'It sleeps.')}
    assert queue.busy('job:1')
    world.now += timedelta(hours=1)
    queue.wake()
    until(lambda: world.started == [1, 2, 1] and not queue.tickets())


def test_what_waits_again_can_be_cancelled(world: World) -> None:
    world.again = {1: NOON + timedelta(hours=1)}
    queue = world.queue()
    world.go.set()
    queue.submit(backup(1))
    until(lambda: queue.queued() and not queue.running())
    assert queue.cancel('backup', 1, 'cancelled')
    assert world.dropped == [1]
    assert not queue.tickets()


def test_what_is_cancelled_while_it_stops_to_wait_does_not_wait_again(world: World) -> None:
    world.again = {1: NOON + timedelta(hours=1)}
    queue = world.queue()
    queue.submit(backup(1))
    until(lambda: world.started)
    assert queue.cancel('backup', 1, 'cancelled')
    until(lambda: not queue.tickets())
    assert world.dropped == [1]


def test_many_are_queued_together_or_none(world: World) -> None:
    queue = world.queue(start=False)
    queue.submit(backup(5))
    with pytest.raises(Exception, match='queued or running already'):
        queue.submit_all([backup(4), backup(5)])
    assert ids(queue.queued()) == [5]
