"""What a snapshot lacks, or what of it is damaged: said before anything is taken out of it."""

from collections.abc import Sequence

from pages.widgets.lines import draw_folded
from pages.widgets.text import Text, box, link
from plumbus.model import Backup, Status


def draw_shortfalls(backup: Backup) -> bool:
    """Given a backup with a snapshot, draw a notice for what is wrong with it. Return whether anything is."""
    if backup.verify_status == 'damaged':
        _notice(
            'fa',
            'This snapshot is damaged.',
            'Files below are not as they were stored. Take those from another snapshot.',
            backup.verify_errors,
            backup,
        )
    if backup.status == Status.WARNING:
        _notice('wa', 'This snapshot is not complete.', _reason(backup), backup.warnings, backup)
    return backup.verify_status == 'damaged' or backup.status == Status.WARNING


def _reason(backup: Backup) -> str:
    if backup.suspicious:
        return f'{backup.error_message or ""} Files that were there before may be missing.'.strip()
    return 'What PLUMBUS could not read is missing here, or is as it was in the snapshot before.'


def _notice(tone: str, title: str, words: str, lines: Sequence[str], backup: Backup) -> None:
    with box(f'card notice {tone} stack tight', 'section').props('role=status') as notice:
        notice.props['aria-label'] = title
        Text(title, 'strong', 'h2')
        Text(words, 'wrap-any', 'p')
        if lines:
            draw_folded('Which', lines)
        link('The record of this backup', f'/backups/{backup.id}')
