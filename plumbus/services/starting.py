"""How a job becomes a backup in the queue: one because somebody wants it, or all that are due, in one write."""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from plumbus.backup.patience import BY_HAND
from plumbus.errors import Conflict
from plumbus.events import Changed, EventBus
from plumbus.model import Backup, Client, Job, Trigger
from plumbus.scheduling.queue import Priority, RunQueue, Ticket
from plumbus.store.documents import Documents

log = logging.getLogger(__name__)


def job_key(job_id: int) -> str:
    """Given a job, return what must not run twice at once."""
    return f'job:{job_id}'


@dataclass(kw_only=True, slots=True)
class Starting:
    """Every call blocks until it is done. Never two unfinished backups of one job."""

    jobs: Documents[Job]
    clients: Documents[Client]
    backups: Documents[Backup]
    queue: RunQueue
    events: EventBus
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, job_id: int, trigger: Trigger) -> Backup:
        """Given a job, queue a backup of it and return its record. Raise NotFound, or Conflict if one is unfinished."""
        job = self.jobs.get(job_id)
        client = self.clients.get(job.client_id)
        with self._lock:
            if self.is_busy(job_id):
                raise Conflict(
                    f'A backup of {job.name} is queued or running already.', 'Wait for its end, or cancel it.'
                )
            backup = self.backups.add(_new(job, client, trigger))
            self._tell(backup)
            self.enqueue(backup)
        return backup

    def run_all(self, wanted: Mapping[int, Trigger]) -> list[Backup]:
        """Given jobs, queue a backup of each and return their records. Those that are gone or busy are left out.

        All records come in one write, or none.
        """
        with self._lock:
            tickets = {ticket.key for ticket in self.queue.tickets()}
            busy = {job_id for job_id in wanted if job_key(job_id) in tickets and self.is_busy(job_id)}
            for job_id in sorted(busy):
                log.info('Job %d was due but not started: its last backup has not ended yet.', job_id)
            with self.backups.transaction():
                new = self._new_ones({job_id: wanted[job_id] for job_id in wanted if job_id not in busy})
                backups = self.backups.add_all(new) if new else []
            for backup in backups:
                self._tell(backup)
            self.queue.submit_all([_ticket(backup) for backup in backups])
        return backups

    def enqueue(self, backup: Backup) -> None:
        """Given a backup's record, put it into the queue; one that a person asked for goes first."""
        self.queue.submit(_ticket(backup))

    def is_busy(self, job_id: int) -> bool:
        """Whether a backup of the job is queued or running."""
        # A run whose record is final may not have left its worker yet; the next one may wait behind it.
        if not self.queue.busy(job_key(job_id)):
            return False
        tickets = [ticket for ticket in self.queue.tickets() if ticket.key == job_key(job_id)]
        runs = [self.backups.find(ticket.run_id) for ticket in tickets]
        return any(run and not run.status.finished for run in runs)

    def _new_ones(self, wanted: Mapping[int, Trigger]) -> list[Backup]:
        jobs = [job for job_id in wanted if (job := self.jobs.find(job_id))]
        clients = {client_id: self.clients.find(client_id) for client_id in {job.client_id for job in jobs}}
        return [
            _new(job, client, wanted[job.id])
            for job in jobs
            if (client := clients[job.client_id]) is not None
        ]

    def _tell(self, backup: Backup) -> None:
        self.events.publish(Changed(noun='backup', id=backup.id, action='created'))


def _new(job: Job, client: Client, trigger: Trigger) -> Backup:
    return Backup(
        job_id=job.id, job_name=job.name, client_id=client.id, client_name=client.name, trigger=trigger
    )


def _ticket(backup: Backup) -> Ticket:
    return Ticket(
        kind='backup',
        run_id=backup.id,
        key=job_key(backup.job_id),
        priority=Priority.MANUAL if backup.trigger in BY_HAND else Priority.PLANNED,
        client_id=backup.client_id,
        job_id=backup.job_id,
        not_before=backup.next_try,
        reason=backup.queued_reason or '',
    )
