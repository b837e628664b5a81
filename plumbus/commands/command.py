"""What a command of `python main.py` is, and how it ends: with a sentence and an exit code."""

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from plumbus.config import Settings
from plumbus.errors import PlumbusError

DONE, NOT_DONE, STOPPED = 0, 1, 130
EXIT_CODES = """\
exit codes:
  0    done
  1    not done, or a problem was found: a sentence says what and what to do
  2    the command line is wrong
  130  stopped with Ctrl+C
"""


def no_arguments(_parser: ArgumentParser) -> None:
    """For a command that takes none of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """`run` gets the settings and the arguments and returns an exit code, or raises PlumbusError."""

    name: str
    summary: str
    description: str
    run: Callable[[Settings, Namespace], int]
    add_arguments: Callable[[ArgumentParser], None] = no_arguments

    def carry_out(self, read_settings: Callable[[], Settings], options: Namespace) -> int:
        """Given how to read the settings and the arguments, run it and return the exit code; a failure is told."""
        try:
            return self.run(read_settings(), options)
        except PlumbusError as error:
            if getattr(options, 'json', False):
                show_json({'success': False, 'error': str(error)})
            else:
                sys.stderr.write(f'{error}\n')
            return NOT_DONE
        except KeyboardInterrupt:
            sys.stderr.write('\nStopped.\n')
            return STOPPED


def add_json(parser: ArgumentParser) -> None:
    """Given a parser, let it take --json."""
    parser.add_argument('--json', action='store_true', help='print one JSON document instead of text')


def describe(command: Command, parsers: Any, common: ArgumentParser) -> None:
    """Given argparse's collection of commands and the options that all share, add this one."""
    parser = parsers.add_parser(
        command.name,
        parents=[common],
        help=command.summary,
        description=command.description,
        epilog=EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    parser.set_defaults(run=command)


def say(*lines: str) -> None:
    """Write lines to stdout."""
    sys.stdout.write(''.join(f'{line}\n' for line in lines))


def show_json(document: Any) -> None:
    """Write a JSON document to stdout."""
    say(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def folder_of(settings: Settings) -> Path:
    """Return the data folder, resolved. Raise PlumbusError if there is none: a command makes it only if it must."""
    folder = settings.data_dir.resolve()
    if not folder.is_dir():
        raise PlumbusError(
            f'There is no data folder {folder}.', 'Name the right one with --data-dir or PLUMBUS_DATA_DIR.'
        )
    return folder


def table(rows: Iterable[Iterable[object]]) -> list[str]:
    """Given rows of equal length, return them as lines, the first column to the left and the others to the right."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return [
        '  '.join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in texts
    ]
