"""Takes over what PLUMBUS 5.x kept: clients, jobs, history, and its folders as snapshots that share their files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from plumbus.backup.adopting import Adoption, Foreign, owners
from plumbus.backup.description import describe
from plumbus.backup.finishing import Pulled
from plumbus.backup.guards import StoreGuard
from plumbus.backup.targets import owner_of
from plumbus.errors import InvalidInput, StoreError
from plumbus.model import Backup, Client, Job, Record, Status
from plumbus.services import version5
from plumbus.services.records import counted
from plumbus.services.stock import Stock
from plumbus.store.documents import Documents
from plumbus.store.vault import Vault
from plumbus.store.version5 import Row, Version5

Kind = TypeVar('Kind', bound=Record)
Tell = Callable[[str], None]


@dataclass(kw_only=True, slots=True)
class MovedIn:
    """What came over, what could not with the reason each, and what is left for a user to know or do."""

    clients: list[Client] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    backups: list[Backup] = field(default_factory=list)
    snapshots: int = 0
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class MovingIn:
    """No other process may work on the data folder while it runs. What is known here already is not taken twice, so that
    one that was interrupted can be begun again. `zone`: where the old server's clock was."""

    stock: Stock
    clients: Documents[Client]
    jobs: Documents[Job]
    vault: Vault
    adoption: Adoption
    zone: ZoneInfo
    enable_jobs: bool
    now: Callable[[], datetime]
    tell: Tell
    result: MovedIn = field(default_factory=MovedIn)
    _keeps_ids: bool = True
    _clients: dict[int, Client] = field(default_factory=dict)
    _jobs: dict[int, Job] = field(default_factory=dict)
    _sources: dict[int, str] = field(default_factory=dict)
    _pending: list[tuple[Backup, Foreign]] = field(default_factory=list)

    def run(self, old: Version5, folder: Path) -> MovedIn:
        """Given the rows and the old data folder, take them over. Raise Conflict if its files can neither be shared nor
        copied, StoreError if the database cannot be written, Cancelled if asked to stop."""
        if (folder / 'backups').is_dir():
            self.adoption.check(folder / 'backups')
        with self.stock.database.transaction():
            self._keeps_ids = not any(
                one.count() for one in (self.clients, self.jobs, self.stock.backups)
            ) and not any(True for _ in self.stock.snapshots.everything())
            self._take_clients(old.clients)
            self._take_jobs(old.jobs)
            self._take_backups(old.backups, folder)
            StoreGuard(self.stock.snapshots.root).prepare(holds_snapshots=False)
        for number, (backup, foreign) in enumerate(self._pending, 1):
            self.tell(f'{number} of {len(self._pending)}: {backup.job_name}, {foreign.folder.name}')
            self._take_folder(backup, foreign)
        return self.result

    def _take_clients(self, rows: list[Row]) -> None:
        known = {_who(client): client for client in self.clients.all()}
        for row in rows:
            try:
                client, password = version5.client_of(row)
            except InvalidInput as error:
                self._skip('client', row, error)
                continue
            there = known.get(_who(client))
            if there is None:
                there = self._store(self.clients, client, row)
                self.result.clients.append(there)
                if password:
                    self.vault.put(owner_of(there.id), 'password', password)
                self._note_key(there)
            self._clients[row['id']] = there

    def _take_jobs(self, rows: list[Row]) -> None:
        known = {(job.client_id, job.name, *job.source_paths): job for job in self.jobs.all()}
        for row in rows:
            client = self._clients.get(row['client_id'])
            try:
                if client is None:
                    raise InvalidInput({'client_id': 'is none that was taken over'})
                job, notes = version5.job_of(row, client.id)
            except InvalidInput as error:
                self._skip('job', row, error)
                continue
            there = known.get((job.client_id, job.name, *job.source_paths))
            if there is None:
                job = job.model_copy(update={'enabled': job.enabled and self.enable_jobs})
                there = self._store(self.jobs, job, row)
                self.result.jobs.append(there)
                self.result.notes += [f'{there.name} (job {there.id}): {note}' for note in notes]
            self._jobs[row['id']], self._sources[row['id']] = there, str(row['source_path'])

    def _take_backups(self, rows: list[Row], folder: Path) -> None:
        known = {(backup.job_id, backup.start_time): backup for backup in self.stock.backups.all()}
        for row in rows:
            job = self._jobs.get(row['job_id'])
            try:
                if job is None:
                    raise InvalidInput({'job_id': 'is none that was taken over'})
                backup = version5.backup_of(row, job, self.clients.get(job.client_id), self.zone)
            except InvalidInput as error:
                self._skip('backup', row, error)
                continue
            foreign = version5.folder_of(row, self._sources[row['job_id']], folder)
            there = known.get((backup.job_id, backup.start_time))
            if there is None:
                lost = backup.status.good and foreign is None
                backup = backup.model_copy(update={'removed_at': self.now() if lost else None})
                there = self._store(self.stock.backups, backup, row)
                self.result.backups.append(there)
            if there.status.good and foreign and not (there.backup_path or there.removed_at):
                self._pending.append((there, foreign))

    def _take_folder(self, backup: Backup, foreign: Foreign) -> None:
        job, client = self.jobs.get(backup.job_id), self.clients.get(backup.client_id)
        job_folder = self.stock.snapshots.job_folder((client.id, client.name), (job.id, job.name))
        changes: dict[str, Any] = {}

        def described(pulled: Pulled, path: str) -> Mapping[str, Any]:
            changes.update(_figures(pulled, path))
            return describe(backup.model_copy(update=changes), job, [(client, None)], pulled.origins)

        try:
            self.adoption.take_over(foreign, job_folder, backup.start_time or self.now(), described)
        except StoreError as error:
            self.result.skipped.append(f'backup {backup.id}: {error}')
            return
        self.stock.backups.set(backup.id, **changes)
        self.result.snapshots += 1

    def _store(self, records: Documents[Kind], item: Kind, row: Row) -> Kind:
        if not self._keeps_ids:
            return records.add(item)
        return records.restore(item.model_copy(update={'id': row['id']}))

    def _skip(self, noun: str, row: Row, error: InvalidInput) -> None:
        why = '; '.join(f'{name} {reason}' for name, reason in error.fields.items())
        self.result.skipped.append(f'{noun} {row["id"]} ({row.get("name") or row.get("start_time")}): {why}')

    def _note_key(self, client: Client) -> None:
        if client.key_path and not Path(client.key_path).exists():
            self.result.notes.append(
                f'The key file {client.key_path} of {client.name} (client {client.id}) is not on this machine. '
                'Put it there, or choose another way in.'
            )


def _who(client: Client) -> tuple[str, str, int, str]:
    return client.name, client.host, client.port, client.username


def _figures(pulled: Pulled, path: str) -> dict[str, Any]:
    tally = pulled.tally
    return {
        'status': Status.COMPLETED,
        'backup_path': path,
        'owners': owners(),
        'size_bytes': tally.bytes,
        'file_count': tally.files,
        'new_files': tally.files,
        'disk_bytes': pulled.disk_bytes,
    }


def in_short(moved: MovedIn) -> str:
    """Given what came over, return it in one sentence."""
    counts = {'client': len(moved.clients), 'job': len(moved.jobs), 'backup': len(moved.backups)}
    listed = ', '.join(counted(number, noun) for noun, number in counts.items())
    return f'Taken over: {listed}; {counted(moved.snapshots, "snapshot")} to browse and restore.'
