"""The command line of `python main.py`: `serve`, which is meant without a name too, and the commands beside it."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from plumbus import __version__
from plumbus.commands import check, configuration, import_v5, rescan, rotate_key, run, set_password, token
from plumbus.commands.command import EXIT_CODES, describe

COMMANDS = (
    check.COMMAND,
    configuration.EXPORT,
    configuration.IMPORT,
    import_v5.COMMAND,
    rescan.COMMAND,
    rotate_key.COMMAND,
    run.COMMAND,
    set_password.COMMAND,
    token.COMMAND,
)


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Given the command line, return what it asks for; `run` is the command, None to serve.

    Exit with a usage line and code 2 if it is wrong.
    """
    parser = argparse.ArgumentParser(
        prog='main.py',
        description='PLUMBUS backs up Linux machines over SSH. Without a command it serves web UI and API.',
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_serving(), _common()],
    )
    parser.add_argument('--version', action='version', version=f'PLUMBUS {__version__}')
    parser.set_defaults(host=None, port=None, data_dir=None, native=False, run=None)
    parsers = parser.add_subparsers(title='commands', metavar='COMMAND')
    parsers.add_parser(
        'serve',
        parents=[_serving(), _common()],
        help='serve web UI and API',
        description='Serve web UI and API.',
    )
    for command in COMMANDS:
        describe(command, parsers, _common())
    return parser.parse_args(arguments)


def _common() -> argparse.ArgumentParser:
    # Suppressed defaults, and an object for each parser: what stands before the name of a command must outlast its parser.
    parser = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    parser.add_argument(
        '--data-dir', type=Path, metavar='DIR', help='where everything is kept (PLUMBUS_DATA_DIR)'
    )
    return parser


def _serving() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    parser.add_argument('--host', help='listen address (PLUMBUS_HOST)')
    parser.add_argument('--port', type=int, help='listen port, 0 for any free one (PLUMBUS_PORT)')
    parser.add_argument(
        '--native', action='store_true', help='a desktop window on this machine, without login'
    )
    return parser
