"""The store as a whole: every table, the vault and the logs, opened once for the engine."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from plumbus.config import Settings
from plumbus.model import Backup, Client, Job, Restore, Verification
from plumbus.store.database import Database
from plumbus.store.documents import Documents
from plumbus.store.runlog import RunLogs
from plumbus.store.vault import Vault, open_vault


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """Everything below `db/` and `logs/`, opened."""

    database: Database
    vault: Vault
    clients: Documents[Client]
    jobs: Documents[Job]
    backups: Documents[Backup]
    restores: Documents[Restore]
    verifications: Documents[Verification]
    logs: RunLogs

    @classmethod
    def open(cls, settings: Settings, clock: Callable[[], datetime]) -> Self:
        """Given the settings, open what lies in the data dir. Raise StoreError if that cannot be."""
        data_dir = settings.data_dir.resolve()
        database = Database(data_dir / 'db')
        return cls(
            database=database,
            vault=open_vault(database, settings.secret_key, data_dir / 'keys' / 'secret.key'),
            clients=Documents(database, 'clients', Client, clock),
            jobs=Documents(database, 'jobs', Job, clock),
            backups=Documents(database, 'backups', Backup, clock),
            restores=Documents(database, 'restores', Restore, clock),
            verifications=Documents(database, 'verifications', Verification, clock),
            logs=RunLogs(data_dir / 'logs'),
        )
