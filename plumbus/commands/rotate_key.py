"""`rotate-key`: encrypts all stored secrets anew, with another key."""

import sys
from argparse import Namespace
from getpass import getpass
from pathlib import Path

from plumbus.commands.command import DONE, Command, folder_of, say
from plumbus.commands.noting import note
from plumbus.commands.ownership import require_own
from plumbus.config import Settings
from plumbus.errors import InvalidInput
from plumbus.services.records import counted
from plumbus.store.claim import Claim
from plumbus.store.database import Database
from plumbus.store.vault import load_key, open_vault, rotate_file

SHORTEST_KEY = 16
DESCRIPTION = """\
Encrypt every stored secret (passwords, private keys, addresses of
notifications, seeds of second factors) with a new key.

The key in keys/secret.key is replaced by a new one. With PLUMBUS_SECRET_KEY
set, it asks for the new key, or reads it as one line from its input; set
PLUMBUS_SECRET_KEY to it before the next start.

The server must be stopped. Whenever it is cut off, nothing is lost. Older
copies of db/ open with older copies of the key alone: keep them together.
"""


def rotate_key(settings: Settings, _options: Namespace) -> int:
    """Given the settings, change the key, tell what was encrypted and return the exit code."""
    data_dir = folder_of(settings)
    require_own(data_dir)
    claim = Claim(data_dir)
    claim.take()
    try:
        number = _rotate(settings, data_dir)
    finally:
        claim.give_up()
    note(data_dir, 'key.rotate', details=counted(number, 'secret'))
    return DONE


def _rotate(settings: Settings, data_dir: Path) -> int:
    database, path = Database(data_dir / 'db'), data_dir / 'keys' / 'secret.key'
    lost = open_vault(database, settings.secret_key, path).unreadable()
    if settings.secret_key is None:
        number = rotate_file(database, path)
        say(f'{counted(number, "secret")} encrypted anew; the new key is in keys/secret.key.')
    else:
        key = _new_key()
        if key == load_key(settings.secret_key, path):
            raise InvalidInput({'key': 'is the one that is used already'})
        number = open_vault(database, settings.secret_key, path).rotate(key)
        say(f'{counted(number, "secret")} encrypted anew.', 'Set PLUMBUS_SECRET_KEY to the new key now.')
    if lost:
        say(f'{counted(len(lost), "secret")} of another key could not be read and stay as they were.')
    return number


def _new_key() -> str:
    key = (getpass('New key: ') if sys.stdin.isatty() else sys.stdin.readline()).strip()
    if len(key) < SHORTEST_KEY:
        raise InvalidInput(
            {'key': f'must have at least {SHORTEST_KEY} characters; openssl rand -hex 32 makes one'}
        )
    return key


COMMAND = Command(
    name='rotate-key',
    summary='encrypt all stored secrets with a new key',
    description=DESCRIPTION,
    run=rotate_key,
)
