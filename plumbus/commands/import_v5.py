"""`import-v5`: moving in from PLUMBUS 5.x."""

import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plumbus.backup.adopting import Adoption
from plumbus.backup.snapshots import Snapshots
from plumbus.cancellation import Cancellation
from plumbus.commands.command import DONE, Command, add_json, say, show_json
from plumbus.commands.ownership import require_own
from plumbus.config import Settings
from plumbus.errors import Cancelled, NotFound
from plumbus.model import Backup, Client, Job
from plumbus.services.moving_in import MovedIn, MovingIn, in_short
from plumbus.services.stock import Stock
from plumbus.store.claim import Claim
from plumbus.store.database import Database
from plumbus.store.documents import Documents, utc_now
from plumbus.store.runlog import RunLogs
from plumbus.store.vault import open_vault
from plumbus.store.version5 import read_version5

DESCRIPTION = """\
Take over the data folder of PLUMBUS 5.x: its clients with their passwords, its jobs
and its history. Its backup folders become snapshots that can be browsed and restored
and that share their files with them; the next backup of a job goes on from the newest.

Nothing in the old folder is changed. Both servers must be stopped. Each file is read
once for a checksum. What was interrupted goes on when it is called again. In an empty
database the ids stay what they were.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Given the parser of this command, add what it takes."""
    parser.add_argument(
        'folder', type=Path, metavar='DIR', help='what PLUMBUS 5 had as DATA_DIR: db/ and backups/ are in it'
    )
    parser.add_argument(
        '--copy',
        action='store_true',
        help='copy the files, for an old folder on another disk (needs room for all of it)',
    )
    parser.add_argument(
        '--no-checksums',
        action='store_true',
        help='read no file: quicker, but damage to these files cannot be told later',
    )
    parser.add_argument('--disable-jobs', action='store_true', help='bring every job switched off')
    add_json(parser)


def import_v5(settings: Settings, options: Namespace) -> int:
    """Given the settings and arguments, take the folder over, tell what came and return the exit code."""
    folder = options.folder.resolve()
    if not folder.is_dir():
        raise NotFound(f'There is no folder {folder}.', 'Name the folder that PLUMBUS 5 had as DATA_DIR.')
    old = read_version5(folder)
    data_dir = settings.data_dir.resolve()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    require_own(data_dir)
    claim = Claim(data_dir)
    claim.take()
    try:
        with _until_stopped() as cancellation:
            moved = _moving_in(settings, data_dir, options, cancellation).run(old, folder)
    except Cancelled:
        raise KeyboardInterrupt from None
    finally:
        claim.give_up()
    if options.json:
        show_json(as_document(moved))
    else:
        say(*as_text(moved))
    return DONE


def as_document(moved: MovedIn) -> dict[str, Any]:
    """Given what came over, return it for a program."""
    return {
        'success': True,
        'clients': [client.id for client in moved.clients],
        'jobs': [job.id for job in moved.jobs],
        'backups': [backup.id for backup in moved.backups],
        'snapshots': moved.snapshots,
        'skipped': moved.skipped,
        'notes': moved.notes,
    }


def as_text(moved: MovedIn) -> Iterator[str]:
    """Given what came over, yield the lines for a person."""
    yield in_short(moved)
    for title, lines in (('Skipped:', moved.skipped), ('To know:', moved.notes)):
        if lines:
            yield from ('', title, *(f'  {line}' for line in lines))
    if moved.clients:
        yield from (
            '',
            'Next: start PLUMBUS, open each client and test its connection: PLUMBUS 5 compared no host keys.',
        )


def _moving_in(
    settings: Settings, data_dir: Path, options: Namespace, cancellation: Cancellation
) -> MovingIn:
    database, snapshots = Database(data_dir / 'db'), Snapshots(data_dir)
    return MovingIn(
        stock=Stock(
            database=database,
            backups=Documents(database, 'backups', Backup),
            snapshots=snapshots,
            logs=RunLogs(data_dir / 'logs'),
        ),
        clients=Documents(database, 'clients', Client),
        jobs=Documents(database, 'jobs', Job),
        vault=open_vault(database, settings.secret_key, data_dir / 'keys' / 'secret.key'),
        adoption=Adoption(
            snapshots=snapshots,
            cancellation=cancellation,
            copies=options.copy,
            checksums=not options.no_checksums,
        ),
        zone=settings.zone,
        enable_jobs=not options.disable_jobs,
        now=utc_now,
        tell=lambda line: print(line, file=sys.stderr, flush=True),  # noqa: T201 - progress; the answer goes to stdout
    )


@contextmanager
def _until_stopped() -> Iterator[Cancellation]:
    cancellation = Cancellation()
    before = signal.signal(signal.SIGINT, lambda *_: cancellation.cancel('stopped'))
    try:
        yield cancellation
    finally:
        signal.signal(signal.SIGINT, before)


COMMAND = Command(
    name='import-v5',
    summary='move in from PLUMBUS 5.x',
    description=DESCRIPTION,
    run=import_v5,
    add_arguments=add_arguments,
)
