"""Runs wait here for a worker: manual ones first, then first come, first served, never two of one key at once.
Verifications go last, and take no place from the others.

The interface is narrow on purpose (submit, cancel, running, queued, stop): a distributed queue could stand behind it.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

from plumbus.cancellation import Cancellation
from plumbus.errors import Conflict

logger = logging.getLogger(__name__)
Kind = Literal['backup', 'restore', 'verify']
LANES = 2  # one for verifications that someone asked for, one for those of the night


class Priority(IntEnum):
    """Lower goes first."""

    MANUAL = 0
    PLANNED = 10
    VERIFY = 20
    SPARE_TIME = 30


@dataclass(kw_only=True, slots=True, eq=False)
class Ticket:
    """A place in the queue. `key` names what must not run twice at once, for instance a job."""

    kind: Kind
    run_id: int
    key: str
    priority: int = Priority.PLANNED
    cancellation: Cancellation = field(default_factory=Cancellation)


class RunQueue:
    """Given how many backups and restores may run at once, call `execute(ticket)` in a worker for each ticket submitted.

    A verification has a worker besides those, but begins only while no backup or restore waits for one.
    `dropped(ticket)` is called for a ticket that is cancelled before it started; `ticket.cancellation.reason` says why.
    """

    def __init__(
        self,
        workers: int,
        execute: Callable[[Ticket], None],
        dropped: Callable[[Ticket], None] = lambda _ticket: None,
    ) -> None:
        self._execute = execute
        self._dropped = dropped
        self._places = workers
        self._changed = threading.Condition()
        self._queued: list[Ticket] = []
        self._running: list[Ticket] = []
        self._known: dict[tuple[Kind, int], Ticket] = {}
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f'run-worker-{number}', daemon=True)
            for number in range(1, workers + LANES + 1)
        ]

    def start(self) -> None:
        """Let the workers begin. What was submitted before has kept its order."""
        for thread in self._threads:
            thread.start()

    def submit(self, ticket: Ticket) -> None:
        """Given a ticket, queue it. Raise Conflict if that run is known already or the queue is being stopped."""
        with self._changed:
            if self._stopping:
                raise Conflict(
                    'PLUMBUS is stopping and starts nothing any more.', 'Try again after its start.'
                )
            if (ticket.kind, ticket.run_id) in self._known:
                raise Conflict(f'This {ticket.kind} is queued or running already.')
            self._known[ticket.kind, ticket.run_id] = ticket
            self._queued.append(ticket)
            self._queued.sort(key=lambda each: each.priority)
            self._changed.notify()

    def cancel(self, kind: Kind, run_id: int, reason: str) -> bool:
        """Given a run, take it out of the queue or ask it to stop. Return whether it was queued or running."""
        with self._changed:
            ticket = self._known.get((kind, run_id))
            if not ticket:
                return False
            was_queued = ticket not in self._running
            if was_queued:
                self._queued.remove(ticket)
                del self._known[kind, run_id]
                self._changed.notify_all()  # a verification may have waited for it
        ticket.cancellation.cancel(reason)
        if was_queued:
            self._dropped(ticket)
        return True

    @property
    def alive(self) -> bool:
        """Whether there is a worker left that could take a run."""
        return any(thread.is_alive() for thread in self._threads)

    def tickets(self) -> list[Ticket]:
        """Return what waits and what runs, as it is at one moment."""
        with self._changed:
            return list(self._known.values())

    def queued(self) -> list[Ticket]:
        """Return what waits, the next one first."""
        with self._changed:
            return list(self._queued)

    def running(self) -> list[Ticket]:
        """Return what runs, the longest running one first."""
        with self._changed:
            return list(self._running)

    def busy(self, key: str) -> bool:
        """Given a key, return whether a run of it is queued or running."""
        with self._changed:
            return any(ticket.key == key for ticket in self._known.values())

    def stop(self, reason: str = 'interrupted', timeout_s: float = 10) -> bool:
        """Drop what waits, ask what runs to stop. Return whether all workers ended within `timeout_s` seconds."""
        with self._changed:
            self._stopping = True
            waiting, running = list(self._queued), list(self._running)
            self._queued.clear()
            self._known = {(ticket.kind, ticket.run_id): ticket for ticket in running}
            self._changed.notify_all()
        for ticket in (*running, *waiting):
            self._guarded(lambda each: each.cancellation.cancel(reason, 0.9 * timeout_s), ticket)
        for ticket in waiting:
            self._guarded(self._dropped, ticket)
        deadline = time.monotonic() + timeout_s
        started = [thread for thread in self._threads if thread.ident is not None]
        for thread in started:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in started)

    def _work(self) -> None:
        while ticket := self._take():
            try:
                self._guarded(self._execute, ticket)
            finally:
                with self._changed:
                    self._running.remove(ticket)
                    del self._known[ticket.kind, ticket.run_id]
                    self._changed.notify_all()

    def _take(self) -> Ticket | None:
        """Wait for a ticket that may start and return it; None when the queue is being stopped."""
        with self._changed:
            while not self._stopping:
                ticket = self._next()
                if ticket:
                    self._queued.remove(ticket)
                    self._running.append(ticket)
                    return ticket
                self._changed.wait(timeout=60)
        return None

    def _next(self) -> Ticket | None:
        busy = {ticket.key for ticket in self._running}
        ready = [ticket for ticket in self._queued if ticket.key not in busy]
        first = next((ticket for ticket in ready if ticket.kind != 'verify'), None)
        if first is None:
            return ready[0] if ready and self._verifying() < LANES else None
        return first if len(self._running) - self._verifying() < self._places else None

    def _verifying(self) -> int:
        return sum(ticket.kind == 'verify' for ticket in self._running)

    def _guarded(self, action: Callable[[Ticket], None], ticket: Ticket) -> None:
        try:
            action(ticket)
        except Exception:
            logger.exception('The %s %d raised an error that nobody handled.', ticket.kind, ticket.run_id)
