"""What benchmarks are told on the command line, and what they say when asked for help: the docstring of the module."""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Given the docstring of a benchmark, return a parser that shows it for --help and takes nothing else yet."""
    return argparse.ArgumentParser(
        usage=argparse.SUPPRESS, description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def no_arguments(doc: str | None) -> None:
    """Given the docstring of a benchmark that is told nothing, show it if that is asked for; end it if anything else is."""
    parser(doc).parse_args()


def counted(doc: str | None, default: int) -> int:
    """Given the docstring, return the number on the command line, or the default."""
    arguments = parser(doc)
    arguments.add_argument('number', type=int, nargs='?', default=default, help=f'default {default:,}')
    return int(arguments.parse_args().number)


@contextmanager
def folder(doc: str | None) -> Iterator[Path]:
    """Given the docstring, return the folder on the command line, or one that goes when the block ends."""
    arguments = parser(doc)
    arguments.add_argument('folder', type=Path, nargs='?', help='what is made there is used again next time')
    named = arguments.parse_args().folder
    with tempfile.TemporaryDirectory() as made:
        yield named or Path(made)
