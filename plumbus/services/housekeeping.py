"""What happens by itself in the background: pruning after each backup and once a day, history, and removing files."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from plumbus.backup.prune import Sweeper
from plumbus.cancellation import Cancellation, Witness, unnoted
from plumbus.model import Backup
from plumbus.scheduling.background import Background
from plumbus.services.history import History
from plumbus.services.retaining import Retaining

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Housekeeping:
    """Two threads: one decides what goes and keeps the database short (`tidy`), the other removes files, which may take hours."""

    retaining: Retaining
    history: History
    sweeper: Sweeper
    tidy: Callable[[], None]
    witness: Witness = unnoted
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _due: set[int] = field(default_factory=set)
    _looked_at_all: float | None = None
    _deciding: Background = field(init=False)
    _sweeping: Background = field(init=False)

    def __post_init__(self) -> None:
        self._deciding = Background('retention', self._decide, HOUR_S)
        self._sweeping = Background('sweeper', self.sweeper.sweep, HOUR_S, self.witness)

    def start(self) -> None:
        """Begin: with what was left when PLUMBUS was stopped, and with all jobs."""
        try:
            self.sweeper.settle_all()
        except OSError as error:
            log.warning('The folders of the snapshots cannot be listed: %s', error)
        self._sweeping.start()
        self._deciding.start()

    def stop(self, reason: str, timeout_s: float) -> None:
        """Stop both threads; what is left is done after the next start."""
        self._deciding.stop(reason, timeout_s)
        self._sweeping.stop(reason, timeout_s)

    def sweep(self) -> None:
        """There may be something to remove from the disk. Returns at once."""
        self._sweeping.wake()

    def ended(self, backup: Backup | None) -> None:
        """Given a backup that has ended, prune its job if it left a snapshot. Returns at once."""
        self.sweep()  # a run may have put aside what it did not need
        if backup and backup.status.good:
            with self._lock:
                self._due.add(backup.job_id)
            self._deciding.wake()

    def _decide(self, cancellation: Cancellation) -> None:
        with self._lock:
            due, self._due = self._due, set()
        for job_id in sorted(due):
            cancellation.check()
            self.retaining.prune_after_backup(job_id)
        moment = time.monotonic()
        if self._looked_at_all is None or moment - self._looked_at_all >= DAY_S:
            self._looked_at_all = moment
            self.retaining.prune_all(cancellation.check)
            self.history.expire()
        self.tidy()
