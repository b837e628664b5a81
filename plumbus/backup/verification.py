"""One verification: a child reads the snapshot again, and every backup that has part in what it finds says so."""

import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

import plumbus
from plumbus.backup import verify_child
from plumbus.backup.damage import MOST_NOTED, note_damage, noted_damage
from plumbus.backup.execution import Execution
from plumbus.backup.guards import StoreGuard, size
from plumbus.backup.reporting import Reporter, printable, readable
from plumbus.backup.sharing import Sharing, nearest_first
from plumbus.backup.snapshots import Snapshot, Snapshots
from plumbus.cancellation import Cancellation
from plumbus.errors import Cancelled, NotFound, StoreError
from plumbus.events import Changed
from plumbus.failures import failed
from plumbus.model import Backup, Status, Verification
from plumbus.store.documents import Documents
from plumbus.transfer import process, rsync
from plumbus.transfer.names import path_text

MOST_TOLD = 100
SILENCE_S = 900.0  # a failing disk tries again for minutes before it gives up
NO_MANIFEST = 'The list of what belongs to this snapshot (its manifest) is damaged or missing, so nothing can be compared.'
PROGRAM = str(Path(plumbus.__file__).parents[1])
log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class VerifyRunner:
    """Executes verifications; one object serves all worker threads."""

    backups: Documents[Backup]
    snapshots: Snapshots
    store: StoreGuard
    execution: Execution[Verification]

    def execute(self, run_id: int, cancellation: Cancellation) -> None:
        """Given a queued verification, run it to its end. Its record is final afterwards; nothing is raised."""

        def work(reporter: Reporter, _started: datetime) -> dict[str, Any]:
            return self._verify(self.execution.records.get(run_id), reporter, cancellation)

        self.execution.carry_out(run_id, cancellation, work)

    def _verify(
        self, verification: Verification, reporter: Reporter, cancellation: Cancellation
    ) -> dict[str, Any]:
        self.store.check()
        backup = self.backups.get(verification.backup_id)
        snapshot = self.snapshots.at(backup.backup_path)
        reporter.say(
            f'reading {backup.backup_path} again: {backup.file_count} files, {size(backup.size_bytes)}'
        )
        reporter.phase('verifying', bytes_total=backup.size_bytes, files_total=backup.file_count)
        reading = Reading(
            snapshot=snapshot,
            sharing=Sharing(snapshot, self._others(snapshot), cancellation.check),
            reporter=reporter,
            cancellation=cancellation,
            home=self.snapshots.data_dir,
        )
        try:
            reading.run()
        except Cancelled:
            if reading.errors and snapshot.tree.is_dir():  # what was found stays true
                self.store.check()
                self._mark(backup, reading)
            raise
        self.store.check()
        shared = self._mark(backup, reading, verified_at=self.execution.now())
        return self._ending(reading, shared)

    def _others(self, snapshot: Snapshot) -> list[Snapshot]:
        return nearest_first(snapshot, self.snapshots.of(snapshot.path.parent))

    def _mark(self, backup: Backup, reading: 'Reading', **changes: Any) -> list[int]:
        """Store what was found on the backup and on every one that shares a damaged file; return the ids of those."""
        self._note_files(reading)
        status = 'damaged' if reading.errors else 'ok'
        self._store(
            reading.snapshot, backup.id, verify_status=status, verify_errors=reading.errors, **changes
        )
        shared = []
        for snapshot, noted in reading.sharing.noted.items():
            for other in self._backups_of(snapshot):
                errors = [
                    f'{_shown(path)} {what} (found in backup {backup.id}).' for path, what in noted.items()
                ]
                known = [error for error in other.verify_errors if error not in errors]
                told = [*errors, *known][:MOST_TOLD]
                self._store(snapshot, other.id, verify_status='damaged', verify_errors=told)
                shared.append(other.id)
        return sorted(shared)

    def _note_files(self, reading: 'Reading') -> None:
        """For the next run of the job, which must not hand a damaged file on."""
        known = set() if reading.whole else noted_damage(reading.snapshot.path)
        try:
            note_damage(reading.snapshot.path, known | set(reading.damaged))
        except OSError as error:
            log.warning(
                'Which files of %s are damaged could not be noted: %s', reading.snapshot.path.name, error
            )

    def _store(self, snapshot: Snapshot, backup_id: int, **changes: Any) -> None:
        with suppress(NotFound):  # deleted meanwhile
            self.backups.set(backup_id, **changes)
            self.execution.events.publish(Changed(noun='backup', id=backup_id, action='updated'))
        try:
            self.snapshots.note(snapshot, changes)
        except (StoreError, OSError) as error:
            log.warning('The result for backup %d is in the database alone: %s', backup_id, error)

    def _backups_of(self, snapshot: Snapshot) -> Iterable[Backup]:
        path = self.snapshots.relative(snapshot)
        return self.backups.select(lambda raw: raw['backup_path'] == path, match={'kept': True}).items

    def _ending(self, reading: 'Reading', shared: list[int]) -> dict[str, Any]:
        damaged = failed('damaged', count=f'{reading.error_count:,}') if reading.errors else None
        reading.reporter.say(str(damaged) if damaged else f'all is as it was stored: {reading.files} files')
        if shared:
            reading.reporter.say(f'damaged files are shared with the backups {", ".join(map(str, shared))}')
        return {
            'status': Status.WARNING if damaged or reading.warnings else Status.COMPLETED,
            'verify_status': 'damaged' if damaged else 'ok',
            'verify_errors': reading.errors,
            'error_count': reading.error_count,
            'error_message': str(damaged) if damaged else None,
            'cause': damaged.cause if damaged else None,
            'warnings': reading.warnings,
            'size_bytes': reading.bytes_read,
            'file_count': reading.files,
            'shared_with': shared,
        }


