"""What a user can do with backups besides watching them: note, pin, delete, look inside."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

from plumbus.backup.archives import Format
from plumbus.backup.compare import Difference, compare
from plumbus.backup.download import Download, download_archive, download_file, is_folder
from plumbus.backup.explore import FileList, list_files
from plumbus.backup.folders import BY_NAME, Folders, Order
from plumbus.backup.preview import Preview, image, preview
from plumbus.backup.snapshots import Snapshot, Snapshots
from plumbus.backup.textdiff import TextDifference, text_difference
from plumbus.backup.versions import Dated, Version, versions
from plumbus.errors import Conflict, NotFound, StoreError
from plumbus.events import Changed
from plumbus.model import Backup, Page, Status, checked
from plumbus.model.fields import Note
from plumbus.services.plain import PlainForm
from plumbus.services.records import revision_of
from plumbus.services.removal import Removal
from plumbus.services.runs import Runs, matching

MOST_BACKUPS = 100_000
CHANGING = frozenset({Status.QUEUED, Status.RUNNING})
FORM = PlainForm(Backup)
log = logging.getLogger(__name__)


class BackupFields(BaseModel):
    """What a user sets on a backup."""

    pinned: bool | None = None
    suspicious: bool | None = None
    note: Note | None = None


@dataclass(kw_only=True, slots=True)
class Backups(Runs[Backup]):
    """The backups and their snapshots."""

    snapshots: Snapshots
    removal: Removal
    _folders: Folders = field(default_factory=Folders)

    def plain_page(
        self,
        *,
        client_id: int | None = None,
        job_id: int | None = None,
        status: str | None = None,
        search: str = '',
        limit: int = 100,
        offset: int = 0,
    ) -> Page[dict[str, Any]]:
        """As `page`, as the fields that JSON is made of: records are read only where they still change."""
        match = matching(client_id, job_id, status, search)
        page = self.records.raw_page(match, limit=limit, offset=offset)
        found = [self.records.find(raw['id']) for raw in page.items if raw.get('status') in CHANGING]
        shown = {run.id: run.model_dump() for run in self.with_places([run for run in found if run])}
        return Page([shown.get(raw['id']) or FORM.of(raw) for raw in page.items], page.total)

    def hold_snapshots(self) -> bool:
        """Whether any record tells of a snapshot on disk."""
        return self.records.count(match={'kept': True}) > 0

    def edit(self, backup_id: int, fields: Mapping[str, Any]) -> Backup:
        """Given `pinned`, `note` or `suspicious`, change them and return the record. Raise InvalidInput."""
        self.records.get(backup_id)
        changes = checked(BackupFields, fields).model_dump(exclude_none=True)
        backup = self.records.edit(backup_id, changes, revision_of(fields))
        self._note(backup, changes)
        self.events.publish(Changed(noun='backup', id=backup_id, action='updated'))
        return self.get(backup_id)

    def _note(self, backup: Backup, changes: Mapping[str, Any]) -> None:
        """Keep it beside the snapshot as well: with the database gone, a pinned one must still be pinned."""
        try:
            self.snapshots.note(self.snapshots.at(backup.backup_path), changes)
        except NotFound:
            pass  # it left no snapshot
        except (StoreError, OSError) as error:
            log.warning('What was changed about backup %d is in the database alone: %s', backup.id, error)

    def delete(self, backup_id: int) -> None:
        """Given a backup, delete its snapshot, log and record. Raise Conflict while it is queued, running, pinned or needed."""
        backup = self.records.get(backup_id)
        if not backup.status.finished:
            raise Conflict('This backup is queued or running.', 'Cancel it first.')
        self.removal.delete(backup)
        self.logs.delete('backup', backup_id)

    def files(
        self,
        backup_id: int,
        path: str = '/',
        *,
        limit: int = 1000,
        offset: int = 0,
        recursive: bool = False,
        search: str = '',
        order: Order = BY_NAME,
    ) -> FileList:
        """Given a folder in a backup, return a page of what it holds (see list_files). Raise NotFound."""
        return list_files(
            self.snapshot(backup_id), path, limit=limit, offset=offset, recursive=recursive, search=search,
            order=order, folders=self._folders,
        )  # fmt: skip

    def download(
        self,
        backup_id: int,
        paths: Sequence[str],
        form: Format | None = None,
        *,
        wanted: str = '',
        condition: str = '',
    ) -> Download:
        """Given paths in a backup, return them as an archive; without a format a single plain file as it is, else a zip.

        `wanted` and `condition` are the headers Range and If-Range. Raise NotFound, RangeNotSatisfiable. Whoever gets it
        must read its chunks to the end or close them.
        """
        snapshot = self.snapshot(backup_id)
        if form is None and len(paths) == 1 and not is_folder(snapshot, paths[0]):
            download = download_file(snapshot, paths[0], wanted, condition)
        else:
            download = download_archive(snapshot, paths, form or 'zip', f'backup-{backup_id}')
        return replace(download, chunks=self._held(backup_id, download.chunks))

    def _held(self, backup_id: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
        with self.removal.held(backup_id):
            yield from chunks

    def diff(
        self, backup_id: int, against: int, path: str = '/', *, limit: int = 1000, offset: int = 0
    ) -> Difference:
        """Return what is other in a backup than in an earlier one (`against`), below a folder. Raise NotFound."""
        before, after = self.snapshot(against), self.snapshot(backup_id)
        return compare(before, after, path, limit=limit, offset=offset)

    def text_diff(self, backup_id: int, against: int, path: str) -> TextDifference:
        """Return line by line what is other in a file of a backup than in the same file of another one. Raise NotFound."""
        return text_difference(self.snapshot(against), self.snapshot(backup_id), path)

    def preview(self, backup_id: int, path: str) -> Preview:
        """Return what can be shown of a file in a backup. Raise NotFound if there is no plain file."""
        return preview(self.snapshot(backup_id), path)

    def image(self, backup_id: int, path: str) -> tuple[str, int, Iterator[bytes]]:
        """Return media type, size and content of a picture in a backup. Raise NotFound if there is none of a safe kind."""
        return image(self.snapshot(backup_id), path)

    def versions(self, job_id: int, path: str) -> list[Version]:
        """Return every distinct version of a file that a job's backups hold, the newest first. Raise NotFound."""
        return versions(self._dated(job_id), path)

    def timeline(self, job_id: int) -> list[Backup]:
        """Given a job, return its backups that have a snapshot, oldest first."""
        return self.records.all({'job_id': job_id, 'kept': True})

    def _dated(self, job_id: int) -> Iterator[Dated]:
        for backup in self.timeline(job_id):
            with suppress(NotFound):
                snapshot, time = self.snapshots.at(backup.backup_path), backup.start_time or backup.created_at
                if time:
                    yield Dated(backup.id, time, snapshot)

    def snapshot(self, backup_id: int) -> Snapshot:
        """Given a backup, return its snapshot. Raise NotFound if there is no such backup, or nothing of it on disk."""
        return self.snapshots.at(self.records.get(backup_id).backup_path)
