"""What a user can do with restores: start them, watch them, stop them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plumbus.backup.explore import tree_path
from plumbus.backup.snapshots import Snapshots
from plumbus.errors import InvalidInput, NotFound
from plumbus.events import Changed
from plumbus.model import Backup, Client, Restore, RestoreRequest, checked
from plumbus.scheduling.queue import Priority, Ticket
from plumbus.services.runs import Runs
from plumbus.store.documents import Documents


@dataclass(kw_only=True, slots=True)
class Restores(Runs[Restore]):
    """The restores."""

    backups: Documents[Backup]
    clients: Documents[Client]
    snapshots: Snapshots

    def start(self, backup_id: int, fields: Mapping[str, Any]) -> Restore:
        """Given what to bring back where, queue it and return its record.

        Raise InvalidInput naming what is wrong, NotFound if the backup has no snapshot or a path is not in it.
        """
        backup = self.backups.get(backup_id)
        asked = checked(RestoreRequest, fields)
        snapshot = self.snapshots.at(backup.backup_path)
        with snapshot.open_tree() as tree:
            for path in asked.paths:
                if not tree.kind(tree_path(path)):
                    raise NotFound(f'{path} is not in this backup.')
        client = self.clients.find(asked.client_id or backup.client_id)
        if client is None:
            raise InvalidInput(
                {'client_id': 'there is no such client (any more); choose where to restore to'}
            )
        with self.records.transaction():
            self.snapshots.at(backup.backup_path)  # nobody takes it away from here on
            restore = self.records.add(
                Restore(
                    backup_id=backup_id,
                    job_id=backup.job_id,
                    job_name=backup.job_name,
                    client_id=client.id,
                    client_name=client.name,
                    **asked.model_dump(exclude={'client_id'}),
                )
            )
        self.events.publish(Changed(noun='restore', id=restore.id, action='created'))
        self.enqueue(restore)
        return restore

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