@dataclass(kw_only=True, slots=True)
class Reading:
    """The child that reads one snapshot, and what it told."""

    snapshot: Snapshot
    sharing: Sharing
    reporter: Reporter
    cancellation: Cancellation
    home: Path
    bytes_read: int = 0
    files: int = 0
    error_count: int = 0
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    damaged: list[bytes] = field(default_factory=list)
    _new: list[str] = field(default_factory=list)
    _end: str = ''

    def run(self) -> None:
        """Read it all. Raise TransferFailed with the cause if that cannot be done, Cancelled if someone asked to stop."""
        outcome = process.run(
            self._arguments(),
            cancellation=self.cancellation,
            env=rsync.environment(self.home)
            | {'PYTHONPATH': os.pathsep.join([PROGRAM, *filter(None, sys.path)])},
            on_output=self._take,
            on_error=lambda lines: self.reporter.say(*map(readable, lines)),
            idle_timeout_s=SILENCE_S,
        )
        self.cancellation.check()
        if not self.snapshot.tree.is_dir() or self._end == 'gone':
            raise failed('snapshot_gone')
        if outcome.timed_out or self._end == 'disk':
            raise failed('disk_unreadable')
        if self._end == 'manifest':
            self._add(NO_MANIFEST)
            self._log_new()
        elif not self.whole:
            raise failed('internal')
        self.reporter.phase('looking for the same files in other snapshots')
        self.sharing.look_for_further_names()

    @property
    def whole(self) -> bool:
        """Whether it got through to the end."""
        return self._end == 'whole'

    def _arguments(self) -> list[str]:
        told = (str(self.snapshot.tree), str(self.snapshot.manifest), self.snapshot.owners)
        # Its own name may lead through a folder that is closed to this user, or be gone after an upgrade.
        python = shutil.which(sys.executable) or '/proc/self/exe'
        return [python, '-P', '-m', verify_child.__name__, *told]

    def _take(self, lines: list[bytes]) -> None:
        handlers: Mapping[str, Callable[[Any], None]] = {
            'found': self._take_finding, 'at': self._take_place, 'end': self._take_end,
        }  # fmt: skip
        for line in lines:
            for name, told in orjson.loads(line).items():
                handlers[name](told)
        self._log_new()

    def _take_finding(self, told: list[Any]) -> None:
        finding = verify_child.finding_of(told)
        sentence = f'{_shown(finding.path)} {finding.what}.'
        if finding.damaged:
            self._add(sentence)
            self.sharing.look(finding)
            if finding.inode and len(self.damaged) < MOST_NOTED:
                self.damaged.append(finding.path)
        elif len(self.warnings) < MOST_TOLD:
            self.warnings.append(sentence)

    def _take_place(self, told: list[Any]) -> None:
        if not self.snapshot.tree.is_dir():
            raise failed('snapshot_gone')
        path, self.bytes_read, self.files = told
        self.reporter.moved(
            total_bytes=self.bytes_read, files=self.files, current=_shown(bytes.fromhex(path))
        )

    def _take_end(self, told: str) -> None:
        self._end = told

    def _log_new(self) -> None:
        if self._new:
            self.reporter.say(*self._new)
            self._new.clear()

    def _add(self, sentence: str) -> None:
        self.error_count += 1
        self._new.append(sentence)
        if len(self.errors) < MOST_TOLD:
            self.errors.append(sentence)


def _shown(path: bytes) -> str:
    return printable(path_text(b'/' + path))
