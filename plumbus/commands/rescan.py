"""`rescan`: the way back when the database is lost and the snapshots are there."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from plumbus.backup.inventory import Skipped
from plumbus.backup.snapshots import Snapshots
from plumbus.commands.command import DONE, Command, add_json, folder_of, say, show_json, table
from plumbus.commands.ownership import require_own
from plumbus.config import Settings
from plumbus.errors import NotFound
from plumbus.model import Backup, Client, Job
from plumbus.scheduling import timing
from plumbus.services.accounts import Accounts
from plumbus.services.rescan import Rescan, Rescanned, listed
from plumbus.services.stock import Stock
from plumbus.store.claim import Claim
from plumbus.store.database import Database
from plumbus.store.documents import Documents
from plumbus.store.runlog import RunLogs
from plumbus.transfer.keys import Keys

SHOWN = 50
DESCRIPTION = """\
Rebuild clients, jobs and backups in an empty database from the backup.json
files beside the snapshots. Ids, names, host keys, schedules, retention, pins and
notes come back as they were when each backup was made. Passwords, private keys
and records of failed backups are not kept there and do not come back.

The server must be stopped. No snapshot is changed. What cannot be read is listed
and skipped. Jobs come back switched on if they were.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Given the parser of this command, add what it takes."""
    parser.add_argument(
        '--merge', action='store_true', help='the database holds something: add only what it lacks'
    )
    parser.add_argument('--disable-jobs', action='store_true', help='bring every job back switched off')
    add_json(parser)


def rescan(settings: Settings, options: Namespace) -> int:
    """Given the settings and arguments, rebuild the database, tell what came back and return the exit code."""
    data_dir = folder_of(settings)
    if not (data_dir / 'backups').is_dir():
        raise NotFound(
            f'There is no folder backups/ in {data_dir}.',
            'Mount the disk with the snapshots, or name the right data folder with --data-dir.',
        )
    require_own(data_dir)
    claim = Claim(data_dir)
    claim.take()
    try:
        database = Database(data_dir / 'db')
        result = _rescan(data_dir, database).run(merge=options.merge, enable_jobs=not options.disable_jobs)
        database.compact()
        has_password = bool(settings.admin_password) or Accounts(database, settings).has_users()
    finally:
        claim.give_up()
    if options.json:
        show_json(as_document(result))
    else:
        say(*as_text(result, has_password=has_password))
    return DONE


def as_document(result: Rescanned) -> dict[str, Any]:
    """Given what came back, return it for a program."""
    return {
        'success': True,
        'added': _counts(result),
        'before': result.before,
        'skipped': [{'path': one.path, 'reason': one.reason} for one in result.skipped],
        'need_password': [client.id for client in result.need_password],
        'need_private_key': [client.id for client in result.need_private_key],
        'enabled_jobs': [job.id for job in result.jobs if job.enabled],
        'notes': result.notes,
    }


def as_text(result: Rescanned, *, has_password: bool) -> Iterator[str]:
    """Given what came back, and whether anybody can log in, yield the lines for a person."""
    rows = [(noun, result.before[noun], number) for noun, number in _counts(result).items()]
    yield from table([('', 'before', 'added'), *rows, ('skipped', '', len(result.skipped))])
    yield from _skipped(result.skipped)
    yield from _listed('Left to do:', [*_to_do(result, has_password=has_password), *result.notes])
    yield from _listed('Jobs that run by themselves as soon as PLUMBUS starts:', _planned(result))
    if not result.jobs and not result.backups:
        yield 'Nothing was missing.'


def _counts(result: Rescanned) -> dict[str, int]:
    return {'clients': len(result.clients), 'jobs': len(result.jobs), 'backups': len(result.backups)}


def _skipped(skipped: list[Skipped]) -> Iterator[str]:
    lines = [f'{one.path}: {one.reason}' for one in skipped[:SHOWN]]
    if len(skipped) > SHOWN:
        lines.append(f'and {len(skipped) - SHOWN} more (--json lists all)')
    yield from _listed('Skipped, and left as they are:', lines)


def _to_do(result: Rescanned, *, has_password: bool) -> Iterator[str]:
    if result.need_password:
        yield f'Enter the password again of {listed(result.need_password)}.'
    if result.need_private_key:
        yield f'Give its private key again to {listed(result.need_private_key)}.'
    if not has_password:
        yield 'Nobody can log in yet. Set the password of the web page: python main.py set-password'


def _planned(result: Rescanned) -> list[str]:
    names = {client.id: client.name for client in result.clients}
    return [
        f'{names.get(job.client_id, f"client {job.client_id}")} / {job.name}: {timing.in_words(job.schedule)}'
        for job in result.jobs
        if job.enabled and job.schedule
    ]


def _listed(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield ''
        yield title
        yield from (f'  {line}' for line in lines)


def _rescan(data_dir: Path, database: Database) -> Rescan:
    return Rescan(
        stock=Stock(
            database=database,
            backups=Documents(database, 'backups', Backup),
            snapshots=Snapshots(data_dir),
            logs=RunLogs(data_dir / 'logs'),
        ),
        clients=Documents(database, 'clients', Client),
        jobs=Documents(database, 'jobs', Job),
        keys=Keys(data_dir / 'keys'),
    )


COMMAND = Command(
    name='rescan',
    summary='rebuild a lost database from the snapshots',
    description=DESCRIPTION,
    run=rescan,
    add_arguments=add_arguments,
)
