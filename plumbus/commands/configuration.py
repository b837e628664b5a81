"""`export` and `import`: the configuration of the running server as a file."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from getpass import getpass
from pathlib import Path
from typing import Any

from plumbus.commands.command import DONE, Command, add_json, say, show_json
from plumbus.commands.server import running_server
from plumbus.config import Settings
from plumbus.errors import PlumbusError
from plumbus.model import Scope

EXPORT_TEXT = """\
Write clients, jobs and notifications of the running server as YAML, to a file or, with
the name -, to the terminal. No secret is in it, unless --secrets is given: then they are
sealed with a passphrase of 12 characters or more, which is asked for or read from the
first line of standard input.
"""
IMPORT_TEXT = """\
Add to the running server what a file written by export holds and the server does not.
What is there already, by its name, stays as it is. It adds all or nothing.
"""


def add_export(parser: ArgumentParser) -> None:
    """Given the parser of `export`, add what it takes."""
    parser.add_argument('file', metavar='FILE', help='where to; it is written so that only you can read it')
    parser.add_argument(
        '--secrets', action='store_true', help='passwords, private keys and addresses too, sealed'
    )


def add_import(parser: ArgumentParser) -> None:
    """Given the parser of `import`, add what it takes."""
    parser.add_argument('file', type=Path, metavar='FILE', help='what export has written')
    parser.add_argument('--dry-run', action='store_true', help='tell what would come, and keep nothing')
    add_json(parser)


def export(settings: Settings, options: Namespace) -> int:
    """Given the settings and arguments, write the file and return the exit code."""
    passphrase = _passphrase(twice=True) if options.secrets else None
    with running_server(settings, Scope.ADMIN) as server:
        document = server.call('POST', '/configuration/export', json={'passphrase': passphrase})
    if options.file == '-':
        sys.stdout.write(document)
        return DONE
    try:
        with os.fdopen(
            os.open(options.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), 'w', encoding='utf-8'
        ) as file:
            file.write(document)
    except OSError as error:
        raise PlumbusError(
            f'{options.file} cannot be written: {error.strerror}.', 'Name another file.'
        ) from None
    say(f'Written to {options.file}.')
    return DONE


def take_in(settings: Settings, options: Namespace) -> int:
    """Given the settings and arguments, add what the file holds, tell what that was and return the exit code."""
    try:
        document = options.file.read_text(encoding='utf-8')
    except (OSError, ValueError) as error:
        raise PlumbusError(f'{options.file} cannot be read: {error}.') from None
    passphrase = _passphrase() if '\nsealed:\n' in document else None
    given = {'document': document, 'passphrase': passphrase, 'dry_run': options.dry_run}
    with running_server(settings, Scope.ADMIN) as server:
        told = server.call('POST', '/configuration/import', json=given)
    if options.json:
        show_json(told)
    else:
        say(*_lines(told, dry_run=options.dry_run))
    return DONE


def _lines(told: dict[str, Any], *, dry_run: bool) -> Iterator[str]:
    for title, found in (
        ('Would be added' if dry_run else 'Added', told['added']),
        ('There already', told['kept']),
    ):
        for kind, names in found.items():
            if names:
                yield f'{title}: {len(names)} {kind}: {", ".join(names)}'
    yield from told['notes']


def _passphrase(*, twice: bool = False) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip('\n')
    first = getpass('Passphrase: ')
    if twice and getpass('Once more: ') != first:
        raise PlumbusError('These are two different passphrases.', 'Try again.')
    return first


EXPORT = Command(
    name='export',
    summary='write the configuration of the running server into a file',
    description=EXPORT_TEXT,
    run=export,
    add_arguments=add_export,
)
IMPORT = Command(
    name='import',
    summary='add what such a file holds',
    description=IMPORT_TEXT,
    run=take_in,
    add_arguments=add_import,
)
