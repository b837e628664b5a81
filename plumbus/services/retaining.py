"""What a job's retention keeps and removes: told before it happens, done after each backup and once a day."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, StrictBool

from plumbus.backup.guards import size
from plumbus.backup.retention import Candidate, Kept, Verdict, decide
from plumbus.backup.snapshots import Snapshots
from plumbus.errors import InvalidInput, NotFound, PlumbusError
from plumbus.model import Backup, Job, Retention, checked
from plumbus.model.fields import Timezone
from plumbus.services.jobs import Jobs
from plumbus.services.records import counted
from plumbus.services.removal import Removal
from plumbus.store.documents import Documents

log = logging.getLogger(__name__)


class PruneFields(BaseModel):
    """What a user may say about pruning. `retention` and `timezone`: a policy that is not saved, for a dry run."""

    dry_run: StrictBool = False
    retention: Retention | None = None
    timezone: Timezone | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruning:
    """What stays, newest first, with the reasons, what goes, oldest first, and the bytes that only those hold (null where
    that cannot be told)."""

    keep: Sequence[Kept]
    remove: Sequence[int]
    freed_bytes: int | None


@dataclass(kw_only=True, slots=True)
class Retaining:
    """Every call blocks until it is done; files are removed later, in the background."""

    jobs: Jobs
    backups: Documents[Backup]
    snapshots: Snapshots
    removal: Removal
    now: Callable[[], datetime]

    def prune(self, job_id: int, fields: Mapping[str, Any]) -> Pruning:
        """Given a job, remove what its retention no longer keeps; with `dry_run` only tell what that is, by another policy
        if one is given. Raise NotFound, or InvalidInput naming what is wrong."""
        asked = checked(PruneFields, fields)
        if not asked.dry_run and (asked.retention or asked.timezone):
            raise InvalidInput({'retention': 'can only be tried with dry_run; to use it, save it in the job'})
        job = self.jobs.jobs.get(job_id)
        if asked.dry_run:
            return self.preview(job, asked.retention, asked.timezone)
        with self.removal.one_by_one:
            planned = self.preview(job)
            retired = self._retire(job, planned.remove)
        return _pruned(planned, retired)

    def preview(self, job: Job, retention: Retention | None = None, timezone: str | None = None) -> Pruning:
        """Given a job and perhaps another policy for it, return what would stay and go. Fields left out are the job's."""
        given = retention.model_dump(exclude_unset=True) if retention else {}
        policy = job.retention.model_copy(update=given)
        zone = ZoneInfo(timezone) if timezone else self.jobs.zone_of(job)
        backups = self._with_snapshots(job.id)
        verdict = self._decide(policy, zone, backups)
        return Pruning(
            keep=verdict.keep, remove=verdict.remove, freed_bytes=self._freed(backups, verdict.remove)
        )

    def prune_all(self, keep_going: Callable[[], None]) -> None:
        """Once a day: prune every job. `keep_going` is called in between and may raise to stop."""
        for job in self.jobs.jobs.each():
            keep_going()
            self._prune_quietly(job)

    def prune_after_backup(self, job_id: int) -> None:
        """Given a job that has a new snapshot, remove what it keeps no longer."""
        job = self.jobs.jobs.find(job_id)
        if job:
            self._prune_quietly(job)

    def _prune_quietly(self, job: Job) -> None:
        backups = [] if job.retention == Retention() else self._with_snapshots(job.id)
        if not backups:
            return
        try:
            with self.removal.one_by_one:
                verdict = self._decide(job.retention, self.jobs.zone_of(job), backups)
                self._retire(job, verdict.remove)
        except (PlumbusError, OSError) as error:
            log.warning('Snapshots of %s (job %d) could not be pruned. %s', job.name, job.id, error)

    def _retire(self, job: Job, backup_ids: Iterable[int]) -> list[Backup]:
        retired = [backup for backup in map(self.removal.retire, backup_ids) if backup]
        if retired:
            freed = size(sum(backup.freed_bytes or 0 for backup in retired))
            log.info(
                '%s of %s (job %d) pruned, %s.', counted(len(retired), 'snapshot'), job.name, job.id, freed
            )
        return retired

    def _decide(self, policy: Retention, zone: ZoneInfo, backups: Iterable[Backup]) -> Verdict:
        used = self.removal.in_use()
        candidates = [candidate(backup, in_use=backup.id in used) for backup in backups]
        return decide(policy, candidates, zone, self.now())

    def _with_snapshots(self, job_id: int) -> list[Backup]:
        newest_first = reversed(self.backups.all({'good_of': job_id, 'kept': True}))
        return [backup for backup in newest_first if self._has_snapshot(backup)]

    def _has_snapshot(self, backup: Backup) -> bool:
        with suppress(NotFound):
            return self.snapshots.owns(self.snapshots.at(backup.backup_path))
        return False

    def _freed(self, backups: Iterable[Backup], going: Iterable[int]) -> int | None:
        gone = set(going)
        paths = [self.snapshots.data_dir / str(one.backup_path) for one in backups if one.id in gone]
        if not paths:
            return 0
        return self.removal.freed(paths[0].parent, {path.name for path in paths})


def _pruned(planned: Pruning, retired: Sequence[Backup]) -> Pruning:
    removed = [backup.id for backup in retired]
    needed = [Kept(backup_id, ['in use']) for backup_id in planned.remove if backup_id not in removed]
    freed = [backup.freed_bytes for backup in retired]
    return Pruning(
        keep=[*planned.keep, *needed],
        remove=removed,
        freed_bytes=None if None in freed else sum(filter(None, freed)),
    )


def candidate(backup: Backup, *, in_use: bool = False) -> Candidate:
    """Given a backup with a snapshot, return what retention goes by. A damaged one counts as little as a suspicious one."""
    time = backup.start_time or backup.created_at
    if time is None:
        raise ValueError('a stored backup has a time')
    return Candidate(
        backup_id=backup.id,
        time=time,
        good=not backup.suspicious and backup.verify_status != 'damaged',
        pinned=backup.pinned,
        in_use=in_use,
    )
