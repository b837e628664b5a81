"""What PLUMBUS tells of itself: numbers, health, its public key."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from plumbus import __version__
from plumbus.backup import stats
from plumbus.backup.capabilities import FileSystem, Rsync
from plumbus.backup.days import DayResult, Days, Place
from plumbus.backup.growth import Growth
from plumbus.backup.shortcomings import shortcomings_of_disk, shortcomings_of_rsync
from plumbus.errors import StoreError
from plumbus.model import Backup, Client
from plumbus.notify.report import forecast
from plumbus.scheduling.queue import RunQueue, Ticket
from plumbus.services.jobs import Jobs
from plumbus.store.database import Database
from plumbus.store.derived import Derived
from plumbus.store.documents import Documents
from plumbus.transfer.keys import Keys
from plumbus.transfer.onboarding import dedicated_command, login_command, rsync_only_command

log = logging.getLogger(__name__)

RESTART = 'Restart PLUMBUS, and look into logs/plumbus.log.'


@dataclass(frozen=True, slots=True)
class PublicKey:
    """PLUMBUS's own key, and lines to paste on a client that let it in: `install_command` as the login that runs it,
    `dedicated_command` as a user of its own that may run rsync as root, `rsync_command` as the login, for rsync alone."""

    public_key: str
    install_command: str
    dedicated_command: str = ''
    rsync_command: str = ''


@dataclass(frozen=True, kw_only=True, slots=True)
class Lately:
    """What became of the backups of the last 30 days (and a few more), by client and day; and of each job the newest backup that
    has ended and was not cancelled. These records are shared: nobody may change them."""

    days: Mapping[Place, DayResult]
    last: Mapping[int, Backup]


@dataclass(kw_only=True, slots=True)
class System:
    """Every call blocks until it is done."""

    data_dir: Path
    database: Database
    clients: Documents[Client]
    backups: Documents[Backup]
    jobs: Jobs
    queue: RunQueue
    keys: Keys
    tool: Rsync
    disk: FileSystem
    scheduler_alive: Callable[[], bool]
    now: Callable[[], datetime]
    version: str = __version__
    reserve_percent: float = 0.0
    figures: stats.Figures = field(default_factory=stats.Figures)
    _days: Days = field(init=False)
    _last: Derived[Backup] = field(init=False)

    def __post_init__(self) -> None:
        self._days, self._last = Days(self.jobs.zone, self.now), Derived(self.backups, Backup.model_validate)
        self.backups.watch(self.figures)
        self.backups.watch(self._days)

    def warn(self) -> None:
        """At the start: tell in the log what is not as it should be with this machine's tools and disk."""
        for warning in self.storage()['warnings']:
            log.warning('%s', warning)

    def storage(self) -> dict[str, Any]:
        """Return what this machine's rsync and the disk of the snapshots can keep, with warnings in plain words."""
        return {
            'rsync_version': self.tool.version,
            'file_system': asdict(self.disk),
            'warnings': storage_warnings(self.tool, self.disk),
        }

    def stats(self) -> dict[str, Any]:
        """Return the numbers of GET /api/stats: counts, bytes, percent."""
        jobs = self.jobs.jobs
        return {
            'total_clients': self.clients.count(),
            'total_jobs': jobs.count(),
            'enabled_jobs': jobs.count(match={'enabled': True}),
            **self._of_backups(),
            **stats.disk_space(self.data_dir / 'backups'),
            'running': _backups_and_restores(self.queue.running()),
            'queued': _backups_and_restores(self.queue.queued()),
            'overdue_jobs': len(self.jobs.overdue()),
            'version': self.version,
        }

    def lately(self) -> Lately:
        """Return how the backups went lately, without a look at the whole history."""
        with self.database.lock:
            newest, days = self.backups.newest_ids('tried_of'), self._days.results()
        read = self._last.of(newest.values())
        return Lately(
            days=days, last={job_id: read[number] for job_id, number in newest.items() if number in read}
        )

    def sizes(self) -> dict[int, int]:
        """Return the bytes of the newest snapshot of each job that has one."""
        with self.database.lock:
            return self.figures.newest_sizes()

    def _of_backups(self) -> dict[str, Any]:
        with self.database.lock:
            good = self.backups.count(match={'status': stats.GOOD})  # it also takes in what others changed
            figures = self.figures
            return {
                'total_backups': self.backups.count(match={'status': stats.ENDED}),
                'successful_backups': good,
                'failed_backups': self.backups.count(match={'status': stats.FAILED}),
                'success_rate': figures.success_rate(self.now()),
                **dict(
                    zip(('successful_30_days', 'failed_30_days'), figures.lately(self.now()), strict=True)
                ),
                'total_size_bytes': figures.size_bytes,
                'total_size_gb': round(figures.size_bytes / 10**9, 2),
                'protected_bytes': figures.protected_bytes,
                'disk_bytes': figures.disk_bytes,
                'disk_trend': figures.growth.trend(self.now(), figures.disk_bytes),
                'disk_forecast': self._forecast(figures.growth),
            }

    def _forecast(self, growth: Growth) -> str:
        free, total = stats.room(self.data_dir / 'backups')
        return forecast(growth.steps(), free - total * self.reserve_percent / 100, self.now())

    def health(self) -> None:
        """Raise StoreError if the store cannot be written, or the scheduler or all workers are dead; return if all is well."""
        self.check_store()
        if not self.scheduler_alive():
            raise StoreError('The scheduler has stopped.', RESTART)
        if not self.queue.alive:
            raise StoreError('All workers have stopped, so no backup can run.', RESTART)

    def check_store(self) -> None:
        """Raise StoreError if the store cannot be read or written."""
        self.database.check_readable()
        self.database.check_writable()

    def public_key(self) -> PublicKey:
        """Return PLUMBUS's own key and how to install it."""
        key = self.keys.public_key
        return PublicKey(key, login_command(key), dedicated_command(key), rsync_only_command(key))


def _backups_and_restores(tickets: Iterable[Ticket]) -> int:
    return sum(ticket.kind != 'verify' for ticket in tickets)


def storage_warnings(tool: Rsync, disk: FileSystem) -> list[str]:
    """Given this machine's rsync and disk, return a sentence with a remedy for each thing that costs safety or truth."""
    return [str(one) for one in (*shortcomings_of_rsync(tool), *shortcomings_of_disk(disk))]
