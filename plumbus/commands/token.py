"""`token`: makes, lists and ends API tokens without the web page."""

from argparse import ArgumentParser, Namespace

from plumbus.commands.command import DONE, Command, say, table
from plumbus.commands.noting import note, shell_user
from plumbus.commands.ownership import require_own
from plumbus.config import Settings
from plumbus.errors import InvalidInput
from plumbus.model import Scope, acting
from plumbus.services.tokens import Token, Tokens
from plumbus.store.database import Database
from plumbus.store.disk import make_private_folder, plain_errors
from plumbus.store.documents import utc_now

DESCRIPTION = """\
Make, list or end tokens with which programs use the REST API.

  python main.py token create NAME [--scope read|run|admin] [--expires DAYS]
  python main.py token list
  python main.py token delete ID

A new token is printed once, alone on its line; PLUMBUS keeps only a digest of it.
A running server knows it at once.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Given the parser of this command, add what it takes."""
    parser.add_argument('act', choices=('create', 'list', 'delete'))
    parser.add_argument(
        'which', nargs='?', metavar='NAME|ID', help='the name of a new token, or the id of one to end'
    )
    parser.add_argument(
        '--scope', choices=[str(scope) for scope in Scope], default='read', help='what it may do (read)'
    )
    parser.add_argument('--expires', type=int, metavar='DAYS', help='after how many days it ends (never)')


def token(settings: Settings, options: Namespace) -> int:
    """Given the settings and arguments, do it and return the exit code."""
    data_dir = settings.data_dir.resolve()
    require_own(data_dir)
    with plain_errors('db/'):
        make_private_folder(data_dir)
    tokens = Tokens(Database(data_dir / 'db'), settings, utc_now)
    if options.act == 'list':
        say(*table([('id', 'name', 'scope', 'ends', 'last used'), *map(_row, tokens.all())]))
        return DONE
    known = _create(tokens, options) if options.act == 'create' else _delete(tokens, options)
    details = f'scope: {known.scope}' if options.act == 'create' else ''
    note(data_dir, f'token.{options.act}', f'token {known.id} {known.name}', details)
    return DONE


def _create(tokens: Tokens, options: Namespace) -> Token:
    fields = {'name': options.which or '', 'scope': options.scope, 'expires_days': options.expires}
    with acting(shell_user()):
        made = tokens.create(fields)
    say(made.text)
    return made.token


def _delete(tokens: Tokens, options: Namespace) -> Token:
    if not (options.which or '').isdecimal():
        raise InvalidInput({'ID': 'must be the number that “token list” tells'})
    known = tokens.get(int(options.which))
    tokens.delete(known.id)
    say(f'The token {known.name} is not valid any more.')
    return known


def _row(one: Token) -> tuple[str, ...]:
    ends = f'{one.expires_at:%Y-%m-%d}' if one.expires_at else 'never'
    used = f'{one.used_at:%Y-%m-%d %H:%M}' if one.used_at else 'never'
    return str(one.id), one.name, one.scope, ends, used


COMMAND = Command(
    name='token',
    summary='make, list or end tokens for the REST API',
    description=DESCRIPTION,
    run=token,
    add_arguments=add_arguments,
)
