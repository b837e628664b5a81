"""Writes the table of causes in docs/troubleshooting.md from the table that PLUMBUS itself uses (`make docs`)."""

import re
from collections.abc import Iterable
from pathlib import Path

from plumbus.failures import TABLE, Failure
from plumbus.transfer.causes import CONNECTION, EXIT_CODES, STORAGE, Cause

DOCUMENT = Path(__file__).resolve().parents[1] / 'docs' / 'troubleshooting.md'
BEGIN = '<!-- table of causes: written by `make docs` -->'
END = '<!-- end of the table -->'
TITLES = {
    'On the way to the machine, and over there': CONNECTION,
    'Where the files are written': STORAGE,
    'When nothing else was said': list(EXIT_CODES.values()),
}
NOTICED = 'What PLUMBUS itself notices'
HEAD = ['| cause | what PLUMBUS says | what to do | tried again |', '| --- | --- | --- | --- |']


def table() -> str:
    """Return the table of causes in Markdown. A sentence that stands in two places is shown once."""
    shown: set[str] = set()
    sections = [_section(title, causes, shown) for title, causes in TITLES.items()]
    return '\n'.join([*sections, _noticed(TABLE)])


def with_table(text: str) -> str:
    """Given the document, return it with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    return f'{before}{BEGIN}\n\n{table()}\n{END}{rest.partition(END)[2]}'


def _section(title: str, causes: Iterable[Cause], shown: set[str]) -> str:
    rows = []
    for cause in causes:
        message = cause.message.format(of='of the data folder')
        if message not in shown:
            shown.add(message)
            rows.append(_row(cause.id, message, cause.remedy, cause.transient))
    return '\n'.join([f'### {title}', '', *HEAD, *rows, ''])


def _noticed(failures: Iterable[Failure]) -> str:
    rows = [_row(one.cause, _plain(one.message), _plain(one.remedy), one.transient) for one in failures]
    return '\n'.join([f'### {NOTICED}', '', *HEAD, *rows, ''])


def _plain(text: str) -> str:
    return re.sub(r'\{\w+\}', '…', text)


def _row(cause: str, message: str, remedy: str, transient: bool) -> str:
    cells = (f'`{cause}`', message, remedy, 'yes' if transient else '')
    return '| ' + ' | '.join(cell.replace('|', '\\|') for cell in cells) + ' |'


if __name__ == '__main__':
    DOCUMENT.write_text(with_table(DOCUMENT.read_text(encoding='utf-8')), encoding='utf-8')
