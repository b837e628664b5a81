"""What a version of a file holds, to be looked at: text, a picture, or what is other in it than in another version."""

from collections.abc import Iterator
from itertools import groupby

from pages.browse.place import last_part, picture
from pages.widgets.text import Text, box
from pages.wording import literal, size
from plumbus.backup.preview import HEAD, Preview
from plumbus.backup.textdiff import TextDifference

TONES = {'+': 'added', '-': 'removed', '@': 'hunk'}


def draw_preview(told: Preview, backup_id: int) -> None:
    """Given what can be shown of a file, show it."""
    if told.kind == 'text':
        if not told.size:
            Text('This file is empty.', 'sub', 'p')
            return
        _sheet('Preview', [('', readable(told.text or ''))])
        if told.truncated:
            Text(f'Only the first {size(HEAD)} are shown.', 'sub small', 'p')
    elif told.kind == 'image':
        shown = box('picture', 'img')
        shown.props['src'], shown.props['alt'] = picture(backup_id, told.path), literal(last_part(told.path))
    else:
        Text('There is no preview of this kind of file. Download it to look into it.', 'sub', 'p')


def draw_difference(told: TextDifference) -> None:
    """Given how two versions differ, show that line by line."""
    if told.identical:
        Text('Both versions hold the same; only the time or the rights are others.', 'sub', 'p')
    elif told.binary:
        Text('This is no text: the versions cannot be compared line by line.', 'sub', 'p')
    elif told.too_large:
        Text('The versions are too large, or too different, to be compared here. Download both.', 'sub', 'p')
    else:
        _sheet('Differences', blocks(told.diff))


def blocks(diff: str) -> Iterator[tuple[str, str]]:
    """Given a unified difference, yield (tone, text) of runs of lines that are alike; the file names at its head are left out."""
    lines = [line for line in diff.split('\n') if not line.startswith(('--- ', '+++ '))]
    for tone, run in groupby(lines, key=lambda line: TONES.get(line[:1], '')):
        yield tone, '\n'.join(readable(line) for line in run)


def readable(text: str) -> str:
    """Given a text, return it with what one cannot see spelled out; line ends and tabs stay."""
    return '\n'.join('\t'.join(map(literal, line.split('\t'))) for line in text.split('\n'))


def _sheet(name: str, parts: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> None:
    with box('sheet mono') as sheet:
        sheet.props['tabindex'], sheet.props['role'], sheet.props['aria-label'] = '0', 'region', name
        for tone, text in parts:
            Text(text, f'run {tone}', 'pre')
