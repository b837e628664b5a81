"""Who may begin: what holds a ticket back for a time, and what the runs of this moment leave to others."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from plumbus.scheduling.line import Ticket

VERIFY_PLACES = 2  # one for verifications that someone asked for, one for those of the night


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a ticket may not begin yet, and until when that is so."""

    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a ticket waits. `position` counts from 1 among those that wait for a place; null: it waits for its time."""

    reason: str
    position: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """Who may begin: `held` tells of a ticket whether its time has not come, `places` how many backups of a client run at once.

    Both are asked with the queue locked, so they must be quick and wait for nothing.
    """

    held: Callable[[Ticket], Hold | None] = lambda _ticket: None
    places: Callable[[int], int] = lambda _client_id: 1_000_000
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


class Taken:
    """What the runs of this moment leave to others. Ask it in the order of the line: verifications see who waits before."""

    def __init__(self, running: Iterable[Ticket], places: int) -> None:
        running = list(running)
        self._places = places
        self._keys = {ticket.key for ticket in running}
        self._verifying = sum(ticket.kind == 'verify' for ticket in running)
        self._others = len(running) - self._verifying
        self._of_client = Counter(ticket.client_id for ticket in running if ticket.kind == 'backup')
        self._waits_for_place = False

    def why_not(self, ticket: Ticket, places_of: Callable[[int], int]) -> str:
        """Given the next ticket of the line, return why it may not begin now; '' if it may."""
        if ticket.key in self._keys:
            return (
                'Another verification runs.'
                if ticket.kind == 'verify'
                else 'The last run of this job has not ended yet.'
            )
        if ticket.kind == 'verify':
            waits = self._waits_for_place or self._verifying >= VERIFY_PLACES
            return 'Backups and restores go first.' if waits else ''
        if ticket.kind == 'backup' and ticket.client_id is not None:
            running = self._of_client[ticket.client_id]
            if running >= places_of(ticket.client_id):
                return f'{"Another backup" if running == 1 else f"{running} backups"} of this client must end first.'
        if self._others >= self._places:
            self._waits_for_place = True
            return (
                'The only place is taken.' if self._places == 1 else f'All {self._places} places are taken.'
            )
        return ''
