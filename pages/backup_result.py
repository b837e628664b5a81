"""What came of a backup, drawn once it has ended: figures, what is wrong, what to decide. No call of the engine is made here."""

from collections.abc import Sequence
from datetime import tzinfo

from nicegui.events import ClickEventArguments, Handler

from pages.widgets.lines import draw_lines
from pages.widgets.text import Text, box, button, button_link, card, draw_tiles
from pages.widgets.when import When
from pages.wording import count, duration, plural, size
from plumbus.model import Backup, Status

ENDINGS = {
    Status.FAILED: 'It failed, and nobody said why. The log below may tell more.',
    Status.CANCELLED: 'Someone cancelled this backup.',
    Status.INTERRUPTED: 'PLUMBUS was stopped while this backup ran. The next run goes on from there.',
}
DENIED = 'Permission denied'
UNREADABLE = 'What the login may not read is not in this snapshot. Let it read that, turn on sudo for the client, or leave it out in the job.'
SHRUNK = 'The source had shrunk far more than usual.'
OWNERS = {
    'fake-super': (
        'PLUMBUS does not run as root here, so owners, groups and devices of these files are kept in extended attributes. Restoring '
        'through PLUMBUS brings them back; a plain copy out of the folder does not.'
    ),
    'none': (
        'Owners, groups and devices of these files are not kept: PLUMBUS does not run as root, and the disk or rsync here knows '
        'no extended attributes.'
    ),
}


def draw_result(backup: Backup, zone: tzinfo, accept: Handler[ClickEventArguments] | None) -> None:
    """Given an ended backup, draw what came of it; `accept` is called when someone says that a shrunk source is
    right; None: who looks may not."""
    if backup.status.good:
        _draw_figures(backup)
    else:
        _draw_failure(backup)
    if backup.removed_at:
        _draw_removal(backup, zone)
    elif backup.suspicious:
        _draw_suspicion(backup, accept)
    if warnings := [line for line in backup.warnings if not _told_above(backup, line)]:
        _draw_warnings(warnings)


def _draw_removal(backup: Backup, zone: tzinfo) -> None:
    with box('card notice stack near', 'section').props('role=status aria-label="The snapshot was removed"'):
        with box('strong', 'p'):
            Text('Its snapshot was removed ')
            When(backup.removed_at, zone)
            Text(f', which freed {size(backup.freed_bytes)}.' if backup.freed_bytes is not None else '.')
        Text(
            'The record and the log are what is left. What the job keeps stands in its retention.', 'sub', 'p'
        )


def _draw_suspicion(backup: Backup, accept: Handler[ClickEventArguments] | None) -> None:
    with box('card notice wa stack near', 'section').props('role=status aria-label="A shrunk source"'):
        Text('Is this right?', 'sub small', 'h2')
        Text(backup.error_message or SHRUNK, 'strong wrap-any', 'p')
        Text(
            'Until someone says so, this snapshot takes no good one’s place: the older ones stay, and the next backup is compared with '
            'the last one that was not suspicious.',
            tag='p',
        )
        with box('actions'):
            if accept:
                button('It is right so', icon='o_check', on_click=accept)


def _draw_failure(backup: Backup) -> None:
    failed = backup.status == Status.FAILED
    with box(f'card notice {"fa" if failed else ""} stack tight', 'section').props('role=status'):
        Text('What went wrong' if failed else 'No snapshot', 'sub small', 'h2')
        Text(backup.error_message or ENDINGS.get(backup.status, ''), 'strong wrap-any', 'p')
        if backup.duration_s:
            Text(f'It ended after {duration(backup.duration_s)}.', 'sub', 'p')
        if failed:
            with box('actions').style('margin-top:8px'):
                button_link('Test the connection', f'/clients/{backup.client_id}', icon='o_lan')


def _draw_figures(backup: Backup) -> None:
    changes = f'{count(backup.new_files)} · {count(backup.changed_files)} · {count(backup.deleted_files)}'
    tiles = (
        (
            'Took',
            duration(backup.duration_s),
            'pinned, never pruned' if backup.pinned else 'from start to end',
        ),
        ('Size', size(backup.size_bytes), 'the whole tree'),
        ('Fetched', size(backup.transferred_bytes), f'{size(backup.disk_bytes)} more on disk'),
        ('New · changed · gone', changes, f'of {plural(backup.file_count, "file")}'),
    )
    draw_tiles(tiles)
    if remark := OWNERS.get(backup.owners or ''):
        Text(remark, 'sub small', 'p').mark('owners')


def _told_above(backup: Backup, line: str) -> bool:
    return backup.suspicious and (backup.error_message or '').startswith(line)


def _draw_warnings(warnings: Sequence[str]) -> None:
    with card('Warnings', plural(len(warnings), 'line'), classes='stack near'):
        if any(line.endswith(DENIED) for line in warnings):
            Text(UNREADABLE, 'sub', 'p')
        draw_lines(warnings)
