"""Builds clients, jobs and backups anew from what lies beside the snapshots. Opens no tree and changes no snapshot."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from plumbus.backup.guards import StoreGuard
from plumbus.backup.inventory import Found, Skipped, take_stock
from plumbus.backup.snapshots import Snapshot
from plumbus.backup.targets import alias_of
from plumbus.errors import Conflict, InvalidInput, NotFound
from plumbus.model import Backup, Client, Job, Record
from plumbus.services.records import counted
from plumbus.services.sorting import Sorting
from plumbus.services.stock import Stock
from plumbus.store.disk import plain_errors
from plumbus.store.documents import Documents
from plumbus.transfer.keys import Keys, fingerprint

Kind = TypeVar('Kind', bound=Record)


@dataclass(kw_only=True, slots=True)
class Rescanned:
    """What a rescan added, how many the database held before, what told nothing, and what is left for a user to do."""

    clients: list[Client]
    jobs: list[Job]
    backups: list[Backup]
    before: dict[str, int]
    skipped: list[Skipped]
    need_password: list[Client] = field(default_factory=list)
    need_private_key: list[Client] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(kw_only=True, slots=True)
class Rescan:
    """No other process may work on the data folder while it runs."""

    stock: Stock
    clients: Documents[Client]
    jobs: Documents[Job]
    keys: Keys

    def run(self, *, merge: bool = False, enable_jobs: bool = True) -> Rescanned:
        """Add what the snapshots tell of and the database lacks, all or nothing; what it holds stays as it is.

        Raise NotFound if there are no snapshots, Conflict if the database is not empty and `merge` was not asked for,
        StoreError if something cannot be read or written.
        """
        with plain_errors('backups/'):
            found, skipped = take_stock(self.stock.snapshots)
        if not found and not skipped:
            raise NotFound(
                f'There are no snapshots below {self.stock.snapshots.root}.',
                'Mount their disk there, or name the right data folder with --data-dir.',
            )
        with self.stock.database.transaction():
            if not merge:
                self._check_empty()
            sorting = self._sorted(found)
            result = self._result(sorting, skipped, enable_jobs=enable_jobs)
            self._store(result)
            self._mark()
            self._pin(result.clients, sorting.host_keys)
        return result

    def _check_empty(self) -> None:
        held = {
            'client': self.clients.count(),
            'job': self.jobs.count(),
            'backup': self.stock.backups.count(),
        }
        if any(held.values()):
            listed = ', '.join(counted(number, noun) for noun, number in held.items() if number)
            raise Conflict(
                f'The database is not empty: it holds {listed}.',
                'Add --merge to take in only what it lacks, or move the folder db/ away to build it anew.',
            )

    def _sorted(self, found: list[Found]) -> Sorting:
        sorting = Sorting(
            clients=_by_id(self.clients), jobs=_by_id(self.jobs), backups=_by_id(self.stock.backups)
        )
        sorting.sort(found)
        return sorting

    def _result(self, sorting: Sorting, skipped: list[Skipped], *, enable_jobs: bool) -> Rescanned:
        jobs, clients = sorting.new_jobs(), sorting.new_clients()
        reachable = {client.id for client in clients} | sorting.clients.keys()
        return Rescanned(
            clients=[self._returning(client, reachable) for client in clients],
            jobs=jobs if enable_jobs else [job.model_copy(update={'enabled': False}) for job in jobs],
            backups=[_record(item) for _, item in sorted(sorting.taken.items())],
            before={
                'clients': len(sorting.clients),
                'jobs': len(sorting.jobs),
                'backups': len(sorting.backups),
            },
            skipped=[*skipped, *sorting.skipped],
            need_password=[client for client in clients if client.auth_method == 'password'],
            need_private_key=[client for client in clients if _had_private_key(client)],
            notes=[*_notes(clients, reachable), *self._notes_on_own_key(clients)],
        )

    def _returning(self, client: Client, reachable: set[int]) -> Client:
        """The client as it was, without the secrets that nobody notes beside a snapshot. A key pinned here is the newest."""
        pinned = self.keys.pinned(alias_of(client.id))
        return client.model_copy(
            update={
                'has_password': False,
                'has_private_key': False,
                'host_key': fingerprint(pinned) if pinned else client.host_key,
                'jump_client_id': client.jump_client_id if client.jump_client_id in reachable else None,
            }
        )

    def _notes_on_own_key(self, clients: list[Client]) -> list[str]:
        ours = [
            one for one in clients if one.auth_method == 'key' and not (one.key_path or one.has_private_key)
        ]
        if not ours or self.keys.has_identity:
            return []
        message = (
            "PLUMBUS's own SSH key is not in keys/: a new one takes its place, which no client knows yet."
        )
        return [f'{message} Put it on {listed(ours)}; the page of a client shows the line to paste there.']

    def _store(self, result: Rescanned) -> None:
        self.clients.restore_all(result.clients)
        self.jobs.restore_all(result.jobs)
        self.stock.backups.restore_all(result.backups)
        snapshots = self.stock.snapshots
        with plain_errors('backups/'):
            self.stock.reserve_ids(Snapshot(snapshots.data_dir / one.path) for one in result.skipped)

    def _mark(self) -> None:
        """The snapshots are there, so this is the right disk: without its marker no backup would run."""
        with plain_errors('backups/'):
            StoreGuard(self.stock.snapshots.root).prepare(holds_snapshots=False)

    def _pin(self, clients: list[Client], host_keys: Mapping[int, str]) -> None:
        for client in clients:
            key_line, alias = host_keys.get(client.id, ''), alias_of(client.id)
            with suppress(InvalidInput):  # it is no key
                if fingerprint(key_line) == client.host_key and self.keys.pinned(alias) is None:
                    self.keys.pin(alias, key_line)


def listed(clients: list[Client]) -> str:
    """Given clients, return their names with their ids, for a sentence."""
    return ', '.join(f'{client.name} (client {client.id})' for client in clients)


def _notes(clients: list[Client], reachable: set[int]) -> list[str]:
    notes = [
        f'The key file {client.key_path} of {listed([client])} is not on this machine. Put it there, or choose another way in.'
        for client in clients
        if client.auth_method == 'key' and client.key_path and not Path(client.key_path).exists()
    ]
    return notes + [
        f'{listed([client])} was reached through another client, which no snapshot tells of. Set it again.'
        for client in clients
        if client.jump_client_id and client.jump_client_id not in reachable
    ]


def _had_private_key(client: Client) -> bool:
    return client.auth_method == 'key' and client.has_private_key


def _record(item: Found) -> Backup:
    """It may have been moved with its folder: its place is where it lies now."""
    return item.description.backup.model_copy(update={'backup_path': item.path})


def _by_id(records: Documents[Kind]) -> dict[int, Kind]:
    return {record.id: record for record in records.all()}
