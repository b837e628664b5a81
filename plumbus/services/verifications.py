"""What a user can do with verifications, and which snapshots are verified by night: those it was longest ago for."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from plumbus.backup.snapshots import Snapshots
from plumbus.backup.standing import moment
from plumbus.errors import Conflict, NotFound
from plumbus.events import Changed
from plumbus.model import Backup, Page, Status, Trigger, Verification
from plumbus.scheduling.queue import Priority, Ticket
from plumbus.services.runs import Runs
from plumbus.store.documents import Documents

UNFINISHED = frozenset({Status.QUEUED, Status.RUNNING})
GOOD = frozenset({Status.COMPLETED, Status.WARNING})
KEPT_OF_EACH = 10
EVERYTHING = 10**9
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(kw_only=True, slots=True)
class Verifications(Runs[Verification]):
    """The verifications. `share_percent`: how much of what the snapshots take on disk is read again each night."""

    backups: Documents[Backup]
    snapshots: Snapshots
    share_percent: float
    _starting: threading.Lock = field(default_factory=threading.Lock)

    def start(self, backup_id: int, trigger: Trigger = Trigger.MANUAL) -> Verification:
        """Given a backup, queue a verification of its snapshot and return its record.

        Raise NotFound if it has no snapshot, Conflict if it is being verified already.
        """
        backup = self.backups.get(backup_id)
        with self._starting, self.records.transaction():  # nobody takes the snapshot away from here on
            self.snapshots.at(backup.backup_path)
            if self._unfinished(backup_id):
                raise Conflict('This backup is being verified already.', 'Wait for the end of that.')
            verification = self.records.add(
                Verification(
                    backup_id=backup_id,
                    job_id=backup.job_id,
                    job_name=backup.job_name,
                    client_id=backup.client_id,
                    client_name=backup.client_name,
                    trigger=trigger,
                )
            )
            self.events.publish(Changed(noun='verify', id=verification.id, action='created'))
            self.enqueue(verification)
        return verification

    def enqueue(self, verification: Verification) -> None:
        """Given a record, put it into the queue behind backups and restores. Two never run at once, but for one that
        someone asked for beside one of the night."""
        by_night = verification.trigger is Trigger.SCHEDULE
        self.queue.submit(
            Ticket(
                kind='verify',
                run_id=verification.id,
                key='verify:night' if by_night else 'verify',
                priority=Priority.SPARE_TIME if by_night else Priority.VERIFY,
            )
        )

    def of_backup(self, backup_id: int, limit: int = 100, offset: int = 0) -> Page[Verification]:
        """Given a backup, return a page of its verifications, newest first."""
        found = self.records.select(match={'backup_id': backup_id}, limit=limit, offset=offset)
        return Page(self.with_places(found.items), found.total)

    def start_share(self) -> list[Verification]:
        """At night: queue the verifications that are due. None while some of the last night are not through."""
        self._forget_old()
        if any(run.trigger is Trigger.SCHEDULE for run in self._unfinished()):
            return []
        started = []
        for backup in share(self._verifiable(), self.share_percent, self._failed_at()):
            with suppress(Conflict, NotFound):
                started.append(self.start(backup.id, Trigger.SCHEDULE))
        return started

    def _verifiable(self) -> Iterator['Candidate']:
        for raw in self.backups.raw({'kept': True, 'status': GOOD}):
            with suppress(NotFound):
                if self.snapshots.at(raw['backup_path']).manifest.exists():
                    verified_at = moment(raw.get('verified_at'))
                    yield Candidate(
                        raw['id'], verified_at, raw.get('disk_bytes', 0), raw.get('size_bytes', 0)
                    )

    def _failed_at(self) -> dict[int, datetime]:
        failed = self.records.each({'status': Status.FAILED})
        return {run.backup_id: run.created_at for run in failed if run.created_at}

    def _unfinished(self, backup_id: int | None = None) -> list[Verification]:
        of_backup = {} if backup_id is None else {'backup_id': backup_id}
        return self.records.all({'status': UNFINISHED, **of_backup})

    def _forget_old(self) -> None:
        """Keep the last few of each backup that is still there, so that history does not grow by verifying."""
        seen: dict[int, int] = {}
        for run in self.records.select(limit=EVERYTHING).items:
            seen[run.backup_id] = seen.get(run.backup_id, 0) + 1
            gone = not self.backups.exists(run.backup_id)
            if run.status.finished and (gone or seen[run.backup_id] > KEPT_OF_EACH):
                self.logs.delete('verify', run.id)
                self.records.remove(run.id)
                self.events.publish(Changed(noun='verify', id=run.id, action='deleted'))


class Candidate(NamedTuple):
    """What decides whether a backup is verified this night."""

    id: int
    verified_at: datetime | None
    disk_bytes: int
    size_bytes: int


def share(backups: Iterable[Candidate], percent: float, failed_at: Mapping[int, datetime]) -> list[Candidate]:
    """Given backups with a snapshot, and when verifying them failed, return those to verify this night.

    They are the ones whose turn was longest ago, as long as all their bytes together are less than that share (percent)
    of what all snapshots take on disk; at least one, unless the share is 0.
    """

    def turn(backup: Candidate) -> tuple[datetime, int]:
        return max(backup.verified_at or NEVER, failed_at.get(backup.id, NEVER)), backup.id

    candidates = sorted(backups, key=turn)
    left = sum(backup.disk_bytes for backup in candidates) * percent / 100
    chosen: list[Candidate] = []
    for backup in candidates if percent else []:
        if chosen and backup.size_bytes > left:
            break
        chosen.append(backup)
        left -= backup.size_bytes
    return chosen
