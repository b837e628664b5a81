"""`set-password`: the way back in when the password of the web page is forgotten."""

import sys
from argparse import ArgumentParser, Namespace
from getpass import getpass

from plumbus.commands.command import DONE, Command, say
from plumbus.commands.noting import note
from plumbus.commands.ownership import require_own
from plumbus.config import Settings
from plumbus.errors import PlumbusError
from plumbus.services.accounts import Accounts
from plumbus.services.users import ADMIN
from plumbus.store.database import Database
from plumbus.store.disk import make_private_folder, plain_errors

DESCRIPTION = f"""\
Set the password of the user {ADMIN}, without the old one, and log everybody out.

In a terminal it asks twice and shows nothing; otherwise it reads one line from
its input, as in: python main.py set-password < file
It works while the server runs, and before its first start.
"""


def set_password(settings: Settings, options: Namespace) -> int:
    """Given the settings, read a password, set it and return the exit code."""
    data_dir = settings.data_dir.resolve()
    require_own(data_dir)
    password = _asked() if sys.stdin.isatty() else _piped()
    with plain_errors('db/'):
        make_private_folder(data_dir)
    Accounts(Database(data_dir / 'db'), settings).reset_password(
        password, keep_second_factor=not options.reset_second_factor
    )
    note(data_dir, 'user.password', f'user {ADMIN}')
    say(f'The password of {ADMIN} is set. Everybody is logged out.')
    return DONE


def add_arguments(parser: ArgumentParser) -> None:
    """Given the parser of this command, add what it takes."""
    parser.add_argument(
        '--reset-second-factor', action='store_true', help='forget the second factor too: the phone is lost'
    )


def _asked() -> str:
    try:
        password = getpass(f'New password of {ADMIN}: ')
        again = getpass('Once more: ')
    except EOFError:
        raise _none_given() from None
    if password != again:
        raise PlumbusError('The two are not the same, so nothing was changed.', 'Try again.')
    return password


def _piped() -> str:
    line = sys.stdin.readline()
    if not line.strip():
        raise _none_given()
    return line.rstrip('\r\n')


def _none_given() -> PlumbusError:
    return PlumbusError('No password came, so nothing was changed.', 'Type it, or pass it as one line.')


COMMAND = Command(
    name='set-password',
    summary=f'set the password of {ADMIN} and log everybody out',
    description=DESCRIPTION,
    run=set_password,
    add_arguments=add_arguments,
)
