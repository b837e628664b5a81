"""The order in which runs wait: by priority, then by turns, so that no client with much work keeps the others waiting."""

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Literal

from plumbus.cancellation import Cancellation

Kind = Literal['backup', 'restore', 'verify']


class Priority(IntEnum):
    """Lower goes first."""

    MANUAL = 0
    PLANNED = 10
    VERIFY = 20
    SPARE_TIME = 30


@dataclass(kw_only=True, slots=True, eq=False)
class Ticket:
    """A place in the queue. `key` names what must not run twice at once, for instance a job.

    Without a `client_id` it belongs to no client's turn and limit. It does not begin before `not_before`, for `reason`.
    """

    kind: Kind
    run_id: int
    key: str
    priority: int = Priority.PLANNED
    client_id: int | None = None
    job_id: int | None = None
    not_before: datetime | None = None
    reason: str = ''
    cancellation: Cancellation = field(default_factory=Cancellation)
    turn: int = 0
    arrival: int = 0


@dataclass(slots=True)
class Line:
    """The tickets that wait, the next one first.

    Each client gets one turn after the other, and one that comes anew gets the turn that is served now: it waits for
    one run of each of the others (two if it was served just now), however many they have in the line.
    """

    _tickets: list[Ticket] = field(default_factory=list)
    _last_turns: dict[tuple[int, int], int] = field(default_factory=dict)
    _served: dict[int, int] = field(default_factory=dict)
    _arrivals: int = 0

    def __iter__(self) -> Iterator[Ticket]:
        return iter(self._tickets)

    def __len__(self) -> int:
        return len(self._tickets)

    def __contains__(self, ticket: Ticket) -> bool:
        return ticket in self._tickets

    def add(self, ticket: Ticket) -> None:
        """Given a ticket, give it its turn and put it into the line."""
        self._arrivals += 1
        ticket.arrival = self._arrivals
        ticket.turn = self._served.get(ticket.priority, 0)
        if ticket.client_id is not None:
            lane = ticket.priority, ticket.client_id
            ticket.turn = max(ticket.turn, self._last_turns.get(lane, -1) + 1)
            self._last_turns[lane] = ticket.turn
        insort(self._tickets, ticket, key=lambda one: (one.priority, one.turn, one.arrival))

    def remove(self, ticket: Ticket) -> None:
        """Given a ticket that waits, take it out."""
        self._tickets.remove(ticket)
        if not self._tickets:
            self._last_turns.clear()
            self._served.clear()

    def serve(self, ticket: Ticket) -> None:
        """Given a ticket that waits and begins now, take it out; whoever comes anew gets its turn."""
        self._served[ticket.priority] = max(self._served.get(ticket.priority, 0), ticket.turn)
        self.remove(ticket)

    def clear(self) -> None:
        """Take out all."""
        for ticket in list(self._tickets):
            self.remove(ticket)
