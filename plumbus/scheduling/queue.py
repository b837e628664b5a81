"""Runs wait here for a worker: manual ones first, then each client in turn, never two of one key at once.
Verifications go last, and take no place from the others.

The interface is narrow on purpose (submit, cancel, running, queued, stop): a distributed queue could stand behind it.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from plumbus.errors import Conflict
from plumbus.scheduling.line import Kind, Line, Priority, Ticket
from plumbus.scheduling.rules import VERIFY_PLACES, Hold, Rules, Taken, Waiting

__all__ = ['Kind', 'Priority', 'RunQueue', 'Ticket']

logger = logging.getLogger(__name__)
LONGEST_WAIT_S = 60.0
LONGEST_HOLD = timedelta(hours=1)  # no ticket waits longer for its `not_before`, should the clock be set back


class RunQueue:
    """Given how many backups and restores may run at once, call `execute(ticket)` in a worker for each ticket submitted.

    `execute` returns whether the ticket waits again, for instance for a `not_before` that it has set. A verification has a
    worker besides those, but begins only while no backup or restore waits for one.
    `dropped(ticket)` is called for a ticket that is cancelled before it started; `ticket.cancellation.reason` says why.
    """

    def __init__(
        self,
        workers: int,
        execute: Callable[[Ticket], bool | None],
        dropped: Callable[[Ticket], None] = lambda _ticket: None,
        rules: Rules | None = None,
    ) -> None:
        self._execute = execute
        self._dropped = dropped
        self._places = workers
        self._rules = rules or Rules()
        self._changed = threading.Condition()
        self._queued = Line()
        self._running: list[Ticket] = []
        self._known: dict[tuple[Kind, int], Ticket] = {}
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f'run-worker-{number}', daemon=True)
            for number in range(1, workers + VERIFY_PLACES + 1)
        ]

    def start(self) -> None:
        """Let the workers begin. What was submitted before has kept its order."""
        for thread in self._threads:
            thread.start()

    def submit(self, ticket: Ticket) -> None:
        """Given a ticket, queue it. Raise Conflict if that run is known already or the queue is being stopped."""
        self.submit_all([ticket])

    def submit_all(self, tickets: Sequence[Ticket]) -> None:
        """Given tickets, queue all of them or none. Raise Conflict as `submit` does."""
        with self._changed:
            if self._stopping:
                raise Conflict(
                    'PLUMBUS is stopping and starts nothing any more.', 'Try again after its start.'
                )
            for ticket in tickets:
                if (ticket.kind, ticket.run_id) in self._known:
                    raise Conflict(f'This {ticket.kind} is queued or running already.')
            for ticket in tickets:
                self._known[ticket.kind, ticket.run_id] = ticket
                self._queued.add(ticket)
            self._changed.notify_all()

    def cancel(self, kind: Kind, run_id: int, reason: str) -> bool:
        """Given a run, take it out of the queue or ask it to stop. Return whether it was queued or running."""
        with self._changed:
            ticket = self._known.get((kind, run_id))
            if not ticket:
                return False
            was_queued = self._taken_out(ticket)
        ticket.cancellation.cancel(reason)
        with self._changed:  # it may have stopped by itself meanwhile, to wait again
            was_queued = was_queued or self._taken_out(ticket)
        if was_queued:
            self._dropped(ticket)
        return True

    def wake(self) -> None:
        """Look again who may begin: the clock was set, or the rules have changed."""
        with self._changed:
            self._changed.notify_all()

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

    def held_jobs(self) -> set[int]:
        """Return the jobs of which a backup waits for its time, and not for a place."""
        with self._changed:
            return {
                ticket.job_id for ticket in self._queued if ticket.job_id is not None and self._hold(ticket)
            }

    def waiting(self) -> dict[tuple[Kind, int], Waiting]:
        """Return for each run that waits its position and the reason."""
        with self._changed:
            taken, told, position = Taken(self._running, self._places), {}, 0
            for ticket in self._queued:
                if hold := self._hold(ticket):
                    told[ticket.kind, ticket.run_id] = Waiting(hold.reason)
                else:
                    position += 1
                    why = taken.why_not(ticket, self._rules.places) or 'It begins in a moment.'
                    told[ticket.kind, ticket.run_id] = Waiting(why, position)
            return told

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
            again = False
            try:
                again = bool(self._guarded(self._execute, ticket))
            finally:
                self._put_back(ticket, again=again)

    def _put_back(self, ticket: Ticket, *, again: bool) -> None:
        with self._changed:
            self._running.remove(ticket)
            stopped = self._stopping or ticket.cancellation.requested
            if again and not stopped:
                self._queued.add(ticket)
            else:
                del self._known[ticket.kind, ticket.run_id]
            self._changed.notify_all()
        if again and stopped:
            self._guarded(self._dropped, ticket)

    def _take(self) -> Ticket | None:
        """Wait for a ticket that may start and return it; None when the queue is being stopped."""
        with self._changed:
            while not self._stopping:
                ticket, wait_s = self._next()
                if ticket:
                    self._queued.serve(ticket)
                    self._running.append(ticket)
                    return ticket
                self._changed.wait(wait_s)
        return None

    def _next(self) -> tuple[Ticket | None, float]:
        """Return the ticket that may begin now, and else how many seconds to wait before the next look."""
        taken, wait_s = Taken(self._running, self._places), LONGEST_WAIT_S
        for ticket in self._queued:
            if hold := self._hold(ticket):
                wait_s = min(wait_s, max(0.1, (hold.until - self._rules.now()).total_seconds()))
            elif not taken.why_not(ticket, self._rules.places):
                return ticket, 0
        return None, wait_s

    def _hold(self, ticket: Ticket) -> Hold | None:
        if ticket.not_before and timedelta(0) < ticket.not_before - self._rules.now() <= LONGEST_HOLD:
            return Hold(ticket.reason, ticket.not_before)
        return self._rules.held(ticket)

    def _taken_out(self, ticket: Ticket) -> bool:
        if ticket not in self._queued:
            return False
        self._queued.remove(ticket)
        del self._known[ticket.kind, ticket.run_id]
        self._changed.notify_all()  # a verification may have waited for it
        return True

    def _guarded(self, action: Callable[[Ticket], bool | None], ticket: Ticket) -> bool | None:
        try:
            return action(ticket)
        except Exception:
            logger.exception('The %s %d raised an error that nobody handled.', ticket.kind, ticket.run_id)
            return None
