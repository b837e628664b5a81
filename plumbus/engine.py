"""Puts the engine together, and is the only door that the API and the pages go through."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from plumbus.backup.capabilities import local_options
from plumbus.backup.execution import INTERRUPTED, Execution
from plumbus.backup.reporting import LiveRuns
from plumbus.backup.restore import RestoreRunner
from plumbus.backup.runner import BackupRunner
from plumbus.backup.snapshots import Snapshots
from plumbus.backup.targets import Targets
from plumbus.config import Settings
from plumbus.errors import Conflict
from plumbus.events import EventBus
from plumbus.model import Backup, Client, Job, Restore, Trigger
from plumbus.scheduling.queue import RunQueue, Ticket
from plumbus.scheduling.scheduler import Scheduler
from plumbus.services.accounts import Accounts
from plumbus.services.backups import Backups
from plumbus.services.clients import Clients
from plumbus.services.jobs import Jobs
from plumbus.services.reconcile import settle_leftovers
from plumbus.services.restores import Restores
from plumbus.services.system import System
from plumbus.store.database import Database
from plumbus.store.documents import Documents, utc_now
from plumbus.store.runlog import RunLogs
from plumbus.store.vault import Vault, load_key
from plumbus.transfer.keys import Keys

log = logging.getLogger(__name__)


class Engine:
    """Built from settings; nothing runs before `start()`. Services: clients, jobs, backups, restores, accounts, system."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self.events = EventBus()
        data_dir = settings.data_dir.resolve()
        database = Database(data_dir / 'db')
        keys = Keys(data_dir / 'keys')
        vault = Vault(database, load_key(settings.secret_key, data_dir / 'keys' / 'secret.key'))
        clients = Documents(database, 'clients', Client, clock)
        jobs = Documents(database, 'jobs', Job, clock)
        backups = Documents(database, 'backups', Backup, clock)
        restores = Documents(database, 'restores', Restore, clock)
        logs, live = RunLogs(data_dir / 'logs'), LiveRuns()
        targets, snapshots = Targets(clients, vault, keys), Snapshots(data_dir)

        self._queue = RunQueue(settings.max_parallel, self._execute, self._dropped)
        self._scheduler = Scheduler(clock, self._planned_jobs, self._fire)
        options = local_options(data_dir)
        self._backup_runner = BackupRunner(
            clients=clients,
            jobs=jobs,
            targets=targets,
            snapshots=snapshots,
            options=options,
            execution=Execution(
                kind='backup', records=backups, logs=logs, events=self.events, live=live, now=clock
            ),
        )
        self._restore_runner = RestoreRunner(
            clients=clients,
            backups=backups,
            targets=targets,
            snapshots=snapshots,
            options=options,
            execution=Execution(
                kind='restore', records=restores, logs=logs, events=self.events, live=live, now=clock
            ),
        )

        self.accounts = Accounts(database, settings, clock)
        self.jobs = Jobs(
            jobs=jobs,
            clients=clients,
            backups=backups,
            snapshots=snapshots,
            logs=logs,
            queue=self._queue,
            plan=self._scheduler,
            events=self.events,
            now=clock,
            zone=settings.zone,
        )
        self.clients = Clients(clients, vault, targets, self.jobs, self.events)
        self.backups = Backups(
            kind='backup',
            records=backups,
            logs=logs,
            live=live,
            queue=self._queue,
            events=self.events,
            snapshots=snapshots,
        )
        self.restores = Restores(
            kind='restore',
            records=restores,
            logs=logs,
            live=live,
            queue=self._queue,
            events=self.events,
            backups=backups,
            clients=clients,
            snapshots=snapshots,
        )
        self.system = System(
            data_dir=data_dir,
            database=database,
            clients=clients,
            backups=backups,
            jobs=self.jobs,
            queue=self._queue,
            keys=keys,
            scheduler_alive=lambda: self._scheduler.alive,
            now=clock,
        )

    def start(self) -> None:
        """Bring the records in line with what is on disk, queue again what waited, and let the threads begin."""
        self.system.check_store()
        self.accounts.prepare()
        settle_leftovers(self.backups, self.restores, self.jobs)
        self._queue.start()
        self._scheduler.start()

    def stop(self) -> None:
        """Start nothing more, stop what runs; it is recorded as interrupted. Takes at most about ten seconds."""
        self._scheduler.stop(timeout_s=2)
        if not self._queue.stop(INTERRUPTED, timeout_s=8):
            log.warning('Not all runs ended in time; the next start settles their records.')

    def _execute(self, ticket: Ticket) -> None:
        runner = self._backup_runner if ticket.kind == 'backup' else self._restore_runner
        runner.execute(ticket.run_id, ticket.cancellation)

    def _dropped(self, ticket: Ticket) -> None:
        if ticket.cancellation.reason != INTERRUPTED:  # else it stays queued and runs after the next start
            runs = self.backups if ticket.kind == 'backup' else self.restores
            runs.dropped(ticket.run_id)

    def _planned_jobs(self) -> Iterable[tuple[int, str, ZoneInfo]]:
        return [
            (job.id, job.schedule, self.jobs.zone_of(job))
            for job in self.jobs.all()
            if job.enabled and job.schedule
        ]

    def _fire(self, job_id: int, _due: datetime) -> None:
        try:
            self.jobs.run(job_id, Trigger.SCHEDULE)
        except Conflict as error:
            log.info('Job %d was due but not started: %s', job_id, error)
