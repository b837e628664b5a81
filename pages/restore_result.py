"""What came of a restore, drawn once it has ended. No call of the engine is made here."""

from collections.abc import Sequence
from datetime import tzinfo

from pages.restoring import done, effects, subject, target, total
from pages.widgets.lines import draw_lines
from pages.widgets.restore_changes import RestoreChanges
from pages.widgets.text import Text, box, card, draw_tiles, link
from pages.wording import count, duration, literal, plural, size
from plumbus.model import Restore, Status

ENDINGS = {
    Status.FAILED: 'It failed, and nobody said why. The log below may tell more.',
    Status.CANCELLED: 'Someone cancelled this restore. What it had copied back by then is there.',
    Status.INTERRUPTED: 'PLUMBUS was stopped while this restore ran. Start it again: what is there already is not copied twice.',
}


def draw_result(restore: Restore, zone: tzinfo) -> None:
    """Given an ended restore or dry run, draw what came of it."""
    if restore.status.good:
        _draw_figures(restore)
    if not restore.status.good or restore.error_message:
        _draw_trouble(restore)
    _draw_facts(restore)
    for name, words, lines in (
        ('Missing in the snapshot', 'not brought back', restore.missing),
        ('Damaged in the snapshot', 'brought back as they are', restore.damaged),
        ('Warnings', 'lines', restore.warnings),
    ):
        if lines:
            _draw_lines(name, words, lines)
    if restore.dry_run and restore.changes:
        with card('What it would change', classes='flush'):
            RestoreChanges(restore, zone)


def _draw_figures(restore: Restore) -> None:
    tiles = [
        (
            'Took',
            duration(restore.duration_s),
            'nothing was written' if restore.dry_run else 'from start to end',
        ),
        ('Changes', count(total(restore)), _verb(restore)),
        ('Sent', size(restore.transferred_bytes), 'over the network'),
    ]
    draw_tiles(tiles, 'tiles three')


def _safety(restore: Restore) -> str:
    if not restore.safety_path:
        return (
            'not needed: nothing was in the way'
            if restore.safety_copy and restore.status.good and not restore.dry_run
            else ''
        )
    fate = '' if restore.undoable else ' (removed by the undo)' if restore.undone_by else ''
    return f'{literal(restore.safety_path)} on {restore.client_name}{fate}'


def _verb(restore: Restore) -> str:
    if restore.dry_run:
        return 'would be made'
    return done(restore) or 'all was already as in the snapshot'


def _draw_trouble(restore: Restore) -> None:
    tone = 'fa' if restore.status == Status.FAILED else 'wa' if restore.status.good else ''
    with box(f'card notice {tone} stack tight', 'section').props('role=status'):
        Text('What went wrong' if tone else 'It did not come to its end', 'sub small', 'h2')
        Text(restore.error_message or ENDINGS.get(restore.status, ''), 'strong wrap-any', 'p')


def _draw_facts(restore: Restore) -> None:
    facts = {
        'What': subject(restore) if len(restore.paths) < 3 else plural(len(restore.paths), 'path'),
        'Where to': target(restore),
        'Deleted there': 'what is not in the snapshot' if restore.delete else '',
        'Safety copy': _safety(restore),
        'To know': ' '.join(restore.notes),
    }
    with card('What and where'):
        with box('facts', 'dl'):
            Text('Snapshot', tag='dt')
            with box(tag='dd'):
                link(f'Backup {restore.backup_id} of {restore.job_name}', f'/backups/{restore.backup_id}')
            for name, number in (('Undo of', restore.undo_of), ('Undone by', restore.undone_by)):
                if number:
                    Text(name, tag='dt')
                    with box(tag='dd'):
                        link(f'Restore {number}', f'/restores/{number}')
            for name, value in facts.items():
                if value:
                    Text(name, tag='dt')
                    Text(value, tag='dd')
        for effect in effects(restore) if restore.dry_run else ():
            Text(effect.words, 'sub', 'p')


def _draw_lines(name: str, words: str, lines: Sequence[str]) -> None:
    with card(name, f'{count(len(lines))} {words}'):
        draw_lines(lines)
