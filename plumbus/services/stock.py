"""Compares the records with what lies on the disk: snapshots that nobody knows, records whose snapshot is gone, used ids."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from plumbus.backup.snapshots import Snapshot, Snapshots, subfolders
from plumbus.errors import StoreError
from plumbus.model import Backup
from plumbus.services.records import counted
from plumbus.store.database import Database
from plumbus.store.documents import Documents
from plumbus.store.runlog import RunLogs

log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Stock:
    """The snapshots and the records of them."""

    database: Database
    backups: Documents[Backup]
    snapshots: Snapshots
    logs: RunLogs

    def prepare(self) -> None:
        """At the start: use no id again that something on the disk bears, and tell of snapshots that no record knows."""
        try:
            unknown = self.unknown()
            self.reserve_ids(unknown)
        except OSError as error:
            log.warning('The folders of the snapshots cannot be listed: %s', error)
            return
        if unknown:
            log.warning(
                'The database knows nothing of %s on the disk. Stop PLUMBUS and run: python main.py rescan --merge',
                counted(len(unknown), 'snapshot'),
            )

    def reserve_ids(self, unknown: Iterable[Snapshot] = ()) -> None:
        """With the database lost, a new client must not get the folder of an old one, nor a new backup its id or log.

        Raise OSError if the folders of the clients cannot be listed.
        """
        clients = self.snapshots.client_folders()
        jobs: list[Path] = []
        for folder in clients:
            with suppress(OSError):  # what cannot be entered holds no new snapshots either
                jobs += subfolders(folder)
        used = {
            'clients': [_id_of(folder.name) for folder in clients],
            'jobs': [_id_of(folder.name) for folder in jobs],
            'backups': [self.logs.newest('backup'), *map(_backup_id, unknown)],
            'restores': [self.logs.newest('restore')],
            'verifications': [self.logs.newest('verify')],
        }
        with self.database.transaction():
            for table, ids in used.items():
                self.database.reserve_id(table, max(ids, default=0))

    def unknown(self) -> list[Snapshot]:
        """Return the snapshots that no record names. Raise OSError if the folders cannot be listed."""
        known = {raw['backup_path'] for raw in self.backups.raw({'kept': True})}
        return [one for one in self.snapshots.everything() if self.snapshots.relative(one) not in known]

    def missing(self) -> list[Backup]:
        """Return the records whose snapshot is gone."""
        return [
            one
            for one in self.backups.each({'kept': True})
            if not (self.snapshots.data_dir / str(one.backup_path) / 'tree').is_dir()
        ]


def _id_of(name: str) -> int:
    suffix = name.rpartition('-')[2]
    return int(suffix) if suffix.isascii() and suffix.isdigit() and len(suffix) < 10 else 0


def _backup_id(snapshot: Snapshot) -> int:
    with suppress(StoreError):
        return _id_of(str(snapshot.description()['backup'].get('id')))
    return 0
