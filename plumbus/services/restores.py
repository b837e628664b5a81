"""What a user can do with restores: start them, watch them, stop them, take them back."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plumbus.backup.damage import distrusted
from plumbus.backup.explore import tree_path
from plumbus.backup.restore import ONLY_RSYNC
from plumbus.backup.snapshots import Snapshot, Snapshots
from plumbus.errors import Conflict, InvalidInput, NotFound
from plumbus.events import Changed
from plumbus.model import Backup, Client, Page, Restore, RestoreRequest, Status, checked
from plumbus.scheduling.queue import Priority, Ticket
from plumbus.services.runs import Runs
from plumbus.store.documents import Documents
from plumbus.transfer.names import path_text

MOST_DAMAGED = 100


@dataclass(kw_only=True, slots=True)
class Restores(Runs[Restore]):
    """The restores. `base`: the folder of this server below which files may be restored to it, None for nowhere."""

    backups: Documents[Backup]
    clients: Documents[Client]
    snapshots: Snapshots
    base: Path | None = None

    def start(self, backup_id: int, fields: Mapping[str, Any]) -> Restore:
        """Given what to bring back where, queue it and return its record; its notes tell what the snapshot lacks.

        Raise InvalidInput naming what is wrong, NotFound if the backup has no snapshot or a path is not in it.
        """
        backup = self.backups.get(backup_id)
        asked = checked(RestoreRequest, fields)
        snapshot = self.snapshots.at(backup.backup_path)
        with snapshot.open_tree() as tree:
            for path in asked.paths:
                if not tree.kind(tree_path(path)):
                    raise NotFound(f'{path} is not in this backup.')
        owner = self._for_server(asked, backup) if asked.to_server else self._client(asked, backup)
        return self._queued(
            backup,
            Restore(
                backup_id=backup_id,
                job_id=backup.job_id,
                job_name=backup.job_name,
                **owner,
                **asked.model_dump(exclude={'client_id'}),
                **told_of(backup, snapshot, asked.paths),
            ),
        )

    def history(self, *, previews: bool = False, limit: int = 100, offset: int = 0) -> Page[Restore]:
        """Return a page of the restores, newest first, and how many there are; dry runs only with `previews`."""

        def wanted(raw: Mapping[str, Any]) -> bool:
            return previews or not raw.get('dry_run')

        found = self.records.select(wanted, limit=limit, offset=offset)
        return Page(self.with_places(found.items), found.total)

    def undo(self, restore_id: int) -> Restore:
        """Given a restore with a safety copy, queue a run that brings back what was before it, and return its record.

        Raise Conflict if it has not ended, cannot be undone (any more), or is being undone.
        """
        with self.records.transaction():
            undone = self.records.get(restore_id)
            if not undone.status.finished:
                raise Conflict('This restore is queued or running.', 'Wait for its end, or cancel it.')
            if not undone.undoable:
                raise Conflict(
                    'There is nothing to undo: no safety copy was made, or it has been brought back.'
                )
            if any(run.undo_of == restore_id and not run.status.finished for run in self.records.all()):
                raise Conflict('This restore is being undone already.')
            if not self.clients.exists(undone.client_id):
                raise Conflict('The client of this restore is gone.')
            kept = undone.model_dump(
                include={
                    'backup_id',
                    'job_id',
                    'job_name',
                    'client_id',
                    'client_name',
                    'paths',
                    'restore_path',
                    'safety_path',
                }
            )
            restore = self.records.add(Restore(undo_of=restore_id, **kept))
        return self._begun(restore)

    def _queued(self, backup: Backup, restore: Restore) -> Restore:
        with self.records.transaction():
            self.snapshots.at(backup.backup_path)  # nobody takes it away from here on
            restore = self.records.add(restore)
        return self._begun(restore)

    def _begun(self, restore: Restore) -> Restore:
        self.events.publish(Changed(noun='restore', id=restore.id, action='created'))
        self.enqueue(restore)
        return restore

    def _client(self, asked: RestoreRequest, backup: Backup) -> dict[str, Any]:
        client = self.clients.find(asked.client_id or backup.client_id)
        if client is None:
            raise InvalidInput(
                {'client_id': 'there is no such client (any more); choose where to restore to'}
            )
        if asked.safety_copy and client.restricted:
            raise InvalidInput({'safety_copy': f'cannot be made: {ONLY_RSYNC}'})
        return {'client_id': client.id, 'client_name': client.name}

    def _for_server(self, asked: RestoreRequest, backup: Backup) -> dict[str, Any]:
        """The client stays that of the backup, even if it is gone: its files are what is restored."""
        if asked.client_id is not None:
            raise InvalidInput({'client_id': 'must be left out for a restore to the server'})
        if asked.safety_copy:
            raise InvalidInput(
                {'safety_copy': 'is made on clients only; choose an empty folder of the server'}
            )
        if self.base is None:
            raise InvalidInput(
                {'to_server': 'is switched off; set PLUMBUS_RESTORE_BASE to a folder that it may write to'}
            )
        data = self.snapshots.data_dir
        if asked.restore_path is None or not Path(asked.restore_path).is_relative_to(self.base):
            raise InvalidInput({'restore_path': f'must be {self.base} or a folder below it'})
        target = self.base.resolve() / Path(asked.restore_path).relative_to(self.base)
        if target.is_relative_to(data) or data.is_relative_to(target):
            raise InvalidInput({'restore_path': 'must be apart from the data folder of PLUMBUS'})
        return {'client_id': backup.client_id, 'client_name': backup.client_name}

    def enqueue(self, restore: Restore) -> None:
        """Given a restore's record, put it into the queue: before all that nobody waits for."""
        ticket = Ticket(
            kind='restore',
            run_id=restore.id,
            key=f'restore:{restore.id}',
            priority=Priority.MANUAL,
            client_id=restore.client_id,
        )
        self.queue.submit(ticket)


def told_of(backup: Backup, snapshot: Snapshot, paths: list[str]) -> dict[str, list[str]]:
    """Given a snapshot and the chosen paths (none: all), return what to know before they are restored: the fields
    `missing` (what could not be read when it was made), `damaged` (files that are not as they were stored), `notes`."""
    missing = [text for text in backup.warnings if backup.status is Status.WARNING and _chosen(text, paths)]
    known = sorted(path_text(b'/' + path) for path in distrusted(snapshot.path))
    damaged = [path for path in known if _chosen(path, paths)]
    notes = []
    if backup.status is Status.WARNING:
        notes.append(f'This backup ended with a warning: {backup.error_message or "see its page."}')
    if damaged:
        notes.append(
            f'{len(damaged)} of these files are damaged in this backup; restore them from another one.'
        )
    return {'missing': missing, 'damaged': damaged[:MOST_DAMAGED], 'notes': notes}


def _chosen(path: str, paths: list[str]) -> bool:
    """Whether a path (`path: why` as well) is one of the chosen, or lies below or above one."""
    if not paths:
        return True
    named = path.partition(': ')[0]
    return any(
        named == one or named.startswith(f'{one.rstrip("/")}/') or one.startswith(f'{named.rstrip("/")}/')
        for one in paths
    )
