"""What `check` looks at in the database: can it be read, do secrets open, is every snapshot known, can schedules be read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from plumbus.backup.guards import StoreGuard
from plumbus.backup.snapshots import Snapshots
from plumbus.commands.findings import Finding, ok, problem, warning
from plumbus.config import Settings
from plumbus.errors import InvalidInput, TransferFailed
from plumbus.model import Backup, Client, Job, Restore
from plumbus.scheduling import timing
from plumbus.services.accounts import Accounts
from plumbus.services.records import counted
from plumbus.services.rescan import listed
from plumbus.services.stock import Stock
from plumbus.store.database import Database
from plumbus.store.documents import Documents
from plumbus.store.runlog import RunLogs
from plumbus.store.vault import Vault, load_key

SHOWN = 5
LOOPBACK = {'127.0.0.1', '::1', 'localhost'}


@dataclass(frozen=True, kw_only=True, slots=True)
class Records:
    """The tables, opened for reading."""

    data_dir: Path
    database: Database
    clients: Documents[Client]
    jobs: Documents[Job]
    restores: Documents[Restore]
    stock: Stock

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Given the settings, open the database without making anything."""
        data_dir = settings.data_dir.resolve()
        database = Database(data_dir / 'db')
        return cls(
            data_dir=data_dir,
            database=database,
            clients=Documents(database, 'clients', Client),
            jobs=Documents(database, 'jobs', Job),
            restores=Documents(database, 'restores', Restore),
            stock=Stock(
                database=database,
                backups=Documents(database, 'backups', Backup),
                snapshots=Snapshots(data_dir),
                logs=RunLogs(data_dir / 'logs'),
            ),
        )


def check_database(settings: Settings) -> Iterator[Finding]:
    """Yield whether every record can be read. Raise StoreError if not."""
    records = Records.open(settings)
    records.database.check_readable()
    counts = {
        'client': sum(1 for _ in records.clients.each()),
        'job': sum(1 for _ in records.jobs.each()),
        'backup': sum(1 for _ in records.stock.backups.each()),
        'restore': sum(1 for _ in records.restores.each()),
    }
    if records.database.path.is_dir():
        records.database.check_writable()
    yield ok('database', ', '.join(counted(number, noun) for noun, number in counts.items()))


def check_login(settings: Settings) -> Iterator[Finding]:
    """Yield whether a password is set for the web page."""
    if Accounts(Records.open(settings).database, settings).has_users():
        yield ok('login', 'the password of the web page is set')
    elif settings.admin_password:
        yield ok('login', 'the first start takes the password of PLUMBUS_ADMIN_PASSWORD')
    elif settings.host in LOOPBACK:
        yield ok('login', 'the first visit sets the password of the web page')
    else:
        message = 'No password is set yet: the first visitor who knows the code in the log sets it.'
        yield warning('login', message, 'Set it now: python main.py set-password')


def check_secrets(settings: Settings) -> Iterator[Finding]:
    """Yield whether the key opens what is stored, and whose password is missing."""
    records = Records.open(settings)
    kept, path = records.database.table('secrets'), records.data_dir / 'keys' / 'secret.key'
    number = len(kept)
    if settings.secret_key is None and not path.exists():
        if number:
            message = f'keys/secret.key is missing, and {counted(number, "stored secret")} cannot be decrypted without it.'
            yield problem('secrets', message, 'Put it back, or enter passwords and private keys again.')
        else:
            yield ok('secrets', 'none is stored; the key for them is made at the first start')
    else:
        vault = Vault(records.database, load_key(settings.secret_key, path))
        yield _opened(number, vault.unreadable(), records)
    lacking = [one for one in records.clients.all() if one.auth_method == 'password' and not one.has_password]
    if lacking:
        message = f'No password is stored for {listed(lacking)}.'
        yield warning('secrets', message, 'Enter it on the page of the client.')


def check_snapshots(settings: Settings) -> Iterator[Finding]:
    """Yield whether the disk of the snapshots is there, and what records and snapshots do not know of each other."""
    records = Records.open(settings)
    stock = records.stock
    unknown, missing = stock.unknown(), stock.missing()
    kept = stock.backups.count(match={'kept': True})
    if kept:
        try:
            StoreGuard(stock.snapshots.root).check()
        except TransferFailed as error:
            yield problem('snapshots', error.message, error.remedy)
            return
    if unknown:
        message = f'{counted(len(unknown), "snapshot")} on the disk without a record, as {stock.snapshots.relative(unknown[0])}.'
        command = 'python main.py rescan --merge' if kept else 'python main.py rescan'
        yield warning('snapshots', message, f'Stop PLUMBUS and run: {command}')
    if missing:
        ids = ', '.join(str(one.id) for one in missing[:SHOWN]) + (' …' if len(missing) > SHOWN else '')
        message = f'{counted(len(missing), "record")} without a snapshot on the disk: backup {ids}.'
        yield warning('snapshots', message, 'Put them back, or delete these records on the page Backups.')
    if not (unknown or missing):
        yield ok('snapshots', f'{counted(kept, "snapshot")}, each with its record')


def check_schedules(settings: Settings) -> Iterator[Finding]:
    """Yield which jobs will not run by themselves as they should."""
    jobs = [job for job in Records.open(settings).jobs.all() if job.schedule]
    wrong = 0
    for job in jobs:
        try:
            timing.check(job.schedule or '', job.timezone)
        except InvalidInput as error:
            wrong += 1
            message = f'The schedule of {job.name} (job {job.id}) cannot be used: {"; ".join(error.fields.values())}.'
            yield problem('schedules', message, 'Correct it on the page of the job.')
    if not wrong:
        yield ok('schedules', f'jobs that run by themselves: {sum(job.enabled for job in jobs)}')


def _opened(number: int, unreadable: list[tuple[str, str]], records: Records) -> Finding:
    if not unreadable:
        return ok('secrets', f'{counted(number, "stored secret")}, which the key opens')
    names = {f'client:{client.id}': client.name for client in records.clients.all()}
    whose = sorted({names.get(owner, owner) for owner, _ in unreadable})
    message = f'The secret key is another than when these were stored: {", ".join(whose[:SHOWN])}.'
    return problem(
        'secrets',
        message,
        'Put back keys/secret.key or PLUMBUS_SECRET_KEY as it was, or enter their passwords and private keys again.',
    )
