"""What the queue asks before a run begins. Kept in memory, for the queue must wait for nothing; edits are heard on the bus."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from plumbus.backup.patience import clock_time
from plumbus.config import Settings
from plumbus.events import Changed, Event
from plumbus.model import Client, Job
from plumbus.model.hours import Quiet, QuietHours, strictest
from plumbus.scheduling.line import Priority, Ticket
from plumbus.scheduling.rules import Hold
from plumbus.store.documents import Documents
from plumbus.store.opened import Store

BY_HAND = frozenset({Priority.MANUAL, Priority.VERIFY})


@dataclass(kw_only=True, slots=True)
class Admission:
    """`client_parallel`: how many backups of one client run at once, unless the client itself says otherwise.

    `everywhere`: quiet hours of all jobs, besides their own; `zone`: that of jobs that name none.
    """

    clients: Documents[Client]
    jobs: Documents[Job]
    client_parallel: int
    everywhere: QuietHours | None
    zone: ZoneInfo
    now: Callable[[], datetime]
    _places: dict[int, int] = field(default_factory=dict)
    _hours: dict[int, QuietHours] = field(default_factory=dict)

    def load(self) -> None:
        """Learn what is stored."""
        for raw in self.clients.raw():
            if raw.get('max_parallel'):
                self._learn_client(raw['id'], self.clients.find(raw['id']))
        for raw in self.jobs.raw():
            if raw.get('quiet_hours'):
                self._learn_job(raw['id'], self.jobs.find(raw['id']))

    def heard(self, event: Event) -> bool:
        """Given an event, learn what it has changed. Return whether others may begin now."""
        if not isinstance(event, Changed):
            return False
        if event.noun == 'client':
            self._learn_client(event.id, self.clients.find(event.id))
        elif event.noun == 'job':
            self._learn_job(event.id, self.jobs.find(event.id))
        return event.noun in {'client', 'job'}

    def places(self, client_id: int) -> int:
        """Given a client, return how many of its backups may run at once."""
        return self._places.get(client_id, self.client_parallel)

    def quiet(self, job_id: int | None) -> Quiet | None:
        """Given a job (or none: what belongs to no job), return until when it has quiet hours; None if it has none now."""
        own = self._hours.get(job_id) if job_id else None
        now = self.now()
        found = [hours.quiet(now) for hours in (self.everywhere, own) if hours]
        return strictest([quiet for quiet in found if quiet])

    def held(self, ticket: Ticket) -> Hold | None:
        """Given a ticket, return why it may not begin yet. What a person has asked for always may."""
        if ticket.priority in BY_HAND:
            return None
        quiet = self.quiet(ticket.job_id)
        if quiet is None:
            return None
        zone = self._hours[ticket.job_id].zone if ticket.job_id in self._hours else self.zone
        return Hold(f'Quiet hours until {clock_time(quiet.until, self.now(), zone)}.', quiet.until)

    def _learn_client(self, client_id: int, client: Client | None) -> None:
        if client and client.max_parallel:
            self._places[client_id] = client.max_parallel
        else:
            self._places.pop(client_id, None)

    def _learn_job(self, job_id: int, job: Job | None) -> None:
        if job and job.quiet_hours:
            self._hours[job_id] = QuietHours(
                text=job.quiet_hours,
                zone=ZoneInfo(job.timezone) if job.timezone else self.zone,
                action=job.quiet_action,
                limit_kib=job.quiet_limit_kib,
            )
        else:
            self._hours.pop(job_id, None)


def made_admission(store: Store, settings: Settings, now: Callable[[], datetime]) -> Admission:
    """Given the settings, return what goes by them; it knows nothing stored before `load`."""
    everywhere = None
    if settings.quiet_hours:
        everywhere = QuietHours(
            text=settings.quiet_hours,
            zone=settings.zone,
            action=settings.quiet_action,
            limit_kib=settings.quiet_limit_kib,
        )
    return Admission(
        clients=store.clients,
        jobs=store.jobs,
        client_parallel=settings.client_parallel,
        everywhere=everywhere,
        zone=settings.zone,
        now=now,
    )
