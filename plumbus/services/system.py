"""What PLUMBUS tells of itself: numbers, health, its public key."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from plumbus import __version__
from plumbus.backup import stats
from plumbus.errors import StoreError
from plumbus.model import Backup, Client
from plumbus.scheduling.queue import RunQueue
from plumbus.services.jobs import Jobs
from plumbus.store.database import Database
from plumbus.store.documents import Documents
from plumbus.transfer.keys import Keys


@dataclass(frozen=True, slots=True)
class PublicKey:
    """PLUMBUS's own key, and one line to paste on a client that lets it in."""

    public_key: str
    install_command: str


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
    scheduler_alive: Callable[[], bool]
    now: Callable[[], datetime]
    version: str = __version__

    def stats(self) -> dict[str, Any]:
        """Return the numbers of GET /api/stats: counts, bytes, percent."""
        backups = self.backups.select(limit=10**9).items
        return {
            **stats.summary(self.jobs.jobs.all(), backups, self.clients.count(), self.now()),
            **stats.disk_space(self.data_dir),
            'running': len(self.queue.running()),
            'queued': len(self.queue.queued()),
            'overdue_jobs': len(self.jobs.overdue()),
            'version': self.version,
        }

    def health(self) -> None:
        """Raise StoreError if the store cannot be written or the scheduler is dead; return if all is well."""
        self.check_store()
        if not self.scheduler_alive():
            raise StoreError('The scheduler has stopped.', 'Restart PLUMBUS, and look into logs/plumbus.log.')

    def check_store(self) -> None:
        """Raise StoreError if the store cannot be read or written."""
        self.database.check_readable()
        self.database.check_writable()

    def public_key(self) -> PublicKey:
        """Return PLUMBUS's own key and how to install it."""
        return PublicKey(self.keys.public_key, self.keys.install_command())
